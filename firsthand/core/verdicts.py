"""Compute verdicts from claims and a policy. The registry, the client and the simulator all use this module.

The claims on an item are first summed into a `Tally`, so that their order has no effect. Then a policy, a pure function
of the tally, gives the verdict. All functions work on columns, with one array element per item.
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
#: How unknown items are counted in a share: `model`: as made by models in the high end; `human`: as human; `ignore`:
#: not at all.
CountUnknown = Literal["model", "human", "ignore"]

ORIGINS: tuple[Origin, ...] = get_args(Origin)
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)

HUMAN, MODEL, UNSTATED = range(3)
UNKNOWN, IS_HUMAN, IS_MODEL, CONTESTED = range(4)

Codes: TypeAlias = npt.NDArray[np.uint8]
Flags: TypeAlias = npt.NDArray[np.bool_]
Generations: TypeAlias = npt.NDArray[np.int16]

#: The generation of an item whose verdict is neither human nor model.
NO_GENERATION = -1


@dataclass(frozen=True)
class Tally:
    """The sum of the standing claims on each of n items. All arrays are `[n]`."""

    human: Flags  # a claim says human
    model: Flags  # a claim says model
    disputed: Flags  # a dispute of one of the claims stands
    generation: Generations  # the highest generation of a model claim, or NO_GENERATION
    lower_bound: Flags  # the generation of a model claim is a lower bound


@dataclass(frozen=True)
class Verdicts:
    """The verdict on each of n items. All arrays are `[n]`."""

    verdict: Codes  # index into VERDICTS
    generation: Generations  # 0 human; 1, 2, … model; otherwise NO_GENERATION
    lower_bound: Flags


Policy = Callable[[Tally], Codes]


def contested(tally: Tally) -> Flags:
    """Return, per item, whether its claims contradict each other or are disputed: `bool[n]`.

    This does not depend on a policy.
    """
    return (tally.human & tally.model) | tally.disputed


def strict(tally: Tally) -> Codes:
    """Return the verdicts, `uint8[n]`: human if only human is claimed, model if only model is claimed.

    The verdict is unknown if neither is claimed. It is contested if both are claimed, or if a dispute stands.
    """
    verdict = np.where(tally.human, IS_HUMAN, UNKNOWN)
    verdict = np.where(tally.model, IS_MODEL, verdict)
    return np.where(contested(tally), CONTESTED, verdict).astype(np.uint8)


def pessimistic(tally: Tally) -> Codes:
    """Return the verdicts, `uint8[n]`: model if any claim says model, otherwise the verdict of `strict`."""
    return np.where(tally.model, IS_MODEL, strict(tally)).astype(np.uint8)


POLICIES: dict[PolicyName, Policy] = {"strict": strict, "pessimistic": pessimistic}


def judge(tally: Tally, policy: PolicyName = "strict") -> Verdicts:
    """Return the verdicts under a policy, with generations and lower bounds."""
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
    """Sum m claims on n items (`items` is n).

    `item[m]` is the index of the item of each claim; `origin`, `generation`, `lower_bound` and `disputed` are `[m]`.
    Pass standing claims only, without those that were withdrawn.
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
    """Join the verdicts on n items under several digest profiles, as if all claims were on one digest.

    If one profile gives unknown, the verdict of another profile is used. Under `strict`, an item that is contested in
    one profile is contested.
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
    """The share of items that models made, from 0 to 1.

    It is an interval, because items can be unknown or contested.

    As text, the low end is rounded down and the high end is rounded up, so that one unknown item of 100,000 is still
    visible. If both ends are equal, the text is one number.
    """

    low: float
    high: float

    def __str__(self) -> str:
        if (self.low, self.high) == (0.0, 1.0):
            return "0–100 %"
        if self.low == self.high:
            return f"{100 * self.low:.1f} %"
        low, high = floor(round(1000 * self.low, 6)), ceil(round(1000 * self.high, 6))
        return f"{low / 10:.1f}–{high / 10:.1f} %"


def synthetic_share(counts: dict[Verdict, int], unknown: CountUnknown = "model", unreadable: int = 0) -> Share:
    """Return the share of items that models made: the interval from model/all to (model + contested + unknown)/all.

    `counts` has the number of items per verdict. `unknown="human"` counts unknown items as human. `unknown="ignore"`
    excludes them from all counts. No claim supports these two assumptions, so they are not the default. `unreadable` is
    the number of unknown items that could not be read: they always count in the high end, whatever `unknown` is.
    Without items, the share is 0 to 1.
    """
    model, contested = counts.get("model", 0), counts.get("contested", 0)
    without_claims = counts.get("unknown", 0) - unreadable
    total = sum(counts.values()) - (without_claims if unknown == "ignore" else 0)
    if total == 0:
        return Share(0.0, 1.0)
    undecided = contested + unreadable + (without_claims if unknown == "model" else 0)
    return Share(model / total, (model + undecided) / total)
