"""The command line in process, against a registry that is really served."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from typer.testing import CliRunner

from firsthand.cli import app
from tests.conftest import Registry


@dataclass(frozen=True)
class Ran:
    """What a command printed, and how it ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def summary(self) -> Any:
        """The last line of `check --json`."""
        return self.lines[-1]

    @property
    def items(self) -> list[Any]:
        """The lines of `check --json --items` that are items."""
        return [line for line in self.lines if line["kind"] == "item"]

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


Firsthand = Callable[..., Ran]


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> Firsthand:
    """The command line without a registry."""
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")

    def run(*words: object, status: int | None = 0, stdin: str | None = None) -> Ran:
        result = CliRunner().invoke(app, [str(word) for word in words], input=stdin, prog_name="firsthand")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        ran = Ran(result.exit_code, result.stdout, result.stderr)
        assert status is None or ran.status == status, f"{words} ended with {ran.status}:\n{ran.out}\n{ran.err}"
        return ran

    return run


@pytest.fixture
def firsthand(alone: Firsthand, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Firsthand:
    """The command line beside a registry: `firsthand("check", folder)` answers what it printed."""
    monkeypatch.setenv("FIRSTHAND_URL", registry.url)
    monkeypatch.setenv("FIRSTHAND_API_KEY", registry.api_key)
    return alone
