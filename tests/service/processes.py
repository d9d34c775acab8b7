"""Commands that end by themselves, in this process; and whether other processes have ended."""

import logging
from collections.abc import Sized
from pathlib import Path

from typer.testing import CliRunner, Result

from benchmarks.harness.waiting import wait_until
from firsthand.cli import app
from service.settings import Settings


def environment_of(settings: Settings) -> dict[str, str]:
    """The variables that make `firsthand serve` and `firsthand migrate` use the database of these settings."""
    return {"FIRSTHAND_DATA_DIR": str(settings.data_dir), "FIRSTHAND_DATABASE_URL": settings.database_url or ""}


def ran(*arguments: str) -> Result:
    """Run a command that ends by itself."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        return CliRunner().invoke(app, arguments, prog_name="firsthand")
    finally:  # those of the command write to what was its standard error
        root.handlers[:], root.level = handlers, level


def is_running(pid: int) -> bool:
    """Whether a process, which need not be a child of this one, is there and no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def wait_for_size(container: Sized, least: int) -> None:
    """Wait until a container that another thread fills holds so many."""
    wait_until(lambda: len(container) >= least, f"the container holds {least}")


def wait_for_end(pid: int) -> None:
    """Wait until a process has ended."""
    wait_until(lambda: not is_running(pid), f"process {pid} has not ended")
