"""The verdicts on many items, as columns."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from firsthand.core import verdicts
from firsthand.core.digests import SIZE, Digests, places, sort_unique
from firsthand.core.verdicts import CONTESTED, IS_HUMAN, IS_MODEL, NO_GENERATION, VERDICTS, Flags, PolicyName, Verdict
from firsthand.core.verdicts import Verdicts as Judged
from firsthand.errors import NotUnderstood
from firsthand.schemas.items import Lookups

_CODE = {verdict: code for code, verdict in enumerate(VERDICTS)}

#: Numbers of models, `int32[n]`.
Numbers: TypeAlias = npt.NDArray[np.int32]
NO_MODEL = -1


@dataclass(frozen=True)
class Lookup(Judged):
    """The verdicts on n items at one position. Arrays are `[n]`, in the order asked."""

    #: Where claims contradict each other, or a dispute stands. A snapshot knows only of those whose verdict says so.
    contested: Flags
    #: The place in `names` of the model, where all model claims on the item name the same one; NO_MODEL else.
    model: Numbers
    names: tuple[str, ...]
    position: int
    policy: PolicyName

    @property
    def models(self) -> list[str | None]:
        """The name of each item's model, None where there is none to tell: made anew, so ask once."""
        named = np.array([*self.names, None], dtype=object)  # NO_MODEL is the last place
        found: list[str | None] = named[self.model].tolist()
        return found

    def counts(self) -> dict[Verdict, int]:
        """Items by verdict."""
        return dict(zip(VERDICTS, np.bincount(self.verdict, minlength=len(VERDICTS)).tolist(), strict=True))

    def take(self, rows: npt.NDArray[np.intp]) -> "Lookup":
        """The answers on these rows, `intp[m]`, in their order."""
        return replace(self, **{name: getattr(self, name)[rows] for name in _COLUMNS})

    def put(self, rows: npt.NDArray[np.intp], exact: "Lookup") -> "Lookup":
        """The same, but for these rows, `intp[m]`, the m answers of another at the same position."""
        both = concatenate([self, exact])
        at = np.arange(len(self.verdict))
        at[rows] = len(self.verdict) + np.arange(len(rows))
        return both.take(at)


_COLUMNS = ("verdict", "generation", "lower_bound", "contested", "model")


def from_json(answer: Lookups) -> Lookup:
    """Columns of the wire in JSON → columns of numpy."""
    names = tuple(name for name in dict.fromkeys(answer.models) if name is not None)
    place = {name: place for place, name in enumerate(names)}
    return Lookup(
        np.array([_CODE[verdict] for verdict in answer.verdicts], dtype=np.uint8),
        np.array([NO_GENERATION if g is None else g for g in answer.generations], dtype=np.int16),
        np.array(answer.lower_bounds, dtype=np.bool_),
        np.array(answer.contested, dtype=np.bool_),
        np.array([NO_MODEL if name is None else place[name] for name in answer.models], dtype=np.int32),
        names,
        answer.position,
        answer.policy,
    )


def from_arrow(content: bytes) -> Lookup:
    """An Arrow IPC stream of the wire → columns of numpy; no object an item. Raises NotUnderstood."""
    import pyarrow as pa  # as long to import as all else: only who asks much does

    try:
        table = pa.ipc.open_stream(content).read_all()
        said = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
        verdict, model = (_dictionary(table, name) for name in ("verdict", "model"))
        codes = np.array([_CODE[name] for name in verdict.dictionary.to_pylist()], dtype=np.uint8)
        return Lookup(
            codes[verdict.indices.to_numpy()],
            table["generation"].fill_null(NO_GENERATION).to_numpy().astype(np.int16, copy=False),
            table["lower_bound"].to_numpy(),
            table["contested"].to_numpy(),
            model.indices.fill_null(NO_MODEL).to_numpy().astype(np.int32, copy=False),
            tuple(model.dictionary.to_pylist()),
            int(said["position"]),
            said["policy"],
        )
    except (pa.ArrowException, KeyError, ValueError) as error:
        raise NotUnderstood(
            f"the registry's columns are not those of a look-up ({error}); are both up to date?"
        ) from None


