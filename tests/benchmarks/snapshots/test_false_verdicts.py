"""The check of snapshots, in small; by hand it goes through ten million members and as many strangers."""

import pytest

from benchmarks.snapshots import false_verdicts
from firsthand.schemas.snapshots import Bits


@pytest.mark.slow
@pytest.mark.parametrize("bits", [12, 28])
def test_members_get_their_verdict_and_strangers_a_false_one_as_rarely_as_stated(
    bits: Bits, capsys: pytest.CaptureFixture[str]
) -> None:
    assert false_verdicts.main(["--members", "100000", "--strangers", "1000000", "--bits", str(bits)]) == 0
    printed = capsys.readouterr().out
    print(printed)
    assert "members answered wrongly: 0 of 100,000" in printed


def test_errors_that_are_not_as_stated_are_seen() -> None:
    fine = false_verdicts.Errors(10, 0, 10**6, 122, 122.07, 15, 15.26)
    assert fine.as_stated
    assert not false_verdicts.Errors(10, 1, 10**6, 122, 122.07, 15, 15.26).as_stated
    assert not false_verdicts.Errors(10, 0, 10**6, 156, 122.07, 15, 15.26).as_stated
    assert not false_verdicts.Errors(10, 0, 10**6, 88, 122.07, 15, 15.26).as_stated
