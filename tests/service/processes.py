"""`firsthand serve` and `firsthand migrate` as processes of their own."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from firsthand.cli import app

FIRSTHAND = (sys.executable, "-m", "firsthand")


@dataclass(frozen=True)
class Served:
    """A server that runs: what it said on its first line, and where its log goes."""

    process: "subprocess.Popen[str]"
    said: dict[str, Any]
    log: Path

    @property
    def url(self) -> str:
        return str(self.said["url"])

    def stop(self) -> str:
        """End it as a service manager would; its whole log."""
        self.process.terminate()
        self.process.wait(20)
        return self.log.read_text()


@contextmanager
def serving(folder: Path, *options: str, **environment: str) -> Iterator[Served]:
    """`firsthand serve` on a free port, in `folder`, until the block ends. The environment is that of the test."""
    folder.mkdir(exist_ok=True)
    log = folder / "serve.log"
    command = [*FIRSTHAND, "serve", "--port", "0", "--json", *options]
    with (
        log.open("w") as errors,
        subprocess.Popen(
            command, cwd=folder, env=os.environ | environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
        ) as process,
    ):  # fmt: skip
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, log.read_text()
            yield Served(process, json.loads(line), log)
        finally:
            process.kill()


def ran(*arguments: str) -> Result:
    """A command that ends by itself, in this process."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        return CliRunner().invoke(app, arguments, prog_name="firsthand")
    finally:  # those of the command write to what was its standard error
        root.handlers[:], root.level = handlers, level
