"""A thread that sends mutated bodies until it is stopped. Its requests depend only on its random generator."""

import threading
from collections import Counter
from collections.abc import Iterator, Sequence

import httpx2
import numpy as np

from benchmarks.fuzz.answers import FuzzRequest, answer_fault
from benchmarks.fuzz.fault_files import FaultFiles
from benchmarks.fuzz.forms import UploadForm
from benchmarks.fuzz.mutations import mutate
from benchmarks.harness.waiting import PATIENCE_SECONDS

#: 1 of this number of requests has the content type of another form.
_OTHER_MEDIA_TYPE = 30
#: 1 of `_WITH_IDEMPOTENCY_KEY` requests has an Idempotency-Key. There are `_IDEMPOTENCY_KEYS` keys, which are used
#: again with other bodies.
_WITH_IDEMPOTENCY_KEY, _IDEMPOTENCY_KEYS = 10, 20


def fuzz_requests(
    forms: Sequence[UploadForm], chosen: Sequence[UploadForm], random: np.random.Generator
) -> Iterator[FuzzRequest]:
    """Yield requests of the chosen forms, without an end. Splices use the bodies of all forms."""
    bodies = [body for form in forms for body in form.originals]
    while True:
        form = chosen[int(random.integers(len(chosen)))]
        body = mutate(
            form.originals[int(random.integers(len(form.originals)))], bodies[int(random.integers(len(bodies)))], random
        )
        # half of the requests have the accepted query string, so that their bodies are parsed
        query = form.queries[0 if random.integers(2) else int(random.integers(len(form.queries)))]
        headers = {"Content-Type": form.media_type}
        if not random.integers(_OTHER_MEDIA_TYPE):
            headers["Content-Type"] = forms[int(random.integers(len(forms)))].media_type
        if not random.integers(_WITH_IDEMPOTENCY_KEY):
            headers["Idempotency-Key"] = f"fuzz-{random.integers(_IDEMPOTENCY_KEYS)}"
        yield FuzzRequest(form.name, form.method, f"{form.path}?{query}" if query else form.path, headers, body)


class FuzzSender:
    """Sends the requests of one generator, and counts the answers by form and status."""

    def __init__(self, url: str, api_key: str, requests: Iterator[FuzzRequest], faults: FaultFiles) -> None:
        self._client = httpx2.Client(
            base_url=url, headers={"Authorization": f"Bearer {api_key}"}, timeout=PATIENCE_SECONDS
        )
        self._requests, self._faults = requests, faults
        self.statuses = Counter[tuple[str, int | None]]()

    def run(self, stop: threading.Event) -> None:
        """Send requests until `stop` is set or a request has no answer."""
        with self._client:
            for request in self._requests:
                if stop.is_set() or not self.send(request):
                    return

    def send(self, request: FuzzRequest) -> bool:
        """Send a request and check its answer. Return False if there was no answer."""
        try:
            answer = self._answer(request)
        except httpx2.TransportError as error:
            self.statuses[request.form, None] += 1
            self._faults.add(request, f"no answer: {type(error).__name__}: {error}")
            return False
        self.statuses[request.form, answer.status_code] += 1
        fault = answer_fault(answer)
        if fault is not None:
            self._faults.add(request, fault)
        return True

    def _answer(self, request: FuzzRequest) -> httpx2.Response:
        arguments = (request.method, request.target)
        try:
            return self._client.request(*arguments, headers=request.headers, content=request.body)
        except (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError):
            # the server may close an idle connection while a request is sent: only an error on a new one is a fault
            return self._client.request(
                *arguments, headers={**request.headers, "Connection": "close"}, content=request.body
            )
