"""The metrics of text, with one value per chain.

The context of a token is the tokens before it in its block (here, a block is a sequence of L tokens). In a longer
block, tokens have more context on average, so a model that uses the context has a lower perplexity. Compare
perplexities only for blocks of the same length. Collapse begins with rare tokens, so the loss on rare
tokens is measured in addition to the loss on all tokens. Generated text is measured in two ways: by its perplexity
under the first model of the run, and by its repetitions. In all functions, C is the number of chains, L the number of
tokens per block, and V the size of the vocabulary.
"""

from collections import Counter

import numpy as np
import numpy.typing as npt

from simulator.families.base import Fitted, Floats, Items, Language
from simulator.families.tokens import count_distinct

#: The largest number of items for distinct pairs, and for self-BLEU. Both metrics depend on the number of items.
PAIRED, COMPARED = 500, 100
#: The share of human tokens that counts as rare, and of human blocks that counts as improbable.
RARE, IMPROBABLE = 0.1, 0.01
#: The length of the longest n-grams of BLEU, and the value that replaces a count of 0 (Chen and Cherry 2014, method 1).
LONGEST, NONE_IN_COMMON = 4, 0.1


def measure(
    human: Items, frequencies: Floats, fitted: Fitted | None, items: Items, reference: Fitted | None
) -> dict[str, Floats]:
    """Return all metrics that apply to a model and to its output `items[n, C, L]`: arrays `[C]` by the metric's name.

    `human[m, L]` are held-out blocks of human text. `frequencies[V]` is the number of occurrences of each token in the
    human text for training. `reference` is the first model of the run.
    """
    blocks = np.repeat(human[:, np.newaxis], items.shape[1], axis=1)
    measured: dict[str, Floats] = {}
    if isinstance(fitted, Language):
        losses = fitted.losses(blocks)
        measured["perplexity"] = np.exp(losses.mean(axis=(0, 2)))
        measured["rarest_decile_loss"] = losses.transpose(1, 0, 2)[:, rare(human[:, 1:], frequencies)].mean(axis=1)
    if isinstance(reference, Language):
        losses_of_items = reference.losses(items)
        usual = np.quantile(perplexities(reference, blocks), 1 - IMPROBABLE, axis=0)
        measured["sample_perplexity"] = np.exp(losses_of_items.mean(axis=(0, 2)))
        measured["improbable_share"] = (np.exp(losses_of_items.mean(axis=2)) > usual).mean(axis=0)
    return measured | of_items(items)


def of_items(items: Items) -> dict[str, Floats]:
    """Return the metrics of `items[n, C, L]` that need no model: arrays `[C]` by the metric's name."""
    chains = range(items.shape[1])
    measured = {"unique": count_distinct(items)}
    if items.shape[2] > 1:
        measured["distinct_2"] = np.array([distinct_pairs(items[:PAIRED, chain]) for chain in chains])
        measured["self_bleu"] = np.array([self_bleu(items[:COMPARED, chain]) for chain in chains])
    return measured


def perplexities(model: Fitted, items: Items) -> Floats:
    """Return the perplexity of each item of `items[n, C, L]`, computed with a language model: `[n, C]`.

    Raises TypeError if the model has no method `losses`.
    """
    if not isinstance(model, Language):
        raise TypeError(f"{type(model).__name__} has no perplexity: give the class a method `losses`")
    return np.asarray(np.exp(model.losses(items).mean(axis=2)))


def rare(tokens: Items, frequencies: Floats) -> npt.NDArray[np.bool_]:
    """Return a mask `[m, L]` of the tokens in `tokens[m, L]` that are among the rarest tenth.

    `frequencies[V]` is the frequency of each token in human text. All tokens with the frequency at the limit are
    included, so the mask can have more than a tenth of the tokens.
    """
    counts = frequencies[tokens]
    return np.asarray(counts <= np.quantile(counts, RARE, method="inverted_cdf"))


def distinct_pairs(blocks: Items) -> float:
    """Return the number of distinct pairs of neighbouring tokens, divided by the number of all pairs, from 0 to 1.

    The pairs are those within the blocks `blocks[n, L]`. The metric is distinct-2 of Li et al. 2016.
    """
    pairs = blocks[:, :-1].astype(np.int64) << 32 | blocks[:, 1:]
    return len(np.unique(pairs)) / pairs.size


def self_bleu(blocks: Items) -> float:
    """Return the self-BLEU of `blocks[n, L]`: the mean BLEU score of each block against all other blocks.

    Source: Zhu et al. 2018. BLEU (Papineni et al. 2002) uses n-grams of 1 to 4 tokens with equal weights. All blocks
    have the same length, so there is no brevity penalty. The value is 1 if all blocks are equal, and nan for a single
    block.
    """
    if len(blocks) < 2:
        return float("nan")
    lengths = range(1, min(LONGEST, blocks.shape[1]) + 1)
    logs = np.mean([np.log(_precisions(blocks, length)) for length in lengths], axis=0)
    return float(np.exp(logs).mean())


def _precisions(blocks: Items, length: int) -> Floats:
    """Return the clipped n-gram precision of each block against all other blocks, `[n]`.

    If a block has no n-gram in common with other blocks, the count 0 is replaced by `NONE_IN_COMMON`.
    """
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
