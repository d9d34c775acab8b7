"""The environment of a run: the commit of the code, the versions of its libraries, and the machine."""

import contextlib
import platform
import subprocess
from importlib import metadata
from pathlib import Path

_LIBRARIES = ("firsthand", "numpy", "scipy", "scikit-learn", "tokenizers", "torch")


def commit() -> str | None:
    """Return the git commit of this code; with `-dirty` at the end if tracked files differ from the commit.

    Return None if the code is not in a git clone.
    """
    head = _git("rev-parse", "HEAD")
    if head is None:
        return None
    return head + ("-dirty" if _git("status", "--porcelain", "--untracked-files=no") else "")


def _git(*arguments: str) -> str | None:
    clone = Path(__file__).parents[2]
    try:
        done = subprocess.run(["git", *arguments], cwd=clone, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries on which results depend, by name."""
    installed = {name: metadata.version(name) for name in _LIBRARIES}
    with contextlib.suppress(metadata.PackageNotFoundError):
        installed["transformers"] = metadata.version("transformers")  # an optional dependency
    return {"python": platform.python_version(), **installed}


def device() -> str:
    """Return the names of the processor and of the operating system, as one text. A run uses one thread."""
    return f"{_processor()}, one thread, {platform.system()} {platform.machine()}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "CPU"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "CPU")
