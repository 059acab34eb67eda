"""What is counted of uploads, on the collector's own page. No label ever names a person or an object.

media_uploads_total{kind, status}     media_upload_bytes_total{kind}
media_upload_seconds{kind}            media_uploads_in_progress
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_UPLOAD_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class MediaMetrics:
    """Figures of one collector's uploads."""

    def __init__(self, registry: CollectorRegistry) -> None:
        here = {"registry": registry}
        self._uploads = Counter(
            "media_uploads_total", "Requests to /v1/media by kind of object and HTTP status.", ["kind", "status"], **here
        )
        self._bytes = Counter("media_upload_bytes_total", "Bytes of new objects, before sealing.", ["kind"], **here)
        self._seconds = Histogram("media_upload_seconds", "From request to answer of what was kept.", ["kind"], buckets=_UPLOAD_S, **here)
        self.in_progress = Gauge("media_uploads_in_progress", "Uploads that are being received.", **here)

    def answered(self, kind: str, status: int) -> None:
        """`kind` is empty where none was known."""
        self._uploads.labels(kind, status).inc()

    def kept(self, kind: str, size: int, seconds: float) -> None:
        self._bytes.labels(kind).inc(size)
        self._seconds.labels(kind).observe(seconds)
