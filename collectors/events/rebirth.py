"""Noticing that the bus came back empty, and publishing again what it lost.

    deliver ─▶ JournaledBus ─ journal, then bus
    every few seconds: Watch ─ asks the bus who it is ─▶ as remembered: nothing
                                     └─ other, or back after it was gone ─▶ publish the journal again ─▶ remember

Who a topic is, its subscriptions say: each has an incarnation, its own and its topic's, given when it was made. A subscription
that was made again misses what its former self had not delivered. One more subscription misses nothing that it was promised.
"""

import fcntl
import os
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from lakehouse.errors import LakehouseError, NotDurableError
from lakehouse.log import get_log
from lakehouse.storage.durable import make_folder
from lakehouse.storage.journal import Journal
from lakehouse.storage.protocols import Message

_GONE = ""
log = get_log(__name__)


class RemoteBus(Protocol):
    """A bus that may come back as another."""

    def publish(self, topic: str, messages: Sequence[bytes]) -> None: ...

    def incarnations(self, topic: str) -> dict[str, str]:
        """Subscription → what tells it from one of the same name before it. Raises NotDurableError where the bus is away."""

    def pull(self, topic: str, subscription: str, max_messages: int, timeout_s: float) -> list[Message]: ...

    def ack(self, topic: str, subscription: str, messages: Sequence[Message]) -> None: ...

    def trim(self, topic: str) -> int: ...

    def close(self) -> None: ...


class JournaledBus:
    """A bus that writes down what it is given before it passes it on."""

    def __init__(self, bus: RemoteBus, journal: Journal) -> None:
        self._bus = bus
        self._journal = journal
        self._met: set[str] = set()

    def publish(self, topic: str, messages: Sequence[bytes]) -> None:
        """Raises NotDurableError, BadInputError as the bus does. A journal that cannot be written holds nothing up: the bus has it."""
        self._meet(topic)
        try:
            self._journal.keep(topic, messages)
        except NotDurableError as error:
            log.warning("journal_not_kept", topic=topic, messages=len(messages), error=error)
        self._bus.publish(topic, messages)

    def _meet(self, topic: str) -> None:
        """Before the first message of a topic it is noted whom it goes to; else nobody could tell later whether that changed."""
        if topic not in self._met:
            if self._journal.remembered(topic) is None:
                self._journal.remember(topic, self._bus.incarnations(topic))
            self._met.add(topic)

    def pull(self, topic: str, subscription: str, max_messages: int, timeout_s: float) -> list[Message]:
        return self._bus.pull(topic, subscription, max_messages, timeout_s)

    def ack(self, topic: str, subscription: str, messages: Sequence[Message]) -> None:
        self._bus.ack(topic, subscription, messages)

    def trim(self, topic: str) -> int:
        return self._bus.trim(topic)

    def close(self) -> None:
        self._bus.close()
        self._journal.close()


def has_missed(before: Mapping[str, str], now: Mapping[str, str]) -> bool:
    """Whether somebody reads now who cannot have got everything: a subscription made again, or the first one of all."""
    return any(now[name] != before.get(name) and (name in before or not before) for name in now)


def merged(before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """What to remember: those that are gone, too, so that they are known when they come back."""
    return {**dict.fromkeys(before, _GONE), **now}


class Watch:
    """A thread that looks after the bus. Of several collectors on one journal one watches."""

    def __init__(self, bus: RemoteBus, journal: Journal, folder: Path, every_s: float) -> None:
        self._bus = bus
        self._journal = journal
        self._folder = folder
        self._every_s = every_s
        self._lock: int | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="rebirth", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._lock is not None:
            os.close(self._lock)

    def _watch(self) -> None:
        while not self._closing.is_set():
            try:
                if self._is_mine():
                    for topic in self._journal.topics():
                        self.look(topic)
                        self._journal.trim(topic)
            except LakehouseError as error:
                # The bus is away, or the disk in trouble: nothing was remembered, so the next look finds the same.
                log.warning("bus_not_watched", error=error)
            self._closing.wait(self._every_s)

    def look(self, topic: str) -> None:
        """Publish a topic's journal again if the bus lost it. Raises NotDurableError."""
        before, now = self._journal.remembered(topic) or {}, self._bus.incarnations(topic)
        if has_missed(before, now):
            again = republish(self._bus, self._journal, topic, None)
            log.warning("bus_came_back_empty", topic=topic, messages_published_again=again)
        if (known := merged(before, now)) != before:
            self._journal.remember(topic, known)

    def _is_mine(self) -> bool:
        if self._lock is None:
            make_folder(self._folder)
            fd = os.open(self._folder / "watch.lock", os.O_RDWR | os.O_CREAT, 0o644)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(fd)
                return False
            self._lock = fd
        return True


def republish(bus: RemoteBus, journal: Journal, topic: str, since: datetime | None) -> int:
    """How many messages were published again. Raises NotDurableError."""
    again = 0
    for messages in journal.read(topic, since):
        bus.publish(topic, messages)
        again += len(messages)
    return again
