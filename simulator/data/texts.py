"""Human text as blocks of tokens."""

from dataclasses import asdict, dataclass
from functools import cache
from typing import Literal, NamedTuple

import numpy as np
import rfc8785

from firsthand.core.digests import digest_bytes, to_text
from simulator.data import passages
from simulator.data.passages import Passages
from simulator.data.tokenizers import Codec, HuggingFaceCodec, Tokens, make_codec
from simulator.families.base import Floats, Items
from simulator.randomness import generator, shuffled_passes
from simulator.ranges import check_least


@dataclass(frozen=True)
class Text:
    """human text as blocks of tokens: the help texts of CPython, your text file, or your folder of text files"""

    path: str = ""
    """path of a text file, or of a folder with .txt, .md and .rst files; empty: `pydoc_data.topics`, the English
    help of CPython"""
    tokens: Literal["bpe", "characters", "words"] = "bpe"
    """kind of token: `bpe` (byte pairs, learned only from the pool), `characters`, or `words` (words and
    punctuation)"""
    vocabulary: int = 1024
    """largest number of distinct tokens"""
    block: int = 64
    """number of tokens per item; in every perplexity, the context of a token is the tokens before it in its block"""
    aside: float = 0.1
    """share of the passages that are held out for metrics; the digest of a passage decides whether it is held out"""
    recrawl: bool = False
    """true: a round can get the same text again as new human items; false: there are no new human items"""
    tokenizer: str = ""
    """name or folder of a Hugging Face model whose tokenizer replaces `tokens` and `vocabulary`"""

    def __post_init__(self) -> None:
        if not 0 < self.aside < 1:
            raise ValueError(f"aside is {self.aside:g}: use a number above 0 and below 1, such as 0.1")
        check_least(2, block=self.block)

    def pool(self, chains: int, seed: int) -> Items:
        """Return all blocks that are not held out, `uint16[N, C, block]`. They are the same for each chain and seed."""
        return np.repeat(_blocks(self).pool[:, np.newaxis], chains, axis=1)

    def fresh(self, n: int, chains: int, seed: int, round: int) -> Items:
        """Return n blocks of the pool again as new human items, `uint16[n, C, block]`.

        If the pool has N blocks, these are all blocks n // N times, then n % N different random blocks. Raises
        ValueError if `recrawl` is false.
        """
        pool = self.pool(chains, seed)
        if not self.recrawl:
            raise ValueError(
                f"this round needs new human items, but the text has only {len(pool)} blocks: set recrawl=true to use "
                "the same text again, or use a regime without new human data"
            )
        remaining = shuffled_passes(generator(seed, "human fresh", round), len(pool), n % len(pool))
        rows = np.concatenate([np.tile(np.arange(len(pool)), n // len(pool)), remaining])
        return np.asarray(pool[rows])

    @property
    def held_out(self) -> Tokens:
        """The held-out blocks, `uint16[m, block]`."""
        return _blocks(self).aside

    @property
    def truth(self) -> None:
        """None: the distribution of human text is unknown."""

    @property
    def labelled(self) -> None:
        """None: text has no classes."""

    def digest(self) -> str:
        """Return `sha256:<hex>` of the settings, of the cleaned text and of its tokens."""
        plain = asdict(self) | {"path": None}  # the same text at another path is the same data
        whole = "\0".join([*(split := _passages(self)).pool, "\0", *split.aside]).encode()
        blocks = _blocks(self)
        settings = rfc8785.dumps({"Text": plain})
        return to_text(digest_bytes(settings + whole + blocks.pool.astype("<u2").tobytes()))

    def images(self, items: Items) -> None:
        """Return None: text is not a picture."""
        return None

    def texts(self, items: Items) -> list[str]:
        """Return the items of the first chain, from `items[n, C, block]`, as texts."""
        codec = _codec(self)
        return [codec.decode(item[0]) for item in items]

    @property
    def frequencies(self) -> Floats:
        """The number of occurrences of each token in the pool, `[V]`."""
        return _frequencies(self)


class _Blocks(NamedTuple):
    pool: Tokens  # [N, block]
    aside: Tokens  # [m, block]


def _passages(corpus: Text) -> Passages:
    return passages.read(corpus.path, corpus.aside)


@cache
def _codec(corpus: Text) -> Codec:
    if corpus.tokenizer:
        return HuggingFaceCodec(corpus.tokenizer)
    return make_codec(corpus.tokens, _passages(corpus).pool, corpus.vocabulary)


@cache
def _blocks(corpus: Text) -> _Blocks:
    """Return the blocks of the pool and of the held-out part.

    A block that is in both parts, often a common phrase, is removed from the pool. Raises ValueError if one of the
    parts has fewer tokens than a block.
    """
    split, encoder = _passages(corpus), _codec(corpus)
    pool, aside = (_cut(encoder.encode("".join(texts)), corpus.block) for texts in split)
    if not len(pool) or not len(aside):
        raise ValueError(
            f"the text is too short for block={corpus.block}: the pool and the held-out part each need at least one "
            f"block of {corpus.block} tokens. Use a smaller block, or a longer text"
        )
    known = {block.tobytes() for block in aside}
    return _Blocks(pool[[block.tobytes() not in known for block in pool]], aside)


@cache
def _frequencies(corpus: Text) -> Floats:
    """Return the number of occurrences of each token in the pool, `[V]`."""
    return np.bincount(_blocks(corpus).pool.ravel(), minlength=_codec(corpus).size).astype(np.float64)


def _cut(tokens: Tokens, block: int) -> Tokens:
    """Return the complete blocks `[m, block]` of a sequence of tokens, without an incomplete last block."""
    return tokens[: len(tokens) // block * block].reshape(-1, block)
