"""Figures for Prometheus, of one server."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector, generate_latest

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
PICTURES = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """What is counted; every server has a registry of its own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        labels = ("method", "path", "status")
        self.requests = Counter("pokegan_requests", "Requests answered.", labels, registry=registry)
        self.seconds = Histogram(
            "pokegan_request_seconds", "From a request to its answer.", ("path",), buckets=SECONDS, registry=registry
        )
        self.flying = Gauge("pokegan_requests_in_flight", "Requests being answered.", registry=registry)
        self.waiting = Gauge("pokegan_queue_pictures", "Pictures that wait to be drawn.", registry=registry)
        self.pictures = Counter("pokegan_pictures", "Pictures drawn.", ("model",), registry=registry)
        self.batches = Histogram(
            "pokegan_batch_pictures", "Pictures that were drawn at once.", buckets=PICTURES, registry=registry
        )
        self.drawing = Histogram("pokegan_batch_seconds", "For a batch.", buckets=SECONDS, registry=registry)
        self.reloads = Counter("pokegan_reloads", "Bundles loaded again.", ("result",), registry=registry)
        self.bundle = Info("pokegan_bundle", "What draws.", registry=registry)

    def drew(self, model: str, count: int, each: float) -> None:
        """Count a batch of `count` pictures, which took `each` seconds a picture."""
        self.pictures.labels(model).inc(count)
        self.batches.observe(count)
        self.drawing.observe(each * count)

    def answered(self, method: str, path: str, status: int, seconds: float) -> None:
        """Count a request."""
        self.requests.labels(method, path, str(status)).inc()
        self.seconds.labels(path).observe(seconds)

    def text(self) -> bytes:
        """Write it all in Prometheus' text format."""
        return generate_latest(self.registry)
