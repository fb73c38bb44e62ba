"""Prometheus metrics of one server."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector, generate_latest

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
IMAGES = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """The metrics; every server has its own registry."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        labels = ("method", "path", "status")
        self.requests = Counter("pokegan_requests", "Requests answered.", labels, registry=registry)
        self.latency = Histogram(
            "pokegan_request_seconds", "Request latency.", ("path",), buckets=SECONDS, registry=registry
        )
        self.in_flight = Gauge("pokegan_requests_in_flight", "Requests in flight.", registry=registry)
        self.queued = Gauge("pokegan_queue_pictures", "Images in the queue.", registry=registry)
        self.images = Counter("pokegan_pictures", "Images generated.", ("model",), registry=registry)
        self.batch_sizes = Histogram("pokegan_batch_pictures", "Images per batch.", buckets=IMAGES, registry=registry)
        self.batch_latency = Histogram(
            "pokegan_batch_seconds", "Inference time of a batch.", buckets=SECONDS, registry=registry
        )
        self.reloads = Counter("pokegan_reloads", "Bundles loaded.", ("result",), registry=registry)
        self.bundle = Info("pokegan_bundle", "The served bundle.", registry=registry)

    def record_batch(self, model: str, count: int, seconds: float) -> None:
        """Record a batch of `count` images that took `seconds`."""
        self.images.labels(model).inc(count)
        self.batch_sizes.observe(count)
        self.batch_latency.observe(seconds)

    def record_request(self, method: str, path: str, status: int, seconds: float) -> None:
        """Record an answered request."""
        self.requests.labels(method, path, str(status)).inc()
        self.latency.labels(path).observe(seconds)

    def render(self) -> bytes:
        """Write all metrics in Prometheus' text format."""
        return generate_latest(self.registry)
