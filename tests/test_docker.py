"""Tests of the image of the service without a Docker engine: the copied files exist, and its commands work.

The tests execute the instructions of the Dockerfile in a folder and a clean virtual environment. They do not cover the
base image, the user and the volume.
"""

import fnmatch
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from benchmarks.harness.waiting import PATIENCE_SECONDS, wait_until

ROOT = Path(__file__).parent.parent


class Instruction(NamedTuple):
    """One instruction of the Dockerfile, with its continuation lines."""

    name: str
    arguments: str

    @property
    def words(self) -> list[str]:
        """The arguments: the list in the JSON form, otherwise the words between spaces."""
        words: list[str] = json.loads(self.arguments) if self.arguments.startswith("[") else self.arguments.split()
        return words


def dockerfile() -> list[Instruction]:
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [Instruction(*re.sub(r"\s+", " ", line).split(" ", 1)) for line in joined.splitlines() if line]


def instructions(name: str) -> list[Instruction]:
    return [instruction for instruction in dockerfile() if instruction.name == name]


def only(name: str) -> Instruction:
    (instruction,) = instructions(name)
    return instruction


def ignored(path: str) -> bool:
    """Return whether `.dockerignore` excludes a file. The last pattern that matches the file or its folders decides."""
    verdict = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!").removeprefix("**/")
        parts = Path(path).parts
        tops = parts if "**/" in line else ["/".join(parts[: n + 1]) for n in range(len(parts))]
        if line and not line.startswith("#") and any(fnmatch.fnmatch(top, pattern) for top in tops):
            verdict = not line.startswith("!")
    return verdict


def copied() -> Iterator[tuple[Path, str]]:
    """Yield every copied file, with its path below the working directory of the image."""
    for instruction in instructions("COPY"):
        *sources, target = instruction.words
        for source in sources:
            root = ROOT / source
            assert root.exists(), f"the Dockerfile copies {source}, and there is none"
            files = [root] if root.is_file() else [path for path in sorted(root.rglob("*")) if path.is_file()]
            for file in files:
                if not ignored(file.relative_to(ROOT).as_posix()):
                    inner = Path(source).name if root.is_file() else file.relative_to(root)
                    yield file, str(Path(target) / inner)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the working directory of the image and a clean environment after the `pip install` of the image."""
    folder = tmp_path_factory.mktemp("image")
    for file, target in copied():
        (folder / "app" / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, folder / "app" / target)
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    for command in [run.arguments for run in instructions("RUN") if run.arguments.startswith("pip ")]:
        # the tests may keep what they downloaded, a layer of an image should not
        kept = command.replace("--no-cache-dir ", "")
        done = subprocess.run(
            kept, shell=True, cwd=folder / "app", env=environment(folder), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    return folder


def environment(image: Path, **settings: str) -> dict[str, str]:
    """Return the `ENV` of the image: `/data` is in `image`, and the commands of its environment come first."""
    own = dict(word.split("=", 1) for instruction in instructions("ENV") for word in instruction.words)
    own = {name: value.replace("/data", str(image / "data")) for name, value in own.items()}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("FIRSTHAND_", "PYTHON"))}
    return inherited | own | {"PATH": f"{image / 'venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"} | settings


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def test_the_image_holds_the_service_and_nothing_that_it_does_not_need() -> None:
    held = {target for _, target in copied()}
    assert {"pyproject.toml", "service/app.py", "firsthand/client.py", "migrations/env.py"} <= held
    assert any(target.startswith("migrations/versions/2") for target in held)
    assert not [target for target in held if "__pycache__" in target or target.startswith(("simulator", "tests", "."))]


def test_the_image_is_slim_and_runs_as_a_user_of_its_own() -> None:
    assert re.fullmatch(r"python:3\.11-slim-trixie@sha256:[0-9a-f]{64}", only("FROM").arguments)
    user = only("USER").arguments
    assert user != "root"
    assert any(f"--create-home {user}" in run.arguments for run in instructions("RUN"))
    names = [instruction.name for instruction in dockerfile()]
    assert names.index("USER") < names.index("CMD")


def test_each_package_of_the_lock_file_has_hashes_and_the_version_of_the_tests() -> None:
    """The tests of the image install it with `--require-hashes`, so it has every package that the service needs."""
    lock = (ROOT / "requirements-service.txt").read_text().replace("\\\n", " ")
    locked = {match[1]: match[2] for match in re.finditer(r"^([\w-]+)==([\w.]+)", lock, re.MULTILINE)}
    assert {"fastapi", "sqlalchemy", "hatchling", "psycopg-binary"} <= locked.keys()
    assert "torch" not in locked
    for line in lock.splitlines():
        assert "--hash=sha256:" in line, line
    constraints = (ROOT / "constraints.txt").read_text().lower().replace("_", "-")
    tested = {match[1]: match[2] for match in re.finditer(r"^([\w-]+)==([\w.]+)", constraints, re.MULTILINE)}
    assert {name: version for name, version in locked.items() if tested.get(name, version) != version} == {}


@pytest.mark.slow
def test_its_commands_serve_a_registry_in_a_clean_environment_without_torch(image: Path) -> None:
    port = str(free_port())
    settings = environment(image, FIRSTHAND_PORT=port, FIRSTHAND_MIGRATE_ON_START="true")
    absent = subprocess.run(["python", "-c", "import torch"], env=settings, capture_output=True, text=True, check=False)
    assert "No module named 'torch'" in absent.stderr

    health = only("HEALTHCHECK").arguments.partition("CMD ")[2]
    with (image / "log").open("w") as log:
        server = subprocess.Popen(
            [*only("ENTRYPOINT").words, *only("CMD").words], cwd=image / "app", env=settings, stdout=log, stderr=log
        )
    try:

        def is_healthy() -> bool:
            return subprocess.run(json.loads(health), env=settings, capture_output=True, check=False).returncode == 0

        wait_until(lambda: is_healthy() or server.poll() is not None, "the server is healthy")
        assert server.poll() is None, (image / "log").read_text()
        listed = subprocess.run(
            ["firsthand", "organization", "list", "--json"], env=settings, capture_output=True, text=True, check=False
        )
        assert '"local"' in listed.stdout, listed.stderr
    finally:
        server.terminate()
        server.wait(PATIENCE_SECONDS)
    ended = subprocess.run(json.loads(health), env=settings, capture_output=True, check=False)
    assert ended.returncode != 0, "the health check must fail when nobody answers"
    assert (image / "data" / "firsthand.sqlite").is_file()


@pytest.mark.slow
def test_what_the_image_leaves_out_says_so_and_where_it_is(image: Path) -> None:
    done = subprocess.run(
        ["firsthand", "simulate", "demo"], env=environment(image), capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "simulate" in done.stderr
    assert "Traceback" not in done.stderr
