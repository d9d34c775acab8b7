"""The pool that `check` and sweeps share: a lost worker costs its task alone, and no worker survives its parent."""

import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from benchmarks.harness.waiting import wait_until
from firsthand.checking.process_pool import run_unordered
from tests.firsthand.checking.pool_work import working

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

PROGRAM = """
import sys
from functools import partial
from pathlib import Path
from firsthand.checking.process_pool import run_unordered
from tests.firsthand.checking.pool_work import working

for event in run_unordered(partial(working, "for ever", Path(sys.argv[1])), range(4), 2):
    print(event.task, event.kind, flush=True)
"""


@pytest.mark.slow
def test_a_lost_worker_loses_its_task_alone(tmp_path: Path) -> None:
    events = list(run_unordered(partial(working, "die", tmp_path), range(10), 2))
    assert [(event.task, event.value) for event in events if event.kind == "lost"] == [(3, -signal.SIGKILL)]
    assert {event.task for event in events if event.kind == "done"} == set(range(10)) - {3}


@pytest.mark.slow
def test_a_task_that_fails_fails_alone(tmp_path: Path) -> None:
    events = list(run_unordered(partial(working, "fail", tmp_path), range(10), 2))
    (failed,) = (event for event in events if event.kind == "failed")
    assert (failed.task, failed.value.format("file 3")) == (3, "file 3: ZeroDivisionError: {braces} are kept")
    assert {event.task for event in events if event.kind == "done"} == set(range(10)) - {3}


@pytest.mark.slow
def test_tasks_at_the_limit_are_not_given_out(tmp_path: Path) -> None:
    events = run_unordered(partial(working, "well", tmp_path), range(10), 2, lambda: 4)
    assert {event.task for event in events} == {0, 1, 2, 3}


@pytest.mark.slow
def test_workers_in_the_middle_of_a_task_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert {parent.stdout.readline() for _ in range(4)} == {"0 result\n", "1 result\n"}
        workers = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
        assert len(workers) >= 2
        parent.send_signal(signal.SIGKILL)
        wait_until(lambda: not any(is_running(int(worker)) for worker in workers), "the workers end")


def is_running(process: int) -> bool:
    """Whether a process exists, and has not ended without being waited for."""
    try:
        return ") Z " not in Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
