"""The answer to a look-up of many items, as numpy arrays."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from firsthand.core.digests import SIZE, Digests, positions_of, sort_unique
from firsthand.core.verdicts import (
    CONTESTED,
    IS_HUMAN,
    IS_MODEL,
    NO_GENERATION,
    VERDICTS,
    Flags,
    PolicyName,
    Verdict,
    Verdicts,
)
from firsthand.core.verdicts import join as join_profiles
from firsthand.schemas.items import Lookups

#: The code of each verdict: its index in VERDICTS.
CODES = {verdict: code for code, verdict in enumerate(VERDICTS)}

#: Indices of models in `Lookup.names`, `int32[n]`.
Numbers: TypeAlias = npt.NDArray[np.int32]
NO_MODEL = -1


@dataclass(frozen=True)
class Lookup(Verdicts):
    """The verdicts on n items at one position. Arrays are `[n]`, in the order of the request."""

    #: Whether claims contradict each other or a dispute stands. In the answer of a snapshot: whether the verdict is
    #: contested.
    contested: Flags
    #: The index of the model in `names`, if all model claims on the item are about the same model; otherwise NO_MODEL.
    model: Numbers
    names: tuple[str, ...]
    position: int
    policy: PolicyName

    @property
    def models(self) -> list[str | None]:
        """The name of each item's model, or None. A new list is created at each access."""
        names_and_none = np.array([*self.names, None], dtype=object)  # NO_MODEL, −1, is the last index
        models: list[str | None] = names_and_none[self.model].tolist()
        return models

    def counts(self) -> dict[Verdict, int]:
        """Return the number of items per verdict."""
        return dict(zip(VERDICTS, np.bincount(self.verdict, minlength=len(VERDICTS)).tolist(), strict=True))

    def take(self, rows: npt.NDArray[np.intp]) -> "Lookup":
        """Return the answers at the indices `rows`, `intp[m]`, in this order."""
        return replace(self, **{name: getattr(self, name)[rows] for name in _COLUMNS})

    def put(self, rows: npt.NDArray[np.intp], exact: "Lookup") -> "Lookup":
        """Return a copy in which the answers at the indices `rows`, `intp[m]`, are those of `exact`.

        Positions must be equal.
        """
        both = concatenate([self, exact])
        sources = np.arange(len(self.verdict))
        sources[rows] = len(self.verdict) + np.arange(len(rows))
        return both.take(sources)


_COLUMNS = ("verdict", "generation", "lower_bound", "contested", "model")


def from_json(answer: Lookups) -> Lookup:
    """Convert an answer in JSON into numpy arrays."""
    names = tuple(name for name in dict.fromkeys(answer.models) if name is not None)
    index = {name: number for number, name in enumerate(names)}
    return Lookup(
        np.array([CODES[verdict] for verdict in answer.verdicts], dtype=np.uint8),
        np.array([NO_GENERATION if g is None else g for g in answer.generations], dtype=np.int16),
        np.array(answer.lower_bounds, dtype=np.bool_),
        np.array(answer.contested, dtype=np.bool_),
        np.array([NO_MODEL if name is None else index[name] for name in answer.models], dtype=np.int32),
        names,
        answer.position,
        answer.policy,
    )


def concatenate(answers: Sequence[Lookup]) -> Lookup:
    """Join answers on different items into one answer, in this order. All must have the same position."""
    if len(answers) == 1:
        return answers[0]
    names = tuple(dict.fromkeys(name for answer in answers for name in answer.names))
    columns = {name: np.concatenate([getattr(answer, name) for answer in answers]) for name in _COLUMNS}
    columns["model"] = np.concatenate([_renumbered(answer, names) for answer in answers])
    return Lookup(**columns, names=names, position=answers[0].position, policy=answers[0].policy)


def _renumbered(answer: Lookup, names: tuple[str, ...]) -> Numbers:
    """Return the models of an answer as indices in `names`, which must contain all names of the answer."""
    index = {name: number for number, name in enumerate(names)}
    return np.array([*(index[name] for name in answer.names), NO_MODEL], dtype=np.int32)[answer.model]


def without_models(verdicts: Verdicts, policy: PolicyName, position: int) -> Lookup:
    """Return an answer with these verdicts and without models. `contested` is true where the verdict is contested."""
    contested, models = verdicts.verdict == CONTESTED, np.full(len(verdicts.verdict), NO_MODEL, dtype=np.int32)
    return Lookup(verdicts.verdict, verdicts.generation, verdicts.lower_bound, contested, models, (), position, policy)


def all_unknown(items: int, policy: PolicyName, position: int) -> Lookup:
    """Return the answer `unknown` on n items."""
    verdicts = Verdicts(
        np.zeros(items, dtype=np.uint8), np.full(items, NO_GENERATION, dtype=np.int16), np.zeros(items, dtype=np.bool_)
    )
    return without_models(verdicts, policy, position)


def spread(answer: Lookup, rows: npt.NDArray[np.intp], items: int) -> Lookup:
    """Return an answer on n items (`items`): `answer` at the indices `rows`, `intp[m]`, and unknown at all others."""
    return all_unknown(items, answer.policy, answer.position).put(rows, answer)


def join(answers: Sequence[Lookup]) -> Lookup:
    """Join answers on the same n items under several digest profiles at one position (see `core.verdicts.join`)."""
    joined = join_profiles(list(answers), answers[0].policy)
    human, model = (np.stack([a.verdict == code for a in answers]).any(axis=0) for code in (IS_HUMAN, IS_MODEL))
    contested = np.logical_or.reduce([a.contested for a in answers]) | (human & model)
    names = tuple(dict.fromkeys(name for answer in answers for name in answer.names))
    numbers = _one_model([_renumbered(answer, names) for answer in answers], [_some_model(a) for a in answers])
    position, policy = answers[0].position, answers[0].policy
    return Lookup(
        joined.verdict, joined.generation, joined.lower_bound, contested, numbers, names, position, policy
    )  # fmt: skip


def _some_model(answer: Lookup) -> Flags:
    """Return whether each item can have a model claim according to this answer, `bool[n]`."""
    return np.isin(answer.verdict, (IS_MODEL, CONTESTED))


def _one_model(models: Sequence[Numbers], some: Sequence[Flags]) -> Numbers:
    """Return the model of each item, `int32[n]`, if all answers agree on it.

    It is NO_MODEL if the answers differ, or if an answer has several models for the item.
    """
    lowest = np.min([np.where(s, m, np.iinfo(np.int32).max) for m, s in zip(models, some, strict=True)], axis=0)
    highest = np.max([np.where(s, m, NO_MODEL) for m, s in zip(models, some, strict=True)], axis=0)
    return np.where(lowest == highest, highest, NO_MODEL).astype(np.int32)


def distinct(profiles: Sequence[Digests]) -> tuple[Digests, list[npt.NDArray[np.intp]]]:
    """Return the distinct digests of several arrays, `uint8[m, 32]`, and one array of indices per input array.

    Entry i of the array of indices is the position of digest i of the input array in the distinct digests.
    """
    unique, _ = sort_unique(np.concatenate([np.empty((0, SIZE), dtype=np.uint8), *profiles]))
    return unique, [positions_of(unique, digests) for digests in profiles]
