"""Build the site into site/, strictly, and check it.

    python -m docs.tooling.build

Zensical writes to the folder that its configuration names, so a build of another folder copies the sources there.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from docs.tooling import check_site

ROOT = Path(__file__).parents[2]


def build(root: Path = ROOT) -> Path:
    """Build the site of the sources under `root`; return its folder.

    Raises CalledProcessError if Zensical warns of anything: its output says of what.
    """
    shutil.rmtree(root / "site", ignore_errors=True)
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean"]
    # The extension for fences is imported by name, from the folder of the sources.
    environment = os.environ | {"PYTHONPATH": str(root)}
    subprocess.run(command, cwd=root, env=environment, check=True)
    return root / "site"


def copy_sources(folder: Path) -> Path:
    """Copy what the site is built from into `folder`, and return it."""
    shutil.copy(ROOT / "zensical.toml", folder)
    shutil.copytree(ROOT / "docs", folder / "docs", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


if __name__ == "__main__":
    try:
        site = build()
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
    status = check_site.main([str(site)])
    sys.stdout.write(f"Open {site.relative_to(ROOT)}/index.html\n")
    sys.exit(status)
