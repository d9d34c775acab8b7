"""What is measured of text, one value a chain.

A perplexity is that of tokens given those before them in their block, so the block is its window: the same model has
half the perplexity in a window four times as long. Collapse shows in the rare first, so the loss on rare tokens stands
beside that on all; and generated text is judged twice, by the first model (is it text that people would write?) and by
how much it repeats itself.
"""

from collections import Counter

import numpy as np
import numpy.typing as npt

from simulator.families.base import Fitted, Floats, Items, Language

#: Items that distinct pairs are counted in, and that are compared with each other: both depend on how many.
PAIRED, COMPARED = 500, 100
#: The share of human tokens that is rare, and of human blocks that the first model finds improbable.
RARE, IMPROBABLE = 0.1, 0.01
#: The longest n-grams that BLEU compares, and what stands for none in common (Chen and Cherry 2014, method 1).
LONGEST, NONE_IN_COMMON = 4, 0.1


def measure(
    human: Items, frequencies: Floats, fitted: Fitted | None, items: Items, reference: Fitted | None
) -> dict[str, Floats]:
    """Every metric that applies, `[C]` each, to a model and its `items[n, C, L]`, named as in `definitions.METRICS`.

    `human[m, L]` are the blocks kept aside, `frequencies[V]` how often each token is in the text to train on.
    """
    blocks = np.repeat(human[:, np.newaxis], items.shape[1], axis=1)
    found: dict[str, Floats] = {}
    if isinstance(fitted, Language):
        losses = fitted.losses(blocks)
        found["perplexity"] = np.exp(losses.mean(axis=(0, 2)))
        found["rarest_decile_loss"] = losses.transpose(1, 0, 2)[:, rare(human[:, 1:], frequencies)].mean(axis=1)
    if isinstance(reference, Language):
        made = reference.losses(items)
        usual = np.quantile(perplexities(reference, blocks), 1 - IMPROBABLE, axis=0)
        found["sample_perplexity"] = np.exp(made.mean(axis=(0, 2)))
        found["improbable_share"] = (np.exp(made.mean(axis=2)) > usual).mean(axis=0)
    return found | of_items(items)


def of_items(items: Items) -> dict[str, Floats]:
    """What `items[n, C, L]` are like by themselves."""
    chains = range(items.shape[1])
    found = {"unique": unique(items)}
    if items.shape[2] > 1:
        found["distinct_2"] = np.array([distinct_pairs(items[:PAIRED, chain]) for chain in chains])
        found["self_bleu"] = np.array([self_bleu(items[:COMPARED, chain]) for chain in chains])
    return found


def perplexities(model: Fitted, items: Items) -> Floats:
    """The perplexity of each of `items[n, C, L]` under a model, `[n, C]`. Raises TypeError for one without losses."""
    if not isinstance(model, Language):
        raise TypeError(f"{type(model).__name__} has no losses")
    return np.asarray(np.exp(model.losses(items).mean(axis=2)))


def rare(tokens: Items, frequencies: Floats) -> npt.NDArray[np.bool_]:
    """Which of `tokens[m, L]` are of the rarest decile: no more frequent in human text than a tenth of them are.

    Ties are all in it, so that it may be more than a tenth.
    """
    often = frequencies[tokens]
    return np.asarray(often <= np.quantile(often, RARE, method="inverted_cdf"))


def unique(items: Items) -> Floats:
    """How many distinct tokens each chain of `items[n, C, L]` has, `[C]`."""
    each = np.sort(items.transpose(1, 0, 2).reshape(items.shape[1], -1), axis=1)
    return np.asarray(1.0 + (each[:, 1:] != each[:, :-1]).sum(axis=1))


def distinct_pairs(blocks: Items) -> float:
    """Distinct bigrams over bigrams of `blocks[n, L]` (Li et al. 2016, distinct-2)."""
    pairs = blocks[:, :-1].astype(np.int64) << 32 | blocks[:, 1:]
    return len(np.unique(pairs)) / pairs.size


def self_bleu(blocks: Items) -> float:
    """Mean BLEU (Papineni et al. 2002) of each of `blocks[n, L]`, with all others as its references (Zhu et al. 2018).

    N-grams of 1 to 4 tokens, those that the blocks are long enough for, weighted alike; blocks are of one length, so
    there is no brevity penalty. 1 where all are the same; nan for one alone.
    """
    if len(blocks) < 2:
        return float("nan")
    lengths = range(1, min(LONGEST, blocks.shape[1]) + 1)
    logs = np.mean([np.log(_precisions(blocks, length)) for length in lengths], axis=0)
    return float(np.exp(logs).mean())


def _precisions(blocks: Items, length: int) -> Floats:
    """Of each block, the share of its n-grams that one other block has as often, `[n]`; where none, a little."""
    windows = np.lib.stride_tricks.sliding_window_view(blocks, length, axis=1)
    counts = [
        Counter(map(bytes, np.ascontiguousarray(block).view(f"V{length * blocks.itemsize}"))) for block in windows
    ]
    first, second = Counter[bytes](), Counter[bytes]()
    for counted in counts:
        for gram, count in counted.items():
            second[gram] = max(second[gram], min(count, first[gram]))
            first[gram] = max(first[gram], count)
    shared = [sum(min(n, second[g] if n == first[g] else first[g]) for g, n in counted.items()) for counted in counts]
    return np.asarray(np.maximum(np.array(shared, dtype=np.float64), NONE_IN_COMMON) / windows.shape[1])
