"""The Prometheus metrics of the service."""

import os
from typing import Annotated

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from service.http.state import shared

#: The environment variable with the folder in which each worker writes a file with its counts, for prometheus_client.
METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


class Metrics:
    """The metrics of one application. With several workers, `exposition` returns the sum of all workers."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "firsthand_requests_total",
            "Number of requests that were answered.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "firsthand_request_seconds", "Seconds until the last byte of the answer.", ["method", "route"],
            registry=self.registry,
        )  # fmt: skip
        self.items = Counter(
            "firsthand_items_total", "Number of items in bulk bodies.", ["call"], registry=self.registry
        )

    def exposition(self) -> bytes:
        """Return the metrics in the text format of Prometheus.

        With several workers, each worker returns the sum over all workers, including workers that have ended.
        """
        folder = os.environ.get(METRICS_FOLDER)
        if folder is None:
            return generate_latest(self.registry)
        together = CollectorRegistry()
        MultiProcessCollector(together, folder)  # type: ignore[no-untyped-call]
        return generate_latest(together)


MetricsOf = Annotated[Metrics, shared(Metrics)]
