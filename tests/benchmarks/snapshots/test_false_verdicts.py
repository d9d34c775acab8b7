"""The test of false verdicts at small sizes. The command also writes a snapshot of ten million items."""

import pytest

from benchmarks.snapshots import false_verdicts
from benchmarks.snapshots.false_verdicts import FalseVerdicts
from firsthand.schemas.snapshots import Bits


@pytest.mark.slow
@pytest.mark.parametrize("bits", [12, 28])
def test_items_get_their_verdicts_and_unregistered_digests_get_one_as_rarely_as_is_stated(
    bits: Bits, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = ["--items", "0", "1", "3", "400", "50000"]
    assert false_verdicts.main([*sizes, "--unregistered", "1000000", "--bits", str(bits)]) == 0
    output = capsys.readouterr().out
    print(output)
    assert output.count("0 items with a wrong verdict") == 5
    assert output.count("within 3 standard errors") == 5 + 3  # those with empty shards are counted twice
    assert "NOT within" not in output


@pytest.mark.parametrize(
    ("verdicts", "expected", "as_stated"),
    [
        (122, 122.07, True),
        (156, 122.07, False),
        (88, 122.07, False),
        (0, 0.0, True),
        (1, 0.0, False),
        (2, 0.24, True),  # 2.5 % of such snapshots have as many
        (4, 0.24, False),
        (0, 5.0, True),
        (0, 9.0, False),
    ],
)
def test_counts_that_are_not_as_stated_are_seen(verdicts: int, expected: float, as_stated: bool) -> None:
    assert FalseVerdicts("any shard", 10**6, verdicts, expected).as_stated == as_stated
