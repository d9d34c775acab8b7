"""The table of attacks at tiny sizes: every attack reaches the registry, and every miss of a bar is seen."""

import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.harness.served_registry import ServedRegistry
from benchmarks.harness.waiting import wait_until
from benchmarks.strangers.__main__ import main
from benchmarks.strangers.attack_target import AttackTarget
from benchmarks.strangers.attacked_registry import AttackedRegistry
from benchmarks.strangers.attackers import attack
from benchmarks.strangers.attacks import ATTACKS
from benchmarks.strangers.probes import Probe, ProbeAnswer, ProbeTimes
from benchmarks.strangers.raw_http import request, status_of
from benchmarks.strangers.strangers_row import StrangersRow, table_head

#: The statuses that the registry gives to each attack. Others, such as 429 and 503, may come too.
ANSWERS = {
    "parquet": "415",
    "parquet registered": "415",
    "arrow": "400",
    "empty lists": "422",
    "empty lists without right": "401",
    "empty lists registered": "422",
    "deep json": "400",
    "half requests": None,
    "slow bodies": None,
    "slow uploads": None,
    "wrong keys": "401",
    "conflicting lengths": "400",
    "headers": "431",
    "parameters": "414",
    "large look-ups": "200",
    "dry runs": "200",
    "lists": "200",
    "snapshot list": "200",
    "slow readers": "200",
    "slow readers with key": "200",
    "arrow registered": "400",
    "stored mixes": "201",
    "bulk": "201",
}


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ServedRegistry, AttackTarget]]:
    registry = AttackedRegistry(tmp_path_factory.mktemp("strangers"), 2_000, 2)
    # the attacks of the other tests must not spend the budget of the one that is tested
    with registry.serve(FIRSTHAND_ANONYMOUS_BUDGET="1000000000") as served:
        yield served, registry.target(served)


def test_every_attack_is_in_the_table_of_answers() -> None:
    assert list(ANSWERS) == [row.name for row in ATTACKS]


@pytest.mark.slow
@pytest.mark.parametrize("name", ANSWERS)
def test_an_attack_is_answered_as_it_should_be_and_the_registry_lives(
    attacked: tuple[ServedRegistry, AttackTarget], name: str
) -> None:
    served, target = attacked
    statuses, durations = Counter[str](), iter(0.5 * 2**number for number in range(20))

    def is_answered() -> bool:
        statuses.update(attack(name, target, next(durations), 2).statuses)
        expected = ANSWERS[name]
        return expected is None or expected in statuses

    wait_until(is_answered, lambda: f"{name}: {statuses}")  # a busy machine needs longer
    print(name, statuses)
    assert "refused" not in statuses
    assert [status for status in statuses if status >= "500" and status[0] == "5" and status != "503"] == []
    probe = Probe("health", "GET", "/healthz")
    probe.send(served.port)
    assert probe.answers[0].status == "200"


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_a_short_run_has_every_value_and_no_worker_dies(workers: int, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["idle", "parquet", "bulk"]
    sizes = ["--quick", "--items", "2000", "--seconds", "1", "--attackers", "2", "--workers", str(workers)]
    status = main([*sizes, "--json", "--only", *names])
    output = capsys.readouterr().out
    print(output)
    rows = [json.loads(line) for line in output.splitlines()]
    assert [row["attack"] for row in rows] == names
    assert status == int(not all(row["pass"] for row in rows))
    for row in rows:
        assert row["died"] == 0
        assert row["health"]["p99"] >= row["health"]["p50"] > 0
        assert row["look_up"]["longest"] >= row["look_up"]["p99"] > 0
        assert row["health"]["statuses"].keys() == row["look_up"]["statuses"].keys() == {"200"}
        assert row["peak"] >= row["before"] > 0
        assert row["after"] > 0
        assert (row["registration"] is not None) == (row["attack"] == "bulk")
    assert not rows[0]["statuses"]
    assert rows[1]["statuses"]


FAST = ProbeTimes(0.01, 0.02, 0.03, {"200": 100})
PASSED = StrangersRow("arrow", "no key", "streams", FAST, FAST, None, 10**8, 2 * 10**8, 10**8, 0, {"400": 9, "503": 1})


@pytest.mark.parametrize(
    ("row", "miss"),
    [
        (replace(PASSED, health=replace(FAST, p99=1.2)), "/healthz p99 1.20 s"),
        (replace(PASSED, look_up=replace(FAST, p99=math.nan)), "look-up p99"),
        (replace(PASSED, look_up=replace(FAST, statuses={"200": 9, "none": 1})), "'none': 1"),
        (replace(PASSED, registration=replace(FAST, statuses={"201": 8, "503": 2})), "registrations of others"),
        (replace(PASSED, peak=10**8 + 301 * 10**6), "memory +301 MB"),
        (replace(PASSED, after=10**8 + 151 * 10**6), "memory stays +151 MB"),
        (replace(PASSED, died=2), "2 workers died"),
        (replace(PASSED, statuses={"500": 3, "503": 2}), "answers {'500': 3}"),
    ],
)
def test_a_bar_that_is_missed_is_named_in_the_row(row: StrangersRow, miss: str) -> None:
    assert len(row.misses) == 1
    assert miss in row.misses[0]
    assert miss in row.line()
    assert " MISS " in row.line()
    values = json.loads(json.dumps(row.to_json(), allow_nan=False))
    assert values["pass"] is False
    assert values["look_up"]["statuses"] == dict(row.look_up.statuses)


def test_a_row_within_all_bars_is_passed() -> None:
    assert PASSED.misses == []
    assert replace(PASSED, registration=replace(FAST, statuses={"201": 9, "503": 1})).misses == []
    assert " pass " in PASSED.line()
    assert PASSED.to_json()["pass"] is True
    assert "/healthz" in table_head()


def test_a_standstill_counts_for_every_request_that_it_delayed() -> None:
    """One answer after 2 s stands for 20 requests, of which one waited 2 s, one 1.9 s, and so on."""
    probe = Probe("health", "GET", "/healthz")
    probe.answers = [ProbeAnswer(10 + number / 10, 0.001, "200") for number in range(20)]
    probe.answers.append(ProbeAnswer(12.0, 2.0, "200"))
    times = probe.times(10.0, 14.0)
    assert times.statuses == {"200": 21}
    assert 0.0 < times.p50 < 0.2
    assert times.p99 > 1.8
    assert times.longest == 2.0
    assert times.others("200") == 0
    assert math.isnan(probe.times(20.0, 21.0).p99)


def test_a_request_states_its_length_and_an_answer_without_a_status_line_counts_as_closed() -> None:
    sent = request("POST", "/v1/lookups", "Content-Type: a/b", body=b"abc", api_key="fh_1_2")
    assert sent.startswith(b"POST /v1/lookups HTTP/1.1\r\n")
    assert b"\r\nContent-Length: 3\r\n" in sent
    assert b"\r\nAuthorization: Bearer fh_1_2\r\n" in sent
    assert sent.endswith(b"\r\n\r\nabc")
    assert [status_of(start) for start in (b"HTTP/1.1 415", b"HTTP/1.1", b"")] == ["415", "closed", "closed"]


def test_an_unknown_attack_is_refused_before_anything_is_started(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["--only", "flying"])
    assert "flying" in capsys.readouterr().err