def _dictionary(table: Any, name: str) -> Any:
    """A column of few words, as their dictionary and the place of each in it."""
    whole = table[name].combine_chunks()
    return whole.chunk(0) if hasattr(whole, "chunk") else whole


def concatenate(answers: Sequence[Lookup]) -> Lookup:
    """Answers at one position, one after the other."""
    if len(answers) == 1:
        return answers[0]
    names = tuple(dict.fromkeys(name for answer in answers for name in answer.names))
    columns = {name: np.concatenate([getattr(answer, name) for answer in answers]) for name in _COLUMNS}
    columns["model"] = np.concatenate([_renumbered(answer, names) for answer in answers])
    return Lookup(**columns, names=names, position=answers[0].position, policy=answers[0].policy)


def _renumbered(answer: Lookup, names: tuple[str, ...]) -> Numbers:
    """The models of an answer by their places in `names`, which holds all of its names."""
    place = {name: place for place, name in enumerate(names)}
    return np.array([*(place[name] for name in answer.names), NO_MODEL], dtype=np.int32)[answer.model]


def nameless(judged: Judged, policy: PolicyName, position: int) -> Lookup:
    """Verdicts of which no more is known: no models, and contested is what the verdict calls so."""
    contested, none = judged.verdict == CONTESTED, np.full(len(judged.verdict), NO_MODEL, dtype=np.int32)
    return Lookup(judged.verdict, judged.generation, judged.lower_bound, contested, none, (), position, policy)


def nothing(policy: PolicyName, position: int) -> Lookup:
    """The answer to no question."""
    flags = np.zeros(0, dtype=np.bool_)
    return nameless(Judged(flags.astype(np.uint8), flags.astype(np.int16), flags), policy, position)


def spread(answer: Lookup, rows: npt.NDArray[np.intp], items: int) -> Lookup:
    """The answers on m of n items, at `rows`, `intp[m]`, as answers on all: of the others nothing is known."""
    unknown = Judged(
        np.zeros(items, dtype=np.uint8), np.full(items, NO_GENERATION, dtype=np.int16), np.zeros(items, dtype=np.bool_)
    )
    return nameless(unknown, answer.policy, answer.position).put(rows, answer)


def join(answers: Sequence[Lookup]) -> Lookup:
    """Answers on the same n items, asked under several digest profiles at one position, as one (`verdicts.join`)."""
    joined = verdicts.join(list(answers), answers[0].policy)
    human, model = (np.stack([a.verdict == code for a in answers]).any(axis=0) for code in (IS_HUMAN, IS_MODEL))
    contested = np.logical_or.reduce([a.contested for a in answers]) | (human & model)
    names = tuple(dict.fromkeys(name for answer in answers for name in answer.names))
    numbers = _one_model([_renumbered(answer, names) for answer in answers], [_some_model(a) for a in answers])
    position, policy = answers[0].position, answers[0].policy
    return Lookup(
        joined.verdict, joined.generation, joined.lower_bound, contested, numbers, names, position, policy
    )  # fmt: skip


def _some_model(answer: Lookup) -> Flags:
    """Of which items some model made it, as far as this answer knows."""
    return np.isin(answer.verdict, (IS_MODEL, CONTESTED))


def _one_model(models: Sequence[Numbers], some: Sequence[Flags]) -> Numbers:
    """The model that all answers name which know of one; none where they differ, or one knows of several."""
    lowest = np.min([np.where(s, m, np.iinfo(np.int32).max) for m, s in zip(models, some, strict=True)], axis=0)
    highest = np.max([np.where(s, m, NO_MODEL) for m, s in zip(models, some, strict=True)], axis=0)
    return np.where(lowest == highest, highest, NO_MODEL).astype(np.int32)


def distinct(asked: Sequence[Digests]) -> tuple[Digests, list[npt.NDArray[np.intp]]]:
    """Several arrays of digests → each digest once, `uint8[m, 32]`, and where in it each array's rows are found."""
    every = np.concatenate([np.empty((0, SIZE), dtype=np.uint8), *asked])
    once, _ = sort_unique(every)
    return once, [places(once, digests) for digests in asked]
