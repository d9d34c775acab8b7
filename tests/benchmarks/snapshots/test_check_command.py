"""What `benchmarks.snapshots.check_command` measures is a check that found what was put there."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.snapshots import check_command

pytestmark = pytest.mark.slow


def test_the_command_is_timed_and_its_answer_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gated = check_command.measure(tmp_path, np.random.default_rng(0), count=301, held=1_000, times=2)
    assert len(gated.figures) == len(gated.baselines) == 2
    assert gated.ratio == pytest.approx(np.median(gated.figures) / np.median(gated.baselines))
    monkeypatch.setattr(
        check_command, "_snapshot", lambda folder, known, held, random: make(folder, known[:5], held, random)
    )
    (tmp_path / "other").mkdir()
    with pytest.raises(AssertionError):
        check_command.measure(tmp_path / "other", np.random.default_rng(0), count=301, held=1_000, times=1)


make = check_command._snapshot
