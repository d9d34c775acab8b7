"""Human text as blocks of tokens."""

from dataclasses import asdict, dataclass
from functools import cache
from typing import Literal, NamedTuple

import numpy as np
import rfc8785

from firsthand.core.digests import digest_bytes, to_text
from simulator.data import passages
from simulator.data.passages import Passages
from simulator.data.tokenizers import Codec, Foreign, Tokens, codec
from simulator.families.base import Fitted, Floats, Items
from simulator.metrics import text
from simulator.randomness import generator


@dataclass(frozen=True)
class Text:
    """human text: blocks of tokens of what CPython carries, of a file, or of a folder of files"""

    path: str = ""
    """a text file, or a folder of .txt, .md and .rst; empty: `pydoc_data.topics`, human English that CPython carries"""
    tokens: Literal["bpe", "characters", "words"] = "bpe"
    """what a token is: byte pairs, made from the text to train on alone; characters; words and punctuation"""
    vocabulary: int = 1024
    """tokens at most"""
    block: int = 64
    """tokens of an item, and the window of every perplexity: a token is judged by those before it in its block"""
    aside: float = 0.1
    """share of passages kept aside to measure with; their digests choose them"""
    recrawl: bool = False
    """whether new human items are the same text found again; else there are none"""
    tokenizer: str = ""
    """a Hugging Face model, by name or folder, whose tokenizer is used instead of `tokens` and `vocabulary`"""

    def __post_init__(self) -> None:
        if not 0 < self.aside < 1 or self.block < 2:
            raise ValueError(
                f"{self} is impossible: a share between 0 and 1 is aside, and a block has 2 tokens or more"
            )

    def pool(self, chains: int, seed: int) -> Items:
        """The blocks of the text that was not kept aside, `uint16[N, C, block]`: the same for each chain and seed."""
        return np.repeat(_blocks(self).pool[:, np.newaxis], chains, axis=1)

    def fresh(self, n: int, chains: int, seed: int, round: int) -> Items:
        """n blocks of the pool, found again: each as often as it goes, and a choice of the rest.

        Raises ValueError unless `recrawl` says that this is meant.
        """
        pool = self.pool(chains, seed)
        if not self.recrawl:
            raise ValueError(
                f"the text has {len(pool)} blocks and no more: say recrawl=true to find the same text again, or use a "
                "regime without fresh human data"
            )
        chosen = generator(seed, "human fresh", round).permutation(len(pool))[: n % len(pool)]
        rows = np.concatenate([np.tile(np.arange(len(pool)), n // len(pool)), chosen])
        return np.asarray(pool[rows])

    @property
    def held_out(self) -> Tokens:
        """The blocks of the text kept aside, `uint16[m, block]`."""
        return _blocks(self).aside

    @property
    def truth(self) -> None:
        """None: nobody knows the distribution of human text."""

    @property
    def labelled(self) -> None:
        """None: text has no classes."""

    def digest(self) -> str:
        """`sha256:<hex>` of the cleaned text, of how it is split, and of the tokens that it came to."""
        said = asdict(self) | {"path": None}  # where the text lies is no part of it
        whole = "\0".join([*(split := _passages(self)).pool, "\0", *split.aside]).encode()
        blocks = _blocks(self)
        settings = rfc8785.dumps({"Text": said})
        return to_text(digest_bytes(settings + whole + blocks.pool.astype("<u2").tobytes()))

    def images(self, items: Items) -> None:
        """None: these are no pictures."""
        return None

    def texts(self, items: Items) -> list[str]:
        """The first chain's values of `items[n, C, block]`, written out."""
        written = _codec(self)
        return [written.decode(item[0]) for item in items]

    def perplexities(self, items: Items, reference: Fitted) -> Floats:
        """Each item's perplexity under a model, the run's first as a rule; of the first chain, `[n]`."""
        return text.perplexities(reference, items)[:, 0]

    def measure(self, fitted: Fitted | None, items: Items, reference: Fitted | None) -> dict[str, Floats]:
        """What `simulator.metrics.text` has, one value a chain."""
        return text.measure(self.held_out, _frequencies(self), fitted, items, reference)


class _Blocks(NamedTuple):
    pool: Tokens  # [N, block]
    aside: Tokens  # [m, block]


def _passages(corpus: Text) -> Passages:
    return passages.read(corpus.path, corpus.aside)


@cache
def _codec(corpus: Text) -> Codec:
    if corpus.tokenizer:
        return Foreign(corpus.tokenizer)
    return codec(corpus.tokens, _passages(corpus).pool, corpus.vocabulary)


@cache
def _blocks(corpus: Text) -> _Blocks:
    """Both parts cut into blocks; one that is in both by its tokens, a common phrase as a rule, is not trained on."""
    split, written = _passages(corpus), _codec(corpus)
    pool, aside = (_cut(written.encode("".join(texts)), corpus.block) for texts in split)
    if not len(pool) or not len(aside):
        raise ValueError(f"the text has less than a block of {corpus.block} tokens to train on, or to keep aside")
    known = {block.tobytes() for block in aside}
    return _Blocks(pool[[block.tobytes() not in known for block in pool]], aside)


@cache
def _frequencies(corpus: Text) -> Floats:
    """How often each token is in the pool, `[V]`."""
    return np.bincount(_blocks(corpus).pool.ravel(), minlength=_codec(corpus).size).astype(np.float64)


def _cut(tokens: Tokens, block: int) -> Tokens:
    """Whole blocks `[m, block]` of tokens in a row; what is left over is left out."""
    return tokens[: len(tokens) // block * block].reshape(-1, block)
