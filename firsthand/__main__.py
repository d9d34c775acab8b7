"""Run `python -m firsthand`, which is the same as the command `firsthand`."""

import os
import sys
from pathlib import Path

# `python -m` puts the working directory first in the module path. A folder `service/` of the user there must not be
# imported instead of ours. The working directory is needed only in a clone that is not installed.
if sys.path[:1] == [os.getcwd()] and Path.cwd() != Path(__file__).resolve().parents[1]:
    del sys.path[0]

if __name__ == "__main__":
    # Worker processes import this module too, and need nothing of the command line.
    from firsthand.cli import main

    main()
