"""Text ↔ tokens: byte pairs, characters or words, made from the human text to train on; or another's tokenizer."""

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

#: Tokens are uint16.
MOST = 2**16
#: What stands for text that is in no vocabulary.
STRANGE = "�"


class Codec(ABC):
    """A vocabulary, and how a text is written in it."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Tokens in the vocabulary."""

    @abstractmethod
    def encode(self, text: str) -> Tokens:
        """The tokens of a text, `[m]`."""

    @abstractmethod
    def decode(self, tokens: Tokens) -> str:
        """The text of tokens `[m]`."""


class BytePairs(Codec):
    """Byte pair encoding (Sennrich et al. 2016) over bytes, so that any text has tokens."""

    def __init__(self, texts: Sequence[str], vocabulary: int) -> None:
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        if vocabulary < len(alphabet):
            raise ValueError(f"byte pairs need a vocabulary of {len(alphabet)} at least, the bytes; not {vocabulary}")
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
    """The pieces that a pattern finds, the most frequent of them; token 0 stands for every other."""

    def __init__(self, texts: Sequence[str], vocabulary: int, pattern: str, joint: str) -> None:
        self._pattern, self._joint = re.compile(pattern, re.DOTALL), joint
        counts = Counter(piece for text in texts for piece in self._pattern.findall(text))
        common = sorted(counts, key=lambda piece: (-counts[piece], piece))[: vocabulary - 1]
        self._pieces = [STRANGE, *common]
        self._places = {piece: place for place, piece in enumerate(self._pieces)}

    @property
    def size(self) -> int:
        return len(self._pieces)

    def encode(self, text: str) -> Tokens:
        return np.array([self._places.get(piece, 0) for piece in self._pattern.findall(text)], dtype=np.uint16)

    def decode(self, tokens: Tokens) -> str:
        return self._joint.join(self._pieces[token] for token in tokens.tolist())


class Foreign(Codec):
    """The tokenizer that a Hugging Face model comes with, by the model's name or folder."""

    def __init__(self, name: str) -> None:
        self._tokenizer = _auto_tokenizer().from_pretrained(name)
        if self.size > MOST:
            raise ValueError(f"the tokenizer of {name} has {self.size} tokens, and items hold {MOST} at most")

    @property
    def size(self) -> int:
        return len(self._tokenizer)

    def encode(self, text: str) -> Tokens:
        return np.array(self._tokenizer(text, add_special_tokens=False, verbose=False).input_ids, dtype=np.uint16)

    def decode(self, tokens: Tokens) -> str:
        return str(self._tokenizer.decode(tokens.tolist()))


@cache
def codec(kind: str, texts: tuple[str, ...], vocabulary: int) -> Codec:
    """The codec of that kind, its vocabulary at most so large and made from these texts. Raises ValueError."""
    if not 2 <= vocabulary <= MOST:
        raise ValueError(f"a vocabulary has 2 to {MOST} tokens, not {vocabulary}")
    if kind == "bpe":
        return BytePairs(texts, vocabulary)
    if kind == "characters":
        return Pieces(texts, vocabulary, ".", "")
    return Pieces(texts, vocabulary, r"\n|\w+(?:['’]\w+)*|[^\w\s]", " ")


def _auto_tokenizer() -> Any:
    try:
        from transformers import AutoTokenizer
    except ImportError:
        raise ValueError("a Hugging Face tokenizer needs transformers: pip install 'firsthand[hf]'") from None
    return AutoTokenizer
