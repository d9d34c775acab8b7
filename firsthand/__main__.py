"""`python -m firsthand`: the same as the command `firsthand`."""

import os
import sys
from pathlib import Path

# `python -m` puts the working directory first among the places of modules; a folder `service/` that the user keeps
# there must not be taken for ours. A clone that is not installed is the one place that is needed.
if sys.path[:1] == [os.getcwd()] and Path.cwd() != Path(__file__).resolve().parents[1]:
    del sys.path[0]

from firsthand.cli import main

if __name__ == "__main__":
    main()
