"""Build the site in site/ in strict mode, and check its links.

    python -m docs.tooling.build

Zensical writes to the folder in its configuration. To build in another folder, first copy the sources there.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from docs.tooling import check_site

ROOT = Path(__file__).parents[2]


def build(root: Path = ROOT) -> Path:
    """Build the site from the sources in `root`, and return the folder of the site.

    Raises CalledProcessError if Zensical prints a warning. The output of Zensical contains the warning.
    """
    shutil.rmtree(root / "site", ignore_errors=True)
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean"]
    # Zensical imports the extension for fences by its name, so the folder of the sources must be on the path.
    environment = os.environ | {"PYTHONPATH": str(root)}
    subprocess.run(command, cwd=root, env=environment, check=True)
    return root / "site"


def copy_sources(folder: Path) -> Path:
    """Copy the sources of the site to `folder`, and return `folder`."""
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
