"""Run the commands of a Markdown page as a reader would type them: in order, in one shell per page.

The attributes of a fence control how its block runs. The first word is the language, which GitHub also reads. The
attributes follow:

    ```sh                       runs in the page's first terminal: one `bash` for the whole page
    ```sh terminal=2            runs in a second terminal
    ```sh skip="needs Docker"   does not run; the tests print the reason
    ```python                   runs as `python` in the first terminal, with warnings as errors
    ```python file="mine.py"    is saved as this file, as is a block of Python or YAML that begins with `# mine.py`
    ```output                   is the output of the previous block
    ```text, json, yaml, ...    does not run

**One shell per page.** Variables, exports and the working directory are kept between blocks. If a command fails, the
shell ends (`set -e`, `pipefail`), so each block must exit with status 0.

**Servers.** A second terminal may run `firsthand serve` in the foreground. The first terminal continues when the server
answers. The server is stopped with Ctrl-C before the next block of its terminal, and at the end of the page.

**Outputs** contain standard output and standard error. In an `output` block, the character `…` matches any text within
a line, and also the spaces next to it, so that columns stay aligned. A line with only `…` matches any number of lines.
Use it for ids, times, sizes and speeds. Trailing spaces are not compared. A mismatch does not stop the page: all
mismatches are reported together at the end. After a change of messages, run
`UPDATE_DOCS=1 python -m pytest tests/test_docs.py`: it writes the actual output into the pages.

**Environment.** Each page runs in its own folder, with its own home folder, and without the FIRSTHAND variables of the
user who runs the tests. The pages name the default address and an example database. The tests replace them by a free
port and a real PostgreSQL database, and restore the names of the page in the output. `.venv` in the folder is the
environment that runs the tests. Only README.md runs in a copy of the repository, and installs it.
"""

import contextlib
import difflib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

#: Time limits in seconds: for one block, and for the start of a server. A busy machine must not fail a test.
BLOCK_SECONDS = 900
SERVER_SECONDS = 300

#: The addresses of the registry and of the database in the pages.
DEFAULT_ADDRESS = "127.0.0.1:8734"
EXAMPLE_DATABASE = "postgresql://firsthand:secret@localhost/firsthand"

ROOT = Path(__file__).parents[1]

RUNNABLE = ("sh", "python")

#: Other names of these languages. A fence with such a name would not run, without an error.
MISSPELT = ("bash", "shell", "console", "zsh", "py", "pycon")

#: Engines that print their own warnings. Only our own warnings are errors.
_ENGINES = re.compile(r"^(?:import|from) (?:ray|datasets|datatrove)\b", re.MULTILINE)

_FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>[\w-]+)(?P<attributes>[^\n`]*)\n(?P<code>.*?)^(?P=indent)```[ ]*$",
    re.MULTILINE | re.DOTALL,
)
_ATTRIBUTE = re.compile(r'\s*(?P<name>[a-z]+)=(?:"(?P<quoted>[^"]*)"|(?P<bare>[\w.-]+))')
_FILE_NAME = re.compile(r"# (?P<name>[\w.-]+\.(?:py|yaml))\n")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    language: str
    code: str
    #: The line of the opening fence, counted from 1.
    line: int
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def terminal(self) -> int:
        return int(self.attributes.get("terminal", "1"))

    @property
    def skip(self) -> str | None:
        """The reason why the block does not run."""
        return self.attributes.get("skip")

    @property
    def file(self) -> str | None:
        """The name of the file that contains the block, in the working directory of the shell."""
        if name := self.attributes.get("file"):
            return name
        match = _FILE_NAME.match(self.code) if self.language in ("python", "yaml") else None
        return match["name"] if match else None

    @property
    def runs(self) -> bool:
        return self.language in RUNNABLE and self.skip is None


def blocks(text: str) -> list[Block]:
    """Return the fenced blocks with a language, in order. Raises ValueError for unknown attributes."""
    return [
        Block(
            match["language"],
            re.sub(rf"^{match['indent']}", "", match["code"], flags=re.MULTILINE),
            text.count("\n", 0, match.start()) + 1,
            _attributes(match["attributes"]),
        )
        for match in _FENCE.finditer(text)
    ]


def _attributes(text: str) -> dict[str, str]:
    attributes, position = {}, 0
    while text[position:].strip():
        match = _ATTRIBUTE.match(text, position)
        if match is None or match["name"] not in ("terminal", "skip", "file", "title"):
            raise ValueError(f"unknown attribute of a fence: {text.strip()!r}")
        attributes[match["name"]] = match["bare"] if match["quoted"] is None else match["quoted"]
        position = match.end()
    return attributes


def pages() -> dict[str, list[Block]]:
    """Return the blocks of README.md and of every page of docs/, by path."""
    paths = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return {path.relative_to(ROOT).as_posix(): blocks(path.read_text(encoding="utf-8")) for path in paths}


def skipped() -> list[tuple[str, Block]]:
    """Return the blocks that are not run, each with its page."""
    return [(path, block) for path, page in pages().items() for block in page if block.skip is not None]


def differences(expected: str, printed: str, *, whole: bool = True) -> str:
    """Compare an `output` block with the actual output. Return "" if they match, otherwise the difference.

    Without `whole`, the actual output may have more lines, because a server that is still running continues to print.
    """
    pattern = "\n".join(_line_pattern(line.rstrip()) for line in expected.rstrip("\n").split("\n"))
    pattern = pattern.replace("\n" + _ANY_LINES, r"(?:\n.*)*?").replace(_ANY_LINES + "\n", r"(?:.*\n)*?")
    lines = [line.rstrip() for line in printed.rstrip("\n").split("\n")]
    end = r"\Z" if whole else r"(?:\n|\Z)"
    if re.match(pattern + end, "\n".join(lines)):
        return ""
    # Lines that match because of their `…` are shown as in the page, so that the diff shows only real differences.
    page = expected.rstrip("\n").split("\n")
    return "\n".join(difflib.unified_diff(page, _fitting(page, lines), "page", "printed", lineterm="", n=99))


def _fitting(page: list[str], printed: list[str]) -> list[str]:
    """Return the printed lines. A line that matches a line of the page is replaced by the line of the page."""
    patterns = [(line, _line_pattern(line.rstrip())) for line in page if line != "…"]
    return [next((line for line, pattern in patterns if re.fullmatch(pattern, text)), text) for text in printed]


def with_output(text: str, block: Block, printed: str) -> str:
    """Return the page with the actual output in an `output` block. Lines that match because of their `…` do not change.

    A block with a line `…` does not change, because the number of lines that it replaces is unknown.
    """
    expected = block.code.rstrip("\n").split("\n")
    if "…" in expected:
        return text
    page = text.split("\n")
    lines = [line.rstrip() for line in printed.rstrip("\n").split("\n")]
    page[block.line : block.line + len(expected)] = _fitting(expected, lines)
    return "\n".join(page)


_ANY_LINES = "(?#any number of lines)"


def _line_pattern(line: str) -> str:
    return _ANY_LINES if line == "…" else "[^\n]*".join(map(re.escape, re.split(" *… *", line)))


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class BlockFailed(AssertionError):
    """A block of a page exited with a status other than 0."""


class Terminal:
    """A `bash` that runs one block after the other."""

    def __init__(self, number: int, folder: Path, logs: Path, environment: Mapping[str, str]) -> None:
        self._number, self._logs, self._count = number, logs, 0
        self._shell = subprocess.Popen(
            ["bash", "--noprofile", "--norc"], cwd=folder, env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        self._type("set -o pipefail")
        # In other terminals, Ctrl-C ends the server in the foreground (status 130), but not the shell.
        self._type("set -e" if number == 1 else "trap : INT; trap '[ $? = 130 ] || exit 1' ERR")
        self.output = logs / f"{number}-0.out"
        self._finished = threading.Event()
        self._finished.set()

    def start(self, code: str) -> None:
        """Start a block, and return immediately. Its output is written to the file `output`."""
        self._count += 1
        script = self._logs / f"{self._number}-{self._count}.sh"
        script.write_text(code)
        self.output = script.with_suffix(".out")
        # `source` keeps the variables of the block. Standard input is empty: a command must not read the next block.
        self._type(f"source '{script}' </dev/null >'{self.output}' 2>&1")
        self._type("echo finished")
        self._finished = threading.Event()
        threading.Thread(target=self._await_end, args=(self._finished,), daemon=True).start()

    def _await_end(self, finished: threading.Event) -> None:
        assert self._shell.stdout is not None
        if self._shell.stdout.readline() != "finished\n":
            self._shell.wait()
        finished.set()

    def wait(self, seconds: float) -> bool:
        """Wait until the block has finished, or until the time limit. Return whether it has finished."""
        return self._finished.wait(seconds)

    @property
    def busy(self) -> bool:
        return not self._finished.is_set()

    @property
    def printed(self) -> str:
        return self.output.read_text(encoding="utf-8", errors="replace") if self.output.exists() else ""

    @property
    def status(self) -> int:
        """The exit status of the last block. The shell ends after the first command that fails."""
        if self.busy:
            raise BlockFailed(f"the block still runs\n{self.printed}")
        return self._shell.poll() or 0

    def interrupt(self) -> None:
        """Send Ctrl-C, and wait until the command in the foreground has ended."""
        os.killpg(self._shell.pid, signal.SIGINT)
        if not self.wait(BLOCK_SECONDS):
            raise BlockFailed(f"Ctrl-C did not end the command\n{self.printed}")

    def close(self) -> None:
        """End the shell and all processes that it started. A command that is still running gets Ctrl-C first."""
        with contextlib.suppress(BlockFailed):
            if self.busy and self._shell.poll() is None:
                self.interrupt()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._shell.pid, signal.SIGTERM)
        self._shell.wait(BLOCK_SECONDS)
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._shell.stdin.close()
        self._shell.stdout.close()

    def _type(self, line: str) -> None:
        assert self._shell.stdin is not None
        self._shell.stdin.write(line + "\n")
        self._shell.stdin.flush()


@dataclass
class DocumentPage:
    """A page while it runs: its terminals, and the outputs that differ from the page."""

    path: str
    folder: Path
    environment: Mapping[str, str]
    database: str | None = None
    port: int = field(default_factory=free_port)
    differing: list[str] = field(default_factory=list)
    #: The `output` blocks that differ, each with the actual output.
    outdated: list[tuple[Block, str]] = field(default_factory=list)
    _terminals: dict[int, Terminal] = field(default_factory=dict)
    _last: Terminal | None = None

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._logs = self.folder.parent / "blocks"
        self._logs.mkdir()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for terminal in self._terminals.values():
            terminal.close()

    def run(self, block: Block) -> str:
        """Run a block, save it as a file, or compare it with the last output. Return the output of the block."""
        if block.language == "output":
            self._compare(block)
        elif block.file is not None or block.runs:
            return self._run(block)
        return ""

    def _run(self, block: Block) -> str:
        code = self._with_real_addresses(block.code)
        if block.file is not None:
            code = f"cat > '{block.file}' <<'END_OF_FILE'\n{code}END_OF_FILE\n"
        elif block.language == "python":
            warnings = "default" if _ENGINES.search(code) else "error"
            code = f"python -W {warnings} - <<'END_OF_PYTHON'\n{code}END_OF_PYTHON\n"
        terminal = self._terminal(block.terminal)
        if terminal.busy:
            terminal.interrupt()
        terminal.start(code)
        self._last = terminal
        if block.terminal == 1:
            terminal.wait(BLOCK_SECONDS)
        else:
            self._await_server(terminal)
        if not terminal.busy or block.terminal == 1:
            self._check(terminal, block)
        return self._with_names_of_the_page(terminal.printed)

    def _check(self, terminal: Terminal, block: Block) -> None:
        if terminal.status != 0:
            raise BlockFailed(
                f"{self.path}, line {block.line}: exit status {terminal.status}\n{block.code}\n{terminal.printed}"
            )

    def _terminal(self, number: int) -> Terminal:
        if number not in self._terminals:
            environment = {**self.environment, "FIRSTHAND_PORT": str(self.port)}
            self._terminals[number] = Terminal(number, self.folder, self._logs, environment)
        return self._terminals[number]

    def _await_server(self, terminal: Terminal) -> None:
        """Wait until the block has ended, or until a registry answers."""
        deadline = time.monotonic() + SERVER_SECONDS  # clock: only a server that hangs takes so long
        while time.monotonic() < deadline and not terminal.wait(0.1):  # short: how often it looks  # clock: as above
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=60).close()
                return
        if terminal.busy:
            raise BlockFailed(f"{self.path}: no registry answers on port {self.port}\n{terminal.printed}")

    def _compare(self, block: Block) -> None:
        if self._last is None:
            raise ValueError(f"{self.path}, line {block.line}: an output before any block that runs")
        printed = self._with_names_of_the_page(self._last.printed)
        if difference := differences(block.code, printed, whole=not self._last.busy):
            self.differing.append(f"{self.path}, line {block.line}:\n{difference}")
            self.outdated.append((block, printed))

    def _with_real_addresses(self, code: str) -> str:
        code = code.replace(DEFAULT_ADDRESS, f"127.0.0.1:{self.port}")
        if EXAMPLE_DATABASE in code:
            if self.database is None:
                raise ValueError(f"{self.path} needs a PostgreSQL database")
            code = code.replace(EXAMPLE_DATABASE, self.database)
        return code

    def _with_names_of_the_page(self, printed: str) -> str:
        printed = printed.replace(f":{self.port}", ":8734").replace(str(self.folder), "…")
        return printed.replace(self.database, EXAMPLE_DATABASE) if self.database else printed


def environment(home: Path, *, python: Path | None = None) -> dict[str, str]:
    """Return the environment variables for the terminals of a page.

    `python` is a folder that contains only `python3`, for a page that installs Firsthand itself. Without it, the
    commands of the environment that runs the tests come first in PATH.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("FIRSTHAND_", "XDG_", "VIRTUAL_ENV", "PYTEST_"))
        and (python is None or name != "PYTHONPATH")
    }
    own = Path(sys.executable).parent
    inherited = [folder for folder in os.environ["PATH"].split(os.pathsep) if Path(folder) != own]
    return kept | {
        "HOME": str(home),
        "PATH": os.pathsep.join([str(python or own), *inherited]),
        "COLUMNS": "100",
        "LANG": "C.UTF-8",
        # Standard output and standard error are written to one file, in the correct order.
        "PYTHONUNBUFFERED": "1",
        "OMP_NUM_THREADS": "1",
        # Engines do not use the network.
        "HF_HUB_OFFLINE": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
    }
