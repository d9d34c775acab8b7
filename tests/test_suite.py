"""Rules for all tests: they pass on a busy machine, and they do not import helpers from test modules.

A comment on the line, or on the line above, allows an exception and gives its reason: `# short: …` for a time of less
than a minute, `# clock: …` for a call that reads a clock.
"""

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted([*(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks" / "harness").rglob("*.py")])

#: Calls whose numeric arguments are seconds that somebody waits.
WAITS = {"communicate", "join", "result", "settimeout", "sleep", "wait", "wait_for"}
CLOCKS = {"monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns"}
LEAST_SECONDS = 60


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def parsed(path: Path) -> tuple[ast.Module, list[str]]:
    """Return the syntax tree and the lines of a file."""
    source = path.read_text(encoding="utf-8")
    return ast.parse(source), source.splitlines()


def is_excused(lines: list[str], node: ast.expr | ast.stmt, marker: str) -> bool:
    """Return whether a line of the node, or the line above it, has a comment that begins with the marker."""
    last = node.end_lineno or node.lineno
    return any(re.search(rf"# {marker}: \S", line) for line in lines[max(node.lineno - 2, 0) : last])


def name_of(function: ast.expr) -> str:
    """Return the last part of the name of a called function."""
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def is_short(value: ast.expr) -> bool:
    """Return whether an expression is a constant below a minute, in seconds. 0 is not short: it does not wait."""
    return isinstance(value, ast.Constant) and isinstance(value.value, int | float) and 0 < value.value < LEAST_SECONDS


def short_times(tree: ast.Module) -> Iterator[ast.expr]:
    """Yield every time limit, deadline or pause with a constant time below a minute."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            named = [keyword.value for keyword in node.keywords if "timeout" in (keyword.arg or "")]
            if any(map(is_short, named + (node.args if name_of(node.func) in WAITS else []))):
                yield node
        elif isinstance(node, ast.BinOp) and isinstance(node.left, ast.Call) and name_of(node.left.func) in CLOCKS:
            if is_short(node.right):
                yield node
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None and is_short(node.value):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(re.search(r"(?i)timeout|seconds|patience", ast.unparse(target)) for target in targets):
                yield node.value


def clocks(tree: ast.Module) -> Iterator[ast.expr]:
    """Yield every call that reads a clock to measure a duration."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and name_of(node.func) in CLOCKS:
            yield node


def faults(find: Callable[[ast.Module], Iterator[ast.expr]], marker: str, folder: str = "") -> list[str]:
    """Return the files and lines in a folder where `find` matches and no comment allows an exception."""
    locations = []
    for path in FILES:
        if path.is_relative_to(ROOT / folder):
            tree, lines = parsed(path)
            nodes = [node for node in find(tree) if not is_excused(lines, node, marker)]
            locations += [f"{relative(path)}:{node.lineno}" for node in nodes]
    return locations


@pytest.mark.slow
def test_no_time_limit_is_under_a_minute_and_nothing_pauses_for_a_fixed_time() -> None:
    advice = "wait for an event with benchmarks.harness.waiting, or say why with: # short: …"
    assert faults(short_times, "short") == [], advice


@pytest.mark.slow
def test_no_test_reads_a_clock_so_that_none_asserts_a_speed() -> None:
    advice = "a busy machine is slow: assert no speed, or say what the clock is for with: # clock: …"
    assert faults(clocks, "clock", "tests") == [], advice


def test_no_module_imports_from_a_test_module() -> None:
    importing = re.compile(r"\s*(?:from|import) tests\.(?:\w+\.)*test_\w+")
    modules = [relative(path) for path in FILES if any(map(importing.match, parsed(path)[1]))]
    assert modules == [], "move what is shared to a module that is no test"


def test_the_fixture_client_is_defined_once() -> None:
    defining = [
        relative(path)
        for path in FILES
        for node in parsed(path)[0].body
        if isinstance(node, ast.FunctionDef) and node.name == "client" and node.decorator_list
    ]
    assert defining == ["tests/conftest.py"], "fill the registry by `pytest.mark.prepare` instead"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "number"),
    [
        ("process.wait(20)", 1),
        ("process.wait(60)", 0),
        ("process.wait(PATIENCE_SECONDS)", 0),
        ("subprocess.run(command, timeout=30)", 1),
        ("caller.settimeout(0)", 0),
        ("time.sleep(0.5)", 1),
        ("until = time.monotonic() + 20", 1),
        ("STOP_SECONDS: float = 15", 1),
        ("# short: the server never answers\nget(timeout=0.1)", 0),
        ("get(timeout=0.1)  # short: the server never answers", 0),
        ("get(timeout=0.1)  # short:", 1),
    ],
)
def test_what_is_a_short_time_and_what_excuses_it(code: str, number: int) -> None:
    lines = code.splitlines()
    assert len([node for node in short_times(ast.parse(code)) if not is_excused(lines, node, "short")]) == number
