"""The verdicts on many items, as columns."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from firsthand import verdicts
from firsthand.digests import SIZE, Digests, as_strings, sort_unique
from firsthand.schemas.items import Lookups
from firsthand.verdicts import NO_GENERATION, VERDICTS, PolicyName, Verdict, Verdicts

_CODE = {verdict: code for code, verdict in enumerate(VERDICTS)}


@dataclass(frozen=True)
class Lookup(Verdicts):
    """The verdicts on n items at one position. Arrays are `[n]`, in the order asked."""

    #: The model, where all model claims on the item name the same one; None else.
    models: list[str | None]
    position: int
    policy: PolicyName

    def counts(self) -> dict[Verdict, int]:
        """Items by verdict."""
        return dict(zip(VERDICTS, np.bincount(self.verdict, minlength=len(VERDICTS)).tolist(), strict=True))

    def take(self, rows: npt.NDArray[np.intp]) -> "Lookup":
        """The answers on these rows, `intp[m]`, in their order."""
        return Lookup(
            self.verdict[rows],
            self.generation[rows],
            self.lower_bound[rows],
            [self.models[row] for row in rows],
            self.position,
            self.policy,
        )


def from_wire(answer: Lookups) -> Lookup:
    """Columns of the wire → columns of numpy."""
    return Lookup(
        np.array([_CODE[verdict] for verdict in answer.verdicts], dtype=np.uint8),
        np.array([NO_GENERATION if g is None else g for g in answer.generations], dtype=np.int16),
        np.array(answer.lower_bounds, dtype=np.bool_),
        answer.models,
        answer.position,
        answer.policy,
    )


def concatenate(answers: Sequence[Lookup]) -> Lookup:
    """Answers at one position, one after the other."""
    return Lookup(
        np.concatenate([answer.verdict for answer in answers]),
        np.concatenate([answer.generation for answer in answers]),
        np.concatenate([answer.lower_bound for answer in answers]),
        [model for answer in answers for model in answer.models],
        answers[0].position,
        answers[0].policy,
    )


def nothing(policy: PolicyName, position: int) -> Lookup:
    """The answer to no question."""
    flags = np.zeros(0, dtype=np.bool_)
    return Lookup(flags.astype(np.uint8), flags.astype(np.int16), flags, [], position, policy)


def spread(answer: Lookup, rows: npt.NDArray[np.intp], items: int) -> Lookup:
    """The answers on m of n items, at `rows`, `intp[m]`, as answers on all: of the others nothing is known."""
    verdict, generation = np.zeros(items, dtype=np.uint8), np.full(items, NO_GENERATION, dtype=np.int16)
    bound = np.zeros(items, dtype=np.bool_)
    verdict[rows], generation[rows], bound[rows] = answer.verdict, answer.generation, answer.lower_bound
    models: list[str | None] = [None] * items
    for row, model in zip(rows.tolist(), answer.models, strict=True):
        models[row] = model
    return Lookup(verdict, generation, bound, models, answer.position, answer.policy)


def join(answers: Sequence[Lookup]) -> Lookup:
    """Answers on the same n items, asked under several digest profiles at one position, as one (`verdicts.join`)."""
    position, policy = answers[0].position, answers[0].policy
    joined = verdicts.join(list(answers), policy)
    models = [_one_model(said) for said in zip(*(_models_said(answer) for answer in answers), strict=True)]
    return Lookup(joined.verdict, joined.generation, joined.lower_bound, models, position, policy)


def distinct(asked: Sequence[Digests]) -> tuple[Digests, list[npt.NDArray[np.intp]]]:
    """Several arrays of digests → each digest once, `uint8[m, 32]`, and where in it each array's rows are found."""
    every = np.concatenate([np.empty((0, SIZE), dtype=np.uint8), *asked])
    once, _ = sort_unique(every)
    return once, [np.searchsorted(as_strings(once), as_strings(digests)) for digests in asked]


def _models_said(answer: Lookup) -> list[tuple[bool, str | None]]:
    """Of each item: whether some model made it, as far as this answer knows, and which."""
    some = np.isin(answer.verdict, (verdicts.IS_MODEL, verdicts.CONTESTED)).tolist()
    return list(zip(some, answer.models, strict=True))


def _one_model(said: Sequence[tuple[bool, str | None]]) -> str | None:
    names = {name for some, name in said if some}
    return names.pop() if len(names) == 1 else None
