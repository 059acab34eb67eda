"""The counting loop: pull, count, acknowledge; and bring back what Redis lost, between one batch and the next.

    bus ─▶ pull ─▶ read ─▶ LiveStore.count ─▶ acknowledge
                               │ away: keep the batch, wait, again     (nothing more is pulled meanwhile)
                               └ lost: rebuild from bus and raw, a part between two batches

Killed between counting and acknowledging, the batch comes again and every event of it is known.
"""

import time
from collections.abc import Callable, Iterator, Sequence

import sqlalchemy

from lakehouse.contracts.registry import Registry
from lakehouse.envelope import Envelope
from lakehouse.errors import NotDurableError
from lakehouse.log import get_log
from lakehouse.privacy.hidden import restricted_people
from lakehouse.storage.protocols import Bus, Files, Message, Vault
from live.fold import sources
from live.metrics import CounterMetrics
from live.reading import Read, RecordReader
from live.rebuild import rebuilding, since_when
from live.store import AWAY, FiguresLostError, LiveStore

SUBSCRIPTION = "live"
_MESSAGES_AT_ONCE = 20
_EVENTS_AT_ONCE = 2_000  # in one step of Redis, which serves nobody else meanwhile
_LONGEST_PAUSE_S = 5.0
# Redis away, loading, failing over or out of memory; the vault's disk full, its database busy or away. All of these heal.
PASSING = (*AWAY, NotDurableError, sqlalchemy.exc.OperationalError)
Part = tuple[RecordReader, list[Envelope]]
log = get_log(__name__)


class Counter:
    """One counting process."""

    def __init__(
        self, bus: Bus, files: Files, vault: Vault, contracts: Registry, store: LiveStore, window_minutes: int, metrics: CounterMetrics
    ) -> None:
        self._bus, self._files, self._vault, self._store = bus, files, vault, store
        self._window = window_minutes
        self._metrics = metrics
        self._readers = [RecordReader(contracts, c, vault) for c in sources(contracts)]
        self._rebuild: Iterator[Part] | None = None
        self._is_lost = False

    def run(self, is_stopping: Callable[[], bool], on_ready: Callable[[], None] = lambda: None) -> None:
        """Until `is_stopping`. What is in hand then is either counted and acknowledged, or comes again."""
        if not (self._patiently(self._start, is_stopping) and self._patiently(lambda: None, is_stopping)):
            return
        on_ready()
        while not is_stopping():
            for reader in self._readers:
                self._step(reader, is_stopping)
            if self._rebuild is not None:
                self._rebuild_step(is_stopping)

    def run_until_idle(self) -> None:
        """Until the bus holds nothing and nothing is being rebuilt; for tests and for a person in a hurry."""
        never = lambda: False  # noqa: E731
        self._patiently(self._start, never)
        self._patiently(lambda: None, never)
        while sum(self._step(reader, never) for reader in self._readers) or self._rebuild is not None:
            if self._rebuild is not None:
                self._rebuild_step(never)

    def _start(self) -> None:
        self._store.refuse_eviction()
        self._is_lost = not self._store.is_complete()

    def _step(self, reader: RecordReader, is_stopping: Callable[[], bool]) -> int:
        """Returns how many messages came."""
        wait_s = 0.0 if self._rebuild is not None else 0.2 / len(self._readers)
        messages = self._bus.pull(reader.contract.topic, SUBSCRIPTION, _MESSAGES_AT_ONCE, wait_s)
        if messages and self._patiently(lambda: self._count(reader, messages), is_stopping):
            # Nothing is trimmed here: that is for land, without which raw would never get it.
            self._patiently(lambda: self._bus.ack(reader.contract.topic, SUBSCRIPTION, messages), is_stopping)
        return len(messages)

    def _count(self, reader: RecordReader, messages: Sequence[Message]) -> None:
        began = time.perf_counter()
        envelopes, unreadable = reader.envelopes(m.data for m in messages)
        self._metrics.read(reader.contract.id, Read(unreadable=unreadable))
        for start in range(0, len(envelopes), _EVENTS_AT_ONCE):
            part = envelopes[start : start + _EVENTS_AT_ONCE]
            read = reader.records(part, self._oldest_minute())
            counted = self._store.count(reader.views, read.records)
            self._metrics.read(reader.contract.id, read)
            self._metrics.counted(reader.contract.id, counted)
            if counted.counted:
                self._metrics.lag_s.observe(max(0.0, time.time() - part[0].received_at.timestamp()))
        self._metrics.batch_s.observe(time.perf_counter() - began)

    def _oldest_minute(self) -> int:
        return int(time.time() // 60) - self._window + 1

    # ---------------------------------------------------------------------------------------------------------- rebuild

    def _begin_rebuild(self) -> None:
        since = since_when(int(time.time() // 60), self._window)
        self._store.begin_rebuild(restricted_people(self._files))
        self._rebuild = rebuilding(self._bus, self._files, self._vault, self._readers, since)
        self._is_lost = False
        self._metrics.rebuilds.inc()
        self._metrics.is_rebuilding.set(1)
        log.info("rebuild_started", since=since.isoformat())

    def _rebuild_step(self, is_stopping: Callable[[], bool]) -> None:
        self._part: Part | None = None
        if self._patiently(self._next_part, is_stopping) and self._part is not None:
            self._patiently(self._count_part, is_stopping)

    def _next_part(self) -> None:
        try:
            self._part = next(self._rebuild)
        except StopIteration:
            self._store.finish_rebuild()
            self._rebuild = None
            self._metrics.is_rebuilding.set(0)
            log.info("rebuild_finished")
        except PASSING:
            self._is_lost = True  # it begins anew, and counts nothing twice
            raise

    def _count_part(self) -> None:
        reader, envelopes = self._part
        for start in range(0, len(envelopes), _EVENTS_AT_ONCE):
            read = reader.records(envelopes[start : start + _EVENTS_AT_ONCE], self._oldest_minute())
            self._metrics.counted(reader.contract.id, self._store.count(reader.views, read.records))

    # --------------------------------------------------------------------------------------------------------- patience

    def _patiently(self, work: Callable[[], None], is_stopping: Callable[[], bool]) -> bool:
        """Do it, again and again while what stands in its way may pass. False where we were told to stop first."""
        pause_s = 0.05
        while True:
            try:
                if self._is_lost:
                    self._begin_rebuild()
                work()
                self._metrics.redis_up.set(1)
                return True
            except FiguresLostError:
                self._is_lost = True
                continue
            except PASSING as error:
                self._metrics.redis_up.set(0 if isinstance(error, AWAY) else 1)
                log.warning("live_waits", error=error, pause_s=round(pause_s, 2))
            if is_stopping():
                return False
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
