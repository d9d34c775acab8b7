"""Save the requests that showed a fault as files.

Each request has two files: its body, and a description with a command that sends the request again.
"""

import json
import shlex
import threading
from pathlib import Path

from benchmarks.fuzz.answers import FuzzRequest

#: The maximum number of faults whose requests are saved. Further faults are only counted and printed.
MOST_FILES = 100


class FaultFiles:
    """Saves requests into a folder, and prints each fault with the path of its body. It is safe for several threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.faults = list[str]()
        self._lock = threading.Lock()

    def add(self, request: FuzzRequest | None, fault: str) -> None:
        """Count and print a fault, and save its request.

        `request` is None if the fault belongs to no single request: then nothing is saved. After `MOST_FILES` faults,
        requests are no longer saved.
        """
        with self._lock:
            self.faults.append(fault if request is None else f"{request.form}: {fault}")
            number = len(self.faults)
            if request is None or number > MOST_FILES:
                print(f"FAULT {number}: {self.faults[-1]}", flush=True)
                return
            self.folder.mkdir(parents=True, exist_ok=True)
            body = self.folder / f"{number:03d}-{request.form.replace(' ', '-')}.body"
            body.write_bytes(request.body)
            described = body.with_suffix(".json")
            fields = {"fault": fault, "method": request.method, "target": request.target, "headers": request.headers}
            described.write_text(json.dumps({**fields, "curl": _curl(request, body)}, indent=1) + "\n")
            print(f"FAULT {number}: {self.faults[-1]}\n  body: {body}\n  request: {described}", flush=True)


def _curl(request: FuzzRequest, body: Path) -> str:
    """Return the curl command that repeats the request. It takes the address and the key from environment variables."""
    headers = [part for name, text in request.headers.items() for part in ("-H", shlex.quote(f"{name}: {text}"))]
    key = '"Authorization: Bearer $FIRSTHAND_API_KEY"'
    file, target = shlex.quote(f"@{body.resolve()}"), shlex.quote(request.target)
    return f"curl -i -X {request.method} {' '.join(headers)} -H {key} --data-binary {file} $FIRSTHAND_URL{target}"
