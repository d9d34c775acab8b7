"""Claims + policy → verdict. Pure, and the same in the registry, the client and the simulator.

What all claims on an item say is first summed into a `Tally` (the order of claims cannot matter, since a sum has
none), then a policy, a function of tallies, gives the verdict. Everything works on columns: one array element an item.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, floor
from typing import Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

Origin = Literal["human", "model", "unstated"]
Verdict = Literal["unknown", "human", "model", "contested"]
PolicyName = Literal["strict", "pessimistic"]

ORIGINS: tuple[Origin, ...] = get_args(Origin)
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)

HUMAN, MODEL, UNSTATED = range(3)
UNKNOWN, IS_HUMAN, IS_MODEL, CONTESTED = range(4)

Codes: TypeAlias = npt.NDArray[np.uint8]
Flags: TypeAlias = npt.NDArray[np.bool_]
Generations: TypeAlias = npt.NDArray[np.int16]

#: Generation of what has none: an item that no model is known to have made, nor known to be human.
NO_GENERATION = -1


@dataclass(frozen=True)
class Tally:
    """What the standing claims on each of n items say, summed. All arrays are `[n]`."""

    human: Flags  # a claim says human
    model: Flags  # a claim says model
    disputed: Flags  # somebody contests one of the claims, and the dispute stands
    generation: Generations  # the highest generation that a model claim gives, or NO_GENERATION
    lower_bound: Flags  # a model claim's generation is only known from below


@dataclass(frozen=True)
class Verdicts:
    """The verdict on each of n items. All arrays are `[n]`."""

    verdict: Codes  # index into VERDICTS
    generation: Generations  # 0 human; 1, 2, … model; NO_GENERATION else
    lower_bound: Flags


Policy = Callable[[Tally], Codes]


def contested(tally: Tally) -> Flags:
    """Of which items the claims contradict each other, or a dispute stands: whatever a policy makes of that."""
    return (tally.human & tally.model) | tally.disputed


def strict(tally: Tally) -> Codes:
    """No claim: unknown. All human: human. All model: model. Both, or a standing dispute: contested."""
    verdict = np.where(tally.human, IS_HUMAN, UNKNOWN)
    verdict = np.where(tally.model, IS_MODEL, verdict)
    return np.where(contested(tally), CONTESTED, verdict).astype(np.uint8)


def pessimistic(tally: Tally) -> Codes:
    """Any model claim: model, whoever says otherwise. Else as strict."""
    return np.where(tally.model, IS_MODEL, strict(tally)).astype(np.uint8)


POLICIES: dict[PolicyName, Policy] = {"strict": strict, "pessimistic": pessimistic}


def judge(tally: Tally, policy: PolicyName = "strict") -> Verdicts:
    """The verdicts under a policy, with the generation that goes with each."""
    verdict = POLICIES[policy](tally)
    is_model = verdict == IS_MODEL
    generation = np.where(is_model, tally.generation, NO_GENERATION)
    generation = np.where(verdict == IS_HUMAN, 0, generation).astype(np.int16)
    return Verdicts(verdict, generation, is_model & tally.lower_bound)


def tally(
    items: int,
    item: npt.NDArray[np.integer],
    origin: Codes,
    generation: Generations,
    lower_bound: Flags,
    disputed: Flags,
) -> Tally:
    """Sum m claims over `items` items.

    `item[m]` says which item each claim is on; `origin`, `generation`, `lower_bound` and `disputed` are `[m]`.
    Only standing claims go in: what was withdrawn says nothing any more.
    """
    human, model, contested, bound = np.zeros((4, items), dtype=np.bool_)
    highest = np.full(items, NO_GENERATION, dtype=np.int16)
    by_model = origin == MODEL
    human[item[origin == HUMAN]] = True
    model[item[by_model]] = True
    contested[item[disputed]] = True
    bound[item[by_model & lower_bound]] = True
    np.maximum.at(highest, item[by_model], generation[by_model])
    return Tally(human, model, contested, highest, bound)


def join(answers: list[Verdicts], policy: PolicyName = "strict") -> Verdicts:
    """Join the answers on the same n items asked under several digest profiles, as if all claims were on one digest.

    A contested answer stays so under `strict`; unknown gives way to whatever the other profile knows.
    """
    verdict = np.stack([a.verdict for a in answers])
    generation = np.stack([a.generation for a in answers])
    summed = Tally(
        human=(verdict == IS_HUMAN).any(axis=0),
        model=(verdict == IS_MODEL).any(axis=0),
        disputed=(verdict == CONTESTED).any(axis=0),
        generation=np.where(verdict == IS_MODEL, generation, NO_GENERATION).max(axis=0).astype(np.int16),
        lower_bound=np.logical_or.reduce([a.lower_bound for a in answers]),
    )
    return judge(summed, policy)


@dataclass(frozen=True)
class Share:
    """The share of items made by models: an interval wherever anything is unknown or contested.

    In words an interval is rounded outwards: one unknown item of a hundred thousand is not nothing.
    """

    low: float
    high: float

    def __str__(self) -> str:
        if (self.low, self.high) == (0.0, 1.0):
            return "0–100 %"
        if self.low == self.high:
            return f"{100 * self.low:.1f}–{100 * self.high:.1f} %"
        low, high = floor(round(1000 * self.low, 6)), ceil(round(1000 * self.high, 6))
        return f"{low / 10:.1f}–{high / 10:.1f} %"


def synthetic_share(counts: dict[Verdict, int], unknown: Literal["model", "human", "ignore"] = "model") -> Share:
    """From model/all to (model + contested + unknown)/all.

    `unknown="human"` counts unknown items as human at both ends, `"ignore"` leaves them out of all: both are
    somebody's decision to believe what nobody said, never a default. No items at all: the share is 0 to 1.
    """
    model, contested = counts.get("model", 0), counts.get("contested", 0)
    nobody = counts.get("unknown", 0)
    total = sum(counts.values()) - (nobody if unknown == "ignore" else 0)
    if total == 0:
        return Share(0.0, 1.0)
    open_ = contested + (nobody if unknown == "model" else 0)
    return Share(model / total, (model + open_) / total)
