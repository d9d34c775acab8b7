"""Conversion of text to tokens and back: byte pairs, characters or words, or the tokenizer of a Hugging Face model."""

import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

#: Tokens of any shape.
Tokens: TypeAlias = npt.NDArray[np.uint16]

#: The largest size of a vocabulary, because tokens are uint16.
MOST = 2**16
#: The text that stands for all pieces outside the vocabulary.
STRANGE = "�"


class Codec(ABC):
    """A vocabulary of tokens, and the conversion of text to tokens and back."""

    @property
    @abstractmethod
    def size(self) -> int:
        """The number of tokens in the vocabulary."""

    @abstractmethod
    def encode(self, text: str) -> Tokens:
        """Return the tokens of a text, `uint16[m]`."""

    @abstractmethod
    def decode(self, tokens: Tokens) -> str:
        """Return the text of `tokens[m]`."""


class BytePairs(Codec):
    """Byte pair encoding (Sennrich et al. 2016) over bytes, so that every text can be encoded."""

    def __init__(self, texts: Sequence[str], vocabulary: int) -> None:
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        if vocabulary < len(alphabet):
            raise ValueError(
                f"vocabulary is {vocabulary}: byte pair encoding needs a token for each of the "
                f"{len(alphabet)} possible values of a byte; use {len(alphabet)} or more"
            )
        self._tokenizer = Tokenizer(models.BPE())
        self._tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        self._tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(vocab_size=vocabulary, initial_alphabet=sorted(alphabet), show_progress=False)
        self._tokenizer.train_from_iterator(texts, trainer)

    @property
    def size(self) -> int:
        return int(self._tokenizer.get_vocab_size())

    def encode(self, text: str) -> Tokens:
        return np.array(self._tokenizer.encode(text).ids, dtype=np.uint16)

    def decode(self, tokens: Tokens) -> str:
        return str(self._tokenizer.decode(tokens.tolist()))


class Pieces(Codec):
    """A vocabulary of the most frequent pieces of text that match a regular expression: words or characters.

    Token 0 stands for all other pieces. `joint` is the text that is inserted between two decoded pieces.
    """

    def __init__(self, texts: Sequence[str], vocabulary: int, pattern: str, joint: str) -> None:
        self._pattern, self._joint = re.compile(pattern, re.DOTALL), joint
        counts = Counter(piece for text in texts for piece in self._pattern.findall(text))
        common = sorted(counts, key=lambda piece: (-counts[piece], piece))[: vocabulary - 1]
        self._pieces = [STRANGE, *common]
        self._token_of = {piece: token for token, piece in enumerate(self._pieces)}

    @property
    def size(self) -> int:
        return len(self._pieces)

    def encode(self, text: str) -> Tokens:
        return np.array([self._token_of.get(piece, 0) for piece in self._pattern.findall(text)], dtype=np.uint16)

    def decode(self, tokens: Tokens) -> str:
        return self._joint.join(self._pieces[token] for token in tokens.tolist())


class HuggingFaceCodec(Codec):
    """The tokenizer of the Hugging Face model with this name or in this folder."""

    def __init__(self, name: str) -> None:
        self._tokenizer = _auto_tokenizer().from_pretrained(name)
        if self.size > MOST:
            raise ValueError(
                f"the tokenizer of {name} has {self.size} tokens, and at most {MOST} are possible: use a model "
                "with a smaller vocabulary, such as facebook/opt-125m"
            )

    @property
    def size(self) -> int:
        return len(self._tokenizer)

    def encode(self, text: str) -> Tokens:
        return np.array(self._tokenizer(text, add_special_tokens=False, verbose=False).input_ids, dtype=np.uint16)

    def decode(self, tokens: Tokens) -> str:
        return str(self._tokenizer.decode(tokens.tolist()))


@cache
def make_codec(kind: str, texts: tuple[str, ...], vocabulary: int) -> Codec:
    """Return a codec whose vocabulary is built from `texts` and has at most `vocabulary` tokens.

    `kind` is `bpe`, `characters` or `words`. Raises ValueError if the vocabulary is too small or too large.
    """
    if not 2 <= vocabulary <= MOST:
        raise ValueError(f"vocabulary is {vocabulary}: use a number from 2 to {MOST}")
    if kind == "bpe":
        return BytePairs(texts, vocabulary)
    if kind == "characters":
        return Pieces(texts, vocabulary, ".", "")
    return Pieces(texts, vocabulary, r"\n|\w+(?:['’]\w+)*|[^\w\s]", " ")


def _auto_tokenizer() -> Any:
    try:
        from transformers import AutoTokenizer
    except ImportError:
        raise ValueError(
            "the setting `tokenizer` needs the package transformers. Install it with: pip install transformers"
        ) from None
    return AutoTokenizer
