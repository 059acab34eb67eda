"""Where accepted events become durable: the bus, or the spool on disk until the bus is back.

    deliver ─▶ bus
       └─ away ─▶ spool ── drain, oldest first ─▶ bus

While anything of a topic waits in the spool, what follows goes there too, so that the order is kept. What an earlier
process left there is drained on start. What the spool may hold is bounded (room.py). Called from worker threads.
"""

import threading
import time
from collections import Counter
from collections.abc import Sequence

from collectors.events.metrics import Metrics
from collectors.events.room import Room
from lakehouse.errors import LakehouseError, NotDurableError
from lakehouse.log import get_log
from lakehouse.storage.local import LocalBus
from lakehouse.storage.protocols import Bus, Message

_SUBSCRIPTION = "drain"
_MESSAGES_AT_ONCE = 64
_MESSAGES_A_TRIM = 1_024
_WRITING_PAUSE_S = 0.01
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 5.0
log = get_log(__name__)


class Outbox:
    """One collector's way out. `start` begins to drain, `close` ends it; what is in the spool then stays there."""

    def __init__(self, bus: Bus, spool: LocalBus, room: Room, metrics: Metrics) -> None:
        self._bus = bus
        self._spool = spool
        self.room = room
        self._metrics = metrics
        self._lock = threading.Lock()
        self._backlog = set(spool.topics())
        self._writing: Counter[str] = Counter()
        self._held: dict[str, list[Message]] = {}
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._drainer = threading.Thread(target=self._drain_on, name="drain", daemon=True)

    @property
    def backlog(self) -> list[str]:
        """Topics of which something waits in the spool."""
        with self._lock:
            return sorted(self._backlog)

    def start(self) -> None:
        self._wake.set()
        self._drainer.start()

    def deliver(self, topic: str, messages: Sequence[bytes]) -> None:
        """Return once they are durable, on the bus or in the spool. Raises NotDurableError: neither took them; SpoolFullError: the
        spool has no room."""
        if self._must_wait(topic, False):
            self._spool_away(topic, messages)
            return
        try:
            self._timed("bus", topic, messages)
        except NotDurableError as error:
            log.warning("bus_away", topic=topic, error=error)
            self._must_wait(topic, True)
            self._spool_away(topic, messages)

    def close(self) -> None:
        self._closing.set()
        self._wake.set()
        if self._drainer.is_alive():
            self._drainer.join()
        self._bus.close()
        self._spool.close()

    def _must_wait(self, topic: str, is_away: bool) -> bool:
        """Whether to spool; then the topic counts as being written to until _spool_away is through."""
        with self._lock:
            if is_away:
                self._backlog.add(topic)
            if topic in self._backlog:
                self._writing[topic] += 1
                return True
            return False

    def _spool_away(self, topic: str, messages: Sequence[bytes]) -> None:
        try:
            with self.room.take(messages):
                self._timed("spool", topic, messages)
        finally:
            with self._lock:
                self._writing[topic] -= 1
            self._wake.set()

    def _timed(self, sink: str, topic: str, messages: Sequence[bytes]) -> None:
        began = time.perf_counter()
        (self._bus if sink == "bus" else self._spool).publish(topic, messages)
        self._metrics.published(sink, topic, len(messages), time.perf_counter() - began)

    def _drain_on(self) -> None:
        pause = _FIRST_PAUSE_S
        while not self._closing.is_set():
            self._wake.wait()
            self._wake.clear()
            for topic in self.backlog:
                try:
                    self._drain(topic)
                    pause = _FIRST_PAUSE_S
                except LakehouseError as error:
                    # Still away (or the spool's disk is in trouble): the messages stay where they are, and are tried again.
                    log.warning("spool_not_drained", topic=topic, error=error)
            if self.backlog:
                self._closing.wait(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_S)
                self._wake.set()

    def _drain(self, topic: str) -> None:
        drained = 0
        while not self._closing.is_set():
            # What a failed attempt has pulled comes first: the spool would give it out again only after its deadline.
            waiting = self._held.pop(topic, None) or self._spool.pull(topic, _SUBSCRIPTION, _MESSAGES_AT_ONCE, 0)
            if not waiting:
                waiting = self._last_or_done(topic)
            if waiting is None:
                self._spool.turn_over(topic)
                self._spool.trim(topic)
                log.info("spool_drained", topic=topic, messages=drained)
                return
            if not waiting:
                continue
            self._held[topic] = waiting
            self._timed("bus", topic, [m.data for m in waiting])
            self._spool.ack(topic, _SUBSCRIPTION, self._held.pop(topic))
            if drained // _MESSAGES_A_TRIM != (drained + len(waiting)) // _MESSAGES_A_TRIM:
                self._spool.trim(topic)
            drained += len(waiting)

    def _last_or_done(self, topic: str) -> list[Message] | None:
        """What came in since the spool was seen empty; None where nothing did, and the topic is off the backlog."""
        with self._lock:
            if not self._writing[topic]:
                waiting = self._spool.pull(topic, _SUBSCRIPTION, _MESSAGES_AT_ONCE, 0)
                if not waiting:
                    self._backlog.discard(topic)
                    return None
                return waiting
        self._closing.wait(_WRITING_PAUSE_S)
        return []
