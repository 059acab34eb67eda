"""How much the spool may hold: so many bytes, and never the last ones of its disk.

take(size) ─▶ there is room ─▶ written ─▶ given back to the count of what is being written
      └─▶ SpoolFullError: whoever sends keeps the events, and sends them again when the bus is back
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lakehouse.errors import NotDurableError
from lakehouse.storage.local import LocalBus
from lakehouse.storage.segment import HEADER

_NEARLY = 0.9


class SpoolFullError(NotDurableError):
    """The spool holds as much as it may."""


class Room:
    """The limits of one spool. Threads may share it."""

    def __init__(self, spool: LocalBus, folder: Path, most_bytes: int, reserve_bytes: int) -> None:
        """`folder` is, or will be, on the spool's disk."""
        self._spool = spool
        self._folder = folder
        self._most = most_bytes
        self._reserve = reserve_bytes
        self._mutex = threading.Lock()
        self._being_written = 0
        self._has_refused = False

    @property
    def held_bytes(self) -> int:
        return self._spool.held_bytes()

    @property
    def is_full(self) -> bool:
        """Whether the last messages found no room, or the next ones may not."""
        return self._has_refused or self.held_bytes >= _NEARLY * self._most or self._free() <= self._reserve

    @contextmanager
    def take(self, messages: list[bytes]) -> Iterator[None]:
        """For as long as `messages` are being written. Raises SpoolFullError."""
        size = sum(len(m) + HEADER.size for m in messages)
        with self._mutex:
            self._has_refused = True
            if self.held_bytes + self._being_written + size > self._most:
                raise SpoolFullError("the spool is full", hint="bring the bus back, or raise LAKEHOUSE_COLLECTOR_SPOOL_BYTES")
            if self._free() - self._being_written - size < self._reserve:
                raise SpoolFullError("the spool's disk is nearly full", hint="free disk space under LAKEHOUSE_HOME (`df -h`)")
            self._has_refused = False
            self._being_written += size
        try:
            yield
        finally:
            with self._mutex:
                self._being_written -= size

    def _free(self) -> int:
        try:
            found = os.statvfs(self._folder)
        except OSError:
            return 2**63  # writing to it will say what is wrong
        return found.f_bavail * found.f_frsize
