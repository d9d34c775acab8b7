"""The Prometheus metrics of the service."""

import os
from typing import Annotated

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from service.http.state import shared

#: The variable, read by prometheus_client, that names the folder in which several workers keep a file of counts each.
METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


class Metrics:
    """The metrics of one application or, with several workers, of all of them together."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "firsthand_requests_total", "Requests answered.", ["method", "route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "firsthand_request_seconds", "Time to the last byte of an answer.", ["method", "route"],
            registry=self.registry,
        )  # fmt: skip
        self.items = Counter("firsthand_items_total", "Items in bulk bodies.", ["call"], registry=self.registry)

    def exposition(self) -> bytes:
        """Return the metrics in Prometheus's text format.

        Every worker answers with the sum over all workers, including those that have ended.
        """
        folder = os.environ.get(METRICS_FOLDER)
        if folder is None:
            return generate_latest(self.registry)
        together = CollectorRegistry()
        MultiProcessCollector(together, folder)  # type: ignore[no-untyped-call]
        return generate_latest(together)


MetricsOf = Annotated[Metrics, shared(Metrics)]
