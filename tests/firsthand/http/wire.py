"""A registry that is a list of answers, for tests of the transport."""

from collections.abc import Callable

import httpx2
import numpy as np

from firsthand.http.transport import Backoff, Transport

Handler = Callable[[httpx2.Request], httpx2.Response]

ORGANIZATION = {"name": "acme", "title": "", "position": 1}


class Wire:
    """A transport whose other end is a function, and whose pauses are written down instead of slept."""

    def __init__(
        self, *answers: httpx2.Response | Exception | Handler, retries: int = 3, api_key: str | None = "key"
    ) -> None:
        self.requests: list[httpx2.Request] = []
        self.pauses: list[float] = []
        self._answers = list(answers)
        self.transport = Transport(
            "http://registry.test",
            api_key,
            timeout=60,
            retries=retries,
            transport=httpx2.MockTransport(self._answer),
            backoff=Backoff(jitter=np.random.default_rng(1)),
            sleep=self.pauses.append,
        )

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx2.Response) else answer(request)


def problem(status: int, detail: str = "because", **more: object) -> httpx2.Response:
    body = {"type": "about:blank", "title": "Title", "status": status, "detail": detail, **more}
    return httpx2.Response(status, json=body, headers={"Content-Type": "application/problem+json"})
