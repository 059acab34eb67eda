"""What the collector counts, under the names that the platform's dashboards know. No label ever names a person.

events_received_total{zone_id, contract, status}     events_rejected_total{code}
request_latency_seconds{status}                      collector_waiting_bytes, collector_spooled_topics, collector_spool_bytes
requests_refused_total{code}                         requests_clock_skewed_total{verdict}
pubsub_messages_published_total{sink, topic}         pubsub_publish_latency_seconds{sink}     sink: bus or spool
"""

from collections import Counter as Tally
from functools import lru_cache

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from lakehouse.admission import Admission

_REQUEST_S = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_PUBLISH_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


class Metrics:
    """One collector's figures, in a registry of their own."""

    def __init__(self) -> None:
        disable_created_metrics()  # a second series for each, which no dashboard of ours reads
        self.registry = self._registry = CollectorRegistry()  # the media routes show theirs on the same page
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        here = {"registry": self._registry}
        self._received = Counter("events_received_total", "Events by verdict.", ["zone_id", "contract", "status"], **here)
        self._rejected = Counter("events_rejected_total", "Rejected events by code.", ["code"], **here)
        self._refused = Counter("requests_refused_total", "Requests refused whole, by reason.", ["code"], **here)
        self._skewed = Counter("requests_clock_skewed_total", "Requests of a producer whose clock is wrong.", ["verdict"], **here)
        self._latency = Histogram(
            "request_latency_seconds", "From a request's first byte to its answer.", ["status"], buckets=_REQUEST_S, **here
        )
        self._published = Counter("pubsub_messages_published_total", "Messages made durable.", ["sink", "topic"], **here)
        self._publish_s = Histogram(
            "pubsub_publish_latency_seconds", "Time until a group of messages was durable.", ["sink"], buckets=_PUBLISH_S, **here
        )
        # Labels are looked up once: the look-up costs more than the count.
        self._accepted = lru_cache(maxsize=None)(lambda zone_id, contract: self._received.labels(zone_id, contract, "accepted").inc)
        self._answered = lru_cache(maxsize=None)(lambda status: self._latency.labels(status).observe)
        self._waiting = Gauge("collector_waiting_bytes", "Accepted, and not yet durable.", **here)
        self._spooled = Gauge("collector_spooled_topics", "Topics that wait in the spool for the bus.", **here)
        self._spool_bytes = Gauge("collector_spool_bytes", "What the spool takes on disk; see LAKEHOUSE_COLLECTOR_SPOOL_BYTES.", **here)

    def admitted(self, zone_id: str, admission: Admission) -> None:
        """An answer with verdicts."""
        for contract, count in admission.counts.items():
            self._accepted(zone_id, contract)(count)
        if admission.rejected:
            # The contract that a rejected event names may be anything: it is no label.
            self._received.labels(zone_id, "", "rejected").inc(len(admission.rejected))
            for code, count in Tally(r.code for r in admission.rejected.values()).items():
                self._rejected.labels(code).inc(count)

    def refused(self, code: str) -> None:
        """A request that was refused whole."""
        self._refused.labels(code).inc()

    def skewed(self, verdict: str) -> None:
        """A request whose Sent-At is beyond the tolerance: corrected, or implausible and left as it is."""
        self._skewed.labels(verdict).inc()

    def answered(self, status: int, seconds: float) -> None:
        self._answered(status)(seconds)

    def published(self, sink: str, topic: str, messages: int, seconds: float) -> None:
        self._published.labels(sink, topic).inc(messages)
        self._publish_s.labels(sink).observe(seconds)

    def text(self, waiting_bytes: int, spooled_topics: int, spool_bytes: int) -> bytes:
        """Prometheus' own format."""
        self._waiting.set(waiting_bytes)
        self._spooled.set(spooled_topics)
        self._spool_bytes.set(spool_bytes)
        return generate_latest(self._registry)
