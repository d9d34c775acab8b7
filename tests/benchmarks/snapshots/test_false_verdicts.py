"""The test of false verdicts at a small size. By default the command looks up ten million digests of each kind."""

import pytest

from benchmarks.snapshots import false_verdicts
from firsthand.schemas.snapshots import Bits


@pytest.mark.parametrize("bits", [12, 28])
def test_members_are_answered_as_was_said_and_strangers_as_rarely_as_is_stated(
    bits: Bits, capsys: pytest.CaptureFixture[str]
) -> None:
    assert false_verdicts.main(["--members", "100000", "--unregistered", "1000000", "--bits", str(bits)]) == 0
    output = capsys.readouterr().out
    print(output)
    assert "members with a wrong verdict: 0 of 100,000" in output


def test_errors_that_are_not_as_stated_are_seen() -> None:
    fine = false_verdicts.VerdictErrors(10, 0, 10**6, 122, 122.07, 15, 15.26)
    assert fine.as_stated
    assert not false_verdicts.VerdictErrors(10, 1, 10**6, 122, 122.07, 15, 15.26).as_stated
    assert not false_verdicts.VerdictErrors(10, 0, 10**6, 156, 122.07, 15, 15.26).as_stated
    assert not false_verdicts.VerdictErrors(10, 0, 10**6, 88, 122.07, 15, 15.26).as_stated
