"""What Prometheus is told."""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """Counters of one server, in a registry of their own; labels have few values, all ours."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.requests = Counter(
            "recsys_requests",
            "Requests that were answered.",
            ["route", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "recsys_request_seconds",
            "From a request's first byte to its answer.",
            ["route"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.rows = Counter(
            "recsys_rows", "Rows that the model was asked for.", registry=self.registry
        )
        self.waiting = Gauge(
            "recsys_requests_in_work",
            "Requests that the model answers, or that wait for it.",
            registry=self.registry,
        )
        self.newest = Gauge(
            "recsys_model_version", "The version that is served.", registry=self.registry
        )
        self.refused = Gauge(
            "recsys_refused_versions",
            "Versions in the folder that cannot be served.",
            registry=self.registry,
        )
        self.reloads = Counter(
            "recsys_reloads",
            "Versions that were published, or refused.",
            ["outcome"],
            registry=self.registry,
        )

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self.registry)
