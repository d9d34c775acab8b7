"""Output streams that are closed, full, or not in UTF-8 never end a command in a traceback."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.factories import NOBODY, write_lines, write_snapshot

pytestmark = pytest.mark.slow

#: A command and whether it succeeds. `{folder}` holds a snapshot and a file whose name is not ASCII.
COMMANDS = [
    (["--help"], True),
    (["check", "{folder}/ünï\u2028\x1b.jsonl", "--snapshot", "{folder}/snapshot", "--items"], True),
    (["check", "{folder}/ünï\u2028\x1b.jsonl", "--snapshot", "{folder}/snapshot", "--json", "--items"], True),
    (
        [
            "filter",
            "{folder}/ünï\u2028\x1b.jsonl",
            "--snapshot",
            "{folder}/snapshot",
            "--verdict",
            "human",
            "--out",
            "{o}",
        ],
        True,
    ),
    (["snapshot", "show", "{folder}/snapshot"], True),
    (["snapshot", "show", "{folder}/snapshot", "--json"], True),
    (["dataset", "list"], False),
    (["check", "{folder}/missing\x1b[2J–"], False),
    (["snapshot", "show"], False),
    (["serve", "--data-dir", "/proc/ünï", "--port", "0"], False),
]
NAMES = ["help", "check", "check-json", "filter", "show", "show-json", "unreachable", "missing", "usage", "serve"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_snapshot(tmp_path / "snapshot")
    write_lines(tmp_path / "ünï\u2028\x1b.jsonl", ["a  person's", "é – 😀"] * 2_000)
    return tmp_path


def ran(
    folder: Path, words: list[str], redirection: str = "", **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """Run a command of `firsthand` in a shell with a redirection."""
    command = [sys.executable, "-m", "firsthand", *(w.format(folder=folder, o=folder / "out") for w in words)]
    settings = {**os.environ, "FIRSTHAND_URL": NOBODY, "FIRSTHAND_TIMEOUT": "60", **environment}
    return subprocess.run(
        ["bash", "-c", f'"$@" {redirection}', "bash", *command], capture_output=True, env=settings, check=False
    )


def assert_no_traceback(result: subprocess.CompletedProcess[bytes]) -> None:
    for output in (result.stdout, result.stderr):
        for words in (b"Traceback", b"Exception ignored", b"most recent call"):
            assert words not in output, output.decode(errors="replace")


@pytest.mark.parametrize(("words", "succeeds"), COMMANDS, ids=NAMES)
def test_closed_and_full_streams_end_in_words(folder: Path, words: list[str], succeeds: bool) -> None:
    result = ran(folder, words, ">&-")
    assert_no_traceback(result)
    assert (result.returncode == 0) == succeeds, result.stderr
    for redirection in (">&- 2>&- <&-", ">/dev/full", "| head -c 1"):
        assert_no_traceback(ran(folder, words, redirection))


@pytest.mark.parametrize(("words", "succeeds"), COMMANDS, ids=NAMES)
def test_streams_in_another_encoding_lose_nothing(folder: Path, words: list[str], succeeds: bool) -> None:
    result = ran(folder, words, PYTHONIOENCODING="ascii")
    assert_no_traceback(result)
    assert (result.returncode == 0) == succeeds, result.stderr
    if "--json" in words:
        documents = [json.loads(line) for line in result.stdout.decode("ascii").splitlines()]
        if "item" in documents[0]:
            assert documents[0]["item"].startswith(f"{folder}/ünï")


@pytest.mark.parametrize(("words", "succeeds"), COMMANDS, ids=NAMES)
def test_no_control_character_of_a_name_is_printed(folder: Path, words: list[str], succeeds: bool) -> None:
    result = ran(folder, words, NO_COLOR="1", TERM="dumb")
    for output in (result.stdout, result.stderr):
        text = output.decode()
        assert not {c for c in text if c != "\n" and not c.isprintable()}, text


@pytest.mark.parametrize("bar", ["progress('building')", "byte_progress('checking', 10)"])
def test_what_is_printed_while_a_bar_is_on_the_terminal_reaches_the_pipe(bar: str) -> None:
    """Standard error is a terminal and standard output is a pipe, as in `id=$(firsthand snapshot create --json)`."""
    code = f"from firsthand.cli import output\nwith output.{bar}: print('the answer')"
    terminal, side_of_command = pty.openpty()
    try:
        finished = subprocess.run(
            [sys.executable, "-c", code],
            stdout=subprocess.PIPE,
            stderr=side_of_command,
            env={**os.environ, "TERM": "xterm"},
            check=True,
        )
        os.close(side_of_command)
        shown = os.read(terminal, 100_000).decode()
    finally:
        os.close(terminal)
    assert finished.stdout == b"the answer\n"
    assert bar.split("'")[1] in shown
