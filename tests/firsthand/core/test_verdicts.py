"""Claims amount to verdicts by rules that no order of arrival can change."""

from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firsthand.core.verdicts import (
    HUMAN,
    MODEL,
    NO_GENERATION,
    POLICIES,
    UNSTATED,
    VERDICTS,
    PolicyName,
    Verdicts,
    join,
    judge,
    synthetic_share,
    tally,
)

ITEMS = 4

#: item, origin, generation, lower bound, disputed
Claim = tuple[int, int, int, bool, bool]

humans = st.tuples(st.integers(0, ITEMS - 1), st.just(HUMAN), st.just(0), st.just(False), st.booleans())
models = st.tuples(st.integers(0, ITEMS - 1), st.just(MODEL), st.integers(1, 9), st.booleans(), st.booleans())
unstated = st.tuples(st.integers(0, ITEMS - 1), st.just(UNSTATED), st.just(-1), st.just(False), st.booleans())
claims = st.lists(humans | models | unstated, max_size=15)


def judged(claim_list: list[Claim], policy: PolicyName = "strict") -> list[tuple[str, int, bool]]:
    """The verdict, generation and bound of each of `ITEMS` items."""
    item, origin, generation, bound, disputed = (np.array([c[i] for c in claim_list]) for i in range(5))
    verdicts = judge(
        tally(
            ITEMS,
            item.astype(np.intp),
            origin.astype(np.uint8),
            generation.astype(np.int16),
            bound.astype(bool),
            disputed.astype(bool),
        ),
        policy,
    )
    return as_rows(verdicts)


def as_rows(verdicts: Verdicts) -> list[tuple[str, int, bool]]:
    columns = (verdicts.verdict.tolist(), verdicts.generation.tolist(), verdicts.lower_bound.tolist())
    return [(VERDICTS[verdict], generation, bound) for verdict, generation, bound in zip(*columns, strict=True)]


def reference(claim_list: list[Claim], item: int, policy: PolicyName) -> tuple[str, int, bool]:
    """The rules as they are told in words, one item at a time."""
    mine = [claim for claim in claim_list if claim[0] == item]
    origins = {claim[1] for claim in mine} - {UNSTATED}
    verdict = {frozenset(): "unknown", frozenset({HUMAN}): "human", frozenset({MODEL}): "model"}.get(
        frozenset(origins), "contested"
    )
    if any(claim[4] for claim in mine):
        verdict = "contested"
    if policy == "pessimistic" and MODEL in origins:
        verdict = "model"
    by_model = [claim for claim in mine if claim[1] == MODEL]
    if verdict == "model":
        return verdict, max(claim[2] for claim in by_model), any(claim[3] for claim in by_model)
    return verdict, 0 if verdict == "human" else NO_GENERATION, False


@pytest.mark.slow
@given(
    claims.flatmap(lambda in_order: st.tuples(st.just(in_order), st.permutations(in_order))),
    st.sampled_from(sorted(POLICIES)),
)
def test_the_order_of_claims_never_matters(twice: tuple[list[Claim], list[Claim]], policy: PolicyName) -> None:
    in_order, in_another_order = twice
    assert judged(in_order, policy) == judged(in_another_order, policy)


@pytest.mark.slow
@given(claims, st.sampled_from(sorted(POLICIES)))
def test_verdicts_are_those_of_the_rules_in_words(claim_list: list[Claim], policy: PolicyName) -> None:
    assert judged(claim_list, policy) == [reference(claim_list, item, policy) for item in range(ITEMS)]


@pytest.mark.slow
@given(claims, claims, st.sampled_from(sorted(POLICIES)))
def test_joining_profiles_is_as_if_all_claims_were_on_one_digest(
    first: list[Claim], second: list[Claim], policy: PolicyName
) -> None:
    """For verdict and generation, wherever no answer is contested; a contested one hides what it was made of."""
    answers = [verdicts_of(claim_list, policy) for claim_list in (first, second)]
    apart = [as_rows(answer) for answer in answers]
    together = judged(first + second, policy)
    for item, joined in enumerate(as_rows(join(answers, policy))):
        if "contested" not in (apart[0][item][0], apart[1][item][0]):
            assert joined == together[item]
        elif policy == "strict":
            assert joined[0] == "contested"


def verdicts_of(claim_list: list[Claim], policy: PolicyName) -> Verdicts:
    verdict, generation, bound = zip(*judged(claim_list, policy), strict=True)
    codes = [VERDICTS.index(v) for v in verdict]
    return Verdicts(np.array(codes, dtype=np.uint8), np.array(generation, dtype=np.int16), np.array(bound))


@pytest.mark.slow
@given(claims, st.sampled_from(sorted(POLICIES)))
def test_an_answer_joined_with_itself_stays_as_it_is(claim_list: list[Claim], policy: PolicyName) -> None:
    answer = verdicts_of(claim_list, policy)
    assert as_rows(join([answer, answer], policy)) == as_rows(answer)


def test_an_item_without_claims_is_unknown_and_never_human() -> None:
    assert judged([]) == [("unknown", NO_GENERATION, False)] * ITEMS
    assert judged([(0, UNSTATED, -1, False, False)])[0] == ("unknown", NO_GENERATION, False)


def test_a_dispute_contests_an_item_but_under_the_pessimistic_policy_a_model_claim_still_decides() -> None:
    claim_list: list[Claim] = [(0, MODEL, 2, True, True), (1, HUMAN, 0, False, True)]
    assert judged(claim_list)[:2] == [("contested", NO_GENERATION, False)] * 2
    assert judged(claim_list, "pessimistic")[:2] == [("model", 2, True), ("contested", NO_GENERATION, False)]


def test_every_policy_that_a_request_can_name_has_a_rule() -> None:
    assert set(get_args(PolicyName)) == set(POLICIES)


@pytest.mark.parametrize(("unknown", "shown"), [("model", "30.0–40.0 %"), ("human", "30.0 %"), ("ignore", "33.3 %")])
def test_a_share_is_an_interval_wherever_anything_is_unknown(unknown: str, shown: str) -> None:
    counts = {"human": 600, "model": 300, "contested": 0, "unknown": 100}
    assert str(synthetic_share(counts, unknown)) == shown  # type: ignore[arg-type]


def test_contested_items_may_be_a_models_whatever_is_said_of_unknown_ones() -> None:
    share = synthetic_share({"human": 5, "model": 2, "contested": 2, "unknown": 1}, "human")
    assert (share.low, share.high) == (0.2, 0.4)


@pytest.mark.parametrize("counts", [{}, {"unknown": 1_000}])
def test_without_any_known_item_the_share_is_the_whole_range(counts: dict[str, int]) -> None:
    assert str(synthetic_share(counts)) == "0–100 %"  # type: ignore[arg-type]


def test_ignoring_all_there_is_leaves_the_whole_range() -> None:
    assert str(synthetic_share({"unknown": 7}, "ignore")) == "0–100 %"


def test_a_share_in_words_is_never_narrower_than_it_is() -> None:
    assert str(synthetic_share({"human": 99_999, "unknown": 1})) == "0.0–0.1 %"
    assert str(synthetic_share({"human": 2, "model": 1, "unknown": 3_000})) == "0.0–100.0 %"
    assert str(synthetic_share({"model": 570, "human": 430 - 1, "unknown": 1})) == "57.0–57.1 %"
