"""`benchmarks.snapshots.check_command` times a check, and refuses a check with wrong counts."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.snapshots import check_command
from firsthand.core.digests import Digests

pytestmark = pytest.mark.slow


def test_the_command_is_timed_and_its_counts_are_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = check_command.measure(tmp_path, np.random.default_rng(0), count=301, held=1_000, times=2)
    assert len(row.values) == len(row.baselines) == 2
    assert row.passed is not None

    write_snapshot = check_command.write_snapshot

    def write_too_few(folder: Path, known: Digests, held: int, generator: np.random.Generator) -> None:
        write_snapshot(folder, known[:5], held, generator)

    monkeypatch.setattr(check_command, "write_snapshot", write_too_few)
    (tmp_path / "other").mkdir()
    with pytest.raises(AssertionError):
        check_command.measure(tmp_path / "other", np.random.default_rng(0), count=301, held=1_000, times=1)
