"""What the live path counts of itself. No label names a person, a tenant or an exam.

counter   live_events_total{contract, outcome}   live_lag_seconds   live_batch_seconds   live_rebuilds_total   live_redis_up
server    live_connections   live_subscriptions   live_messages_total{type}   live_closed_total{code}   live_push_seconds   live_redis_up
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics, generate_latest

from live.reading import Read
from live.store import Counted

_LAG_S = (0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 30, 60, 300, 1800)
_WORK_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)


class _Metrics:
    def __init__(self) -> None:
        disable_created_metrics()
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self.redis_up = Gauge("live_redis_up", "1 where Redis answered last.", registry=self._registry)

    @property
    def registry(self) -> CollectorRegistry:
        return self._registry

    def text(self) -> bytes:
        return generate_latest(self._registry)


class CounterMetrics(_Metrics):
    """Of `lakehouse live count`."""

    def __init__(self) -> None:
        super().__init__()
        here = {"registry": self._registry}
        self._events = Counter("live_events_total", "Events by what became of them.", ["contract", "outcome"], **here)
        self.lag_s = Histogram(
            "live_lag_seconds", "From acceptance to the figure in Redis, of each batch's oldest event.", buckets=_LAG_S, **here
        )
        self.batch_s = Histogram("live_batch_seconds", "Time to count one batch.", buckets=_WORK_S, **here)
        self.rebuilds = Counter("live_rebuilds_total", "Times that Redis had lost figures and they were rebuilt.", **here)
        self.is_rebuilding = Gauge("live_rebuilding", "1 while lost figures are being rebuilt.", **here)

    def read(self, contract: str, read: Read) -> None:
        for outcome in ("unreadable", "invalid", "too_old", "forgotten"):
            self._add(contract, outcome, getattr(read, outcome))

    def counted(self, contract: str, counted: Counted) -> None:
        for outcome in ("counted", "repeated", "forgotten"):
            self._add(contract, outcome, getattr(counted, outcome))

    def _add(self, contract: str, outcome: str, number: int) -> None:
        if number:
            self._events.labels(contract, outcome).inc(number)


class ServerMetrics(_Metrics):
    """Of `lakehouse live serve`."""

    def __init__(self) -> None:
        super().__init__()
        here = {"registry": self._registry}
        self.connections = Gauge("live_connections", "Open connections.", **here)
        self.subscriptions = Gauge("live_subscriptions", "Subscriptions of open connections.", **here)
        self.messages = Counter("live_messages_total", "Messages sent, by type.", ["type"], **here)
        self.closed = Counter("live_closed_total", "Connections that we closed, by close code.", ["code"], **here)
        self.push_s = Histogram("live_push_seconds", "Time to read changes and hand them to subscribers.", buckets=_WORK_S, **here)
