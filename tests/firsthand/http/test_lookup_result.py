"""Answers as columns: read from either form, joined, cut and put together, with no name lost or mixed up."""

import subprocess
import sys

import numpy as np
import pytest

from benchmarks.harness.waiting import PATIENCE_SECONDS
from firsthand.core.digests import as_strings, from_texts, positions_of, sort_unique, to_bytes, to_text
from firsthand.core.verdicts import PolicyName, Verdict
from firsthand.errors import NotUnderstood
from firsthand.http import arrow_streams, lookup_result
from firsthand.http.lookup_result import Lookup
from firsthand.schemas.items import Lookups
from tests.conftest import Registry
from tests.factories import crafted, digests, register


def answer(*answers: tuple[Verdict, str | None, bool], policy: PolicyName = "strict") -> Lookup:
    """(verdict, model, contested) of each item."""
    generations = {"human": 0, "model": 1}
    return lookup_result.from_json(
        Lookups(
            position=7,
            policy=policy,
            verdicts=[verdict for verdict, _, _ in answers],
            generations=[generations.get(verdict) for verdict, _, _ in answers],
            lower_bounds=[False for _ in answers],
            models=[model for _, model, _ in answers],
            contested=[contested for _, _, contested in answers],
        )
    )


def test_names_are_kept_where_answers_that_number_them_otherwise_are_put_together() -> None:
    a = answer(("model", "a/x@1", False), ("human", None, False), ("model", "a/y@1", False))
    b = answer(("model", "a/y@1", False), ("contested", None, True))
    assert a.models == ["a/x@1", None, "a/y@1"]
    assert lookup_result.concatenate([a, b]).models == ["a/x@1", None, "a/y@1", "a/y@1", None]
    assert a.take(np.array([2, 0])).models == ["a/y@1", "a/x@1"]
    put = a.put(np.array([1, 2]), b)
    assert (put.models, put.contested.tolist()) == (["a/x@1", "a/y@1", None], [False, False, True])
    assert put.counts() == {"unknown": 0, "human": 0, "model": 2, "contested": 1}


def test_profiles_that_contradict_each_other_are_contested_under_either_policy() -> None:
    for policy, verdict in (("strict", "contested"), ("pessimistic", "model")):
        a = answer(("human", None, False), ("model", "a/x@1", False), ("unknown", None, False), policy=policy)  # type: ignore[arg-type]
        b = answer(("model", "a/x@1", False), ("model", "a/y@1", False), ("human", None, True), policy=policy)  # type: ignore[arg-type]
        joined = lookup_result.join([a, b])
        assert joined.contested.tolist() == [True, False, True]
        assert joined.models == ["a/x@1", None, None]
        assert joined.counts()[verdict] >= 1  # type: ignore[index]


def test_columns_that_are_not_of_a_look_up_are_not_understood() -> None:
    with pytest.raises(NotUnderstood, match="have the same version"):
        arrow_streams.read_lookup(b"not Arrow at all")


def test_a_small_question_never_imports_what_reads_arrow(registry: Registry) -> None:
    register(registry.client(), digests(range(3)), "human")
    script = (
        "import sys, numpy as np; from firsthand import Client\n"
        f"client = Client({registry.url!r})\n"
        "assert client.lookup(np.zeros((5_000, 32), np.uint8)).counts()['unknown'] == 5_000\n"
        "assert 'pyarrow' not in sys.modules\n"
        "assert client.lookup(np.zeros((100_000, 32), np.uint8)).counts()['unknown'] == 100_000\n"
        "assert 'pyarrow' in sys.modules\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )
    assert ran.returncode == 0, ran.stderr


def test_places_are_found_among_digests_that_share_their_first_words() -> None:
    for pool in (crafted(2_000), digests(range(2_000))):
        ordered, _ = sort_unique(pool)
        sample = ordered[np.random.default_rng(0).integers(0, len(ordered), 500)]
        assert (as_strings(ordered)[positions_of(ordered, sample)] == as_strings(sample)).all()


def test_texts_of_every_shape_are_parsed_as_one_by_one_or_refused_by_row() -> None:
    texts = [to_text(digest) for digest in to_bytes(digests(range(5)))]
    for given in (texts, [text.removeprefix("sha256:") for text in texts], [texts[0], texts[1][7:]]):
        assert (from_texts(given) == digests(range(len(given)))).all()
    moved = [texts[0][:-1], texts[0][-1] + texts[1]]  # together as long as two, and alike when joined
    spaced = texts[1][:-2] + "  "
    for bad in (moved, [texts[0], spaced], [texts[0], "sha512:" + texts[1][7:]], [texts[0], texts[1][:-1] + "é"]):
        with pytest.raises(ValueError, match=r"row [01]"):
            from_texts(bad)
