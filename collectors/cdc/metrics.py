"""What `lakehouse cdc run --metrics-port` tells Prometheus. No label ever names a person.

cdc_source_up                                1 while the source database answers
cdc_slot_lag_bytes, cdc_slot_retained_bytes  log not yet on the bus; log that the server keeps for the slot
cdc_slot_active, cdc_slot_wal_status{status} whether the slot is read; 1 at the status it has
cdc_epoch, cdc_snapshot_running              incarnation of the source; 1 while a snapshot is under way
cdc_silence_seconds                          since the engine was last heard from, heartbeats included
cdc_engine_restarts_total                    engines started after the first
cdc_alerts_total{kind}                       entries of the ledger, by kind (docs/on_call/cdc.md)
cdc_rows_published_total{table,op}           changes put on the bus, repeated ones included
cdc_unknown_column_rows_total{table,column}  rows with a column that no contract knows
"""

import re
from collections import Counter
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from collectors.cdc.ledger import Ledger
from collectors.cdc.source import Sighting

_WAL_STATUS = ("reserved", "extended", "unreserved", "lost")
_SAFE_NAME = re.compile(r"[a-z][a-z_0-9]{0,62}")


class Metrics(Collector):
    """Figures of the newest look and of the ledger, worked out when they are asked for."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.sighting: Sighting | None = None
        self.restarts = 0

    def serve(self, port: int) -> int:
        """On 127.0.0.1; port 0 takes a free one. Returns the port."""
        registry = CollectorRegistry()
        registry.register(self)
        server, _ = start_http_server(port, addr="127.0.0.1", registry=registry)
        return server.server_port

    def describe(self) -> list:
        return []

    def collect(self) -> Iterator:
        seen, standing = self.sighting, self._ledger.standing()
        yield GaugeMetricFamily("cdc_source_up", "Whether the source database answers.", value=float(seen is not None))
        if seen and seen.slot:
            yield GaugeMetricFamily("cdc_slot_lag_bytes", "Log written and not yet on the bus.", value=seen.lag_bytes)
            yield GaugeMetricFamily("cdc_slot_retained_bytes", "Log that the server keeps for the slot.", value=seen.slot.retained_bytes)
            yield GaugeMetricFamily("cdc_slot_active", "Whether the slot is read.", value=float(seen.slot.is_active))
            status = GaugeMetricFamily("cdc_slot_wal_status", "1 at the status that the slot has.", labels=["status"])
            for name in _WAL_STATUS:
                status.add_metric([name], float(name == seen.slot.wal_status))
            yield status
        if standing:
            yield GaugeMetricFamily("cdc_epoch", "Incarnation of the source.", value=standing.epoch)
            yield GaugeMetricFamily("cdc_snapshot_running", "Whether a snapshot is under way.", value=float(not standing.is_complete))
        yield GaugeMetricFamily("cdc_silence_seconds", "Since the engine was last heard from.", value=self._ledger.silence_s())
        yield CounterMetricFamily("cdc_engine_restarts", "Engines started after the first.", value=self.restarts)
        yield _counter("cdc_alerts", "Entries of the ledger.", ["kind"], Counter((a["kind"],) for a in self._ledger.rows("alert", 100_000)))
        rows: Counter = Counter()
        for count in self._ledger.rows("row_count", 1_000_000):
            rows[count["table"], count["op"]] += count["rows"]
        yield _counter("cdc_rows_published", "Changes put on the bus.", ["table", "op"], rows)
        drift: Counter = Counter()
        for d in self._ledger.rows("drift", 10_000):
            drift[d["table"], d["column"] if _SAFE_NAME.fullmatch(d["column"]) else "(other)"] += d["rows"]
        yield _counter("cdc_unknown_column_rows", "Rows with a column that no contract knows.", ["table", "column"], drift)


def _counter(name: str, says: str, labels: list[str], counts: Counter) -> CounterMetricFamily:
    family = CounterMetricFamily(name, says, labels=labels)
    for values, count in sorted(counts.items()):
        family.add_metric(list(values), count)
    return family
