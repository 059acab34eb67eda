"""The reading end of a durable log: what a subscription has seen, and what it has finished with.

    <topic>/*.seg ─▶ _Cursor, one a segment ─▶ Consumer.pull ─▶ (work) ─▶ Consumer.ack ─▶ <subscription>.offsets

An offset says how far a segment is acknowledged without a gap; it is replaced by a rename, so it is either the old or
the new one. What stands behind it is delivered again after a restart: at least once, never less.
"""

import fcntl
import json
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

from lakehouse.errors import BusyError, CorruptError
from lakehouse.storage.durable import make_folder, not_durable, write_file
from lakehouse.storage.protocols import Message
from lakehouse.storage.segment import HEADER, SUFFIX, SegmentReader, segments

OFFSETS = ".offsets"


class _Cursor:
    """Where one subscription stands in one segment.

    committed  everything before it is acknowledged, durably once saved
    next       where to read on
    delivered  start → end of the records behind `committed` that were read, in order
    acked      starts that are acknowledged, but stand behind one that is not
    """

    def __init__(self, path: Path, committed: int) -> None:
        self.path = path
        self.committed = self.next = committed
        self.delivered: OrderedDict[int, int] = OrderedDict()
        self.acked: set[int] = set()
        self.finished = False
        self.damaged_bytes = 0
        self._reader: SegmentReader | None = None

    def read_on(self) -> tuple[int, bytes] | None:
        """The next record that nobody acknowledged; None where there is none (for now)."""
        while not self.finished:
            reader = self._open()
            if reader is None:
                return None
            found = reader.next(self.next)
            if found is None:
                if reader.ended:
                    self.finished = True
                    self.close()
                return None
            start, data = found
            self.next = self.delivered[start] = start + HEADER.size + len(data)
            if start not in self.acked:
                return found
            self._advance()
        return None

    def read_again(self, start: int) -> bytes | None:
        """A record delivered before; None where it has been acknowledged or trimmed meanwhile."""
        if start not in self.delivered or start in self.acked:
            return None
        reader = self._open()
        return reader.read(start) if reader else None

    def ack(self, start: int) -> None:
        if start >= self.committed:
            self.acked.add(start)
            self._advance()

    def _advance(self) -> None:
        while self.delivered and (first := next(iter(self.delivered))) in self.acked:
            self.committed = self.delivered.pop(first)
            self.acked.discard(first)

    def _open(self) -> SegmentReader | None:
        if self._reader is None:
            try:
                self._reader = SegmentReader(self.path)
            except FileNotFoundError:
                self.finished = True
        return self._reader

    def close(self) -> None:
        if self._reader:
            self.damaged_bytes += self._reader.damaged_bytes
            self._reader.close()
            self._reader = None


class Consumer:
    """The reading end of one subscription; only one process may hold it.

    What was delivered and not acknowledged is delivered again after `ack_deadline_s`, and by the next process.
    """

    def __init__(self, folder: Path, subscription: str, ack_deadline_s: float) -> None:
        """Raises BusyError where another process reads this subscription, NotDurableError where the disk is full."""
        self._folder = folder
        self._ack_deadline_s = ack_deadline_s
        self._offsets = folder / f"{subscription}{OFFSETS}"
        self._mutex = threading.Lock()
        self._leases: OrderedDict[tuple[str, int], float] = OrderedDict()
        with not_durable("the subscription could not be opened"):
            make_folder(folder)
            self._lock = _hold(folder / f"{subscription}.lock", f"{folder.name}/{subscription}")
            try:
                if not self._offsets.exists():
                    write_file(self._offsets, b"{}")  # from now on trim() knows of it
                self._saved = read_offsets(self._offsets)
            except BaseException:
                os.close(self._lock)  # or this process would stand in its own way when it tries again
                raise
        self._cursors: dict[str, _Cursor] = {}

    def pull(self, max_messages: int, timeout_s: float) -> list[Message]:
        """Up to `max_messages`, oldest segment first; waits up to `timeout_s` for the first one."""
        until, pause = time.monotonic() + timeout_s, 0.002
        while True:
            with self._mutex:
                messages = self._overdue(max_messages)
                messages += self._fresh(max_messages - len(messages))
            left = until - time.monotonic()
            if messages or left <= 0:
                return messages
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, 0.05)

    def _overdue(self, limit: int) -> list[Message]:
        messages, now = [], time.monotonic()
        while self._leases and len(messages) < limit:
            (name, start), due = next(iter(self._leases.items()))
            if due > now:
                break
            del self._leases[name, start]
            data = self._cursors[name].read_again(start)
            if data is not None:
                messages.append(self._lease(name, start, data))
        return messages

    def _fresh(self, limit: int) -> list[Message]:
        messages: list[Message] = []
        if limit <= 0:
            return messages
        for name in segments(self._folder):
            cursor = self._cursor(name)
            while (found := cursor.read_on()) is not None:
                messages.append(self._lease(name, *found))
                if len(messages) == limit:
                    return messages
        return messages

    def _cursor(self, name: str) -> _Cursor:
        if name not in self._cursors:
            self._cursors[name] = _Cursor(self._folder / f"{name}{SUFFIX}", self._saved.get(name, 0))
        return self._cursors[name]

    def _lease(self, name: str, start: int, data: bytes) -> Message:
        self._leases[name, start] = time.monotonic() + self._ack_deadline_s
        return Message(id=f"{name}:{start}", data=data, handle=(name, start))

    def ack(self, messages: Sequence[Message]) -> None:
        """Durable on return for every message that has none unacknowledged before it in its segment.
        Raises NotDurableError; then the messages come again."""
        with self._mutex, not_durable("an acknowledgement could not be written"):
            for message in messages:
                name, start = message.handle
                self._leases.pop((name, start), None)
                self._cursor(name).ack(start)
            self._save()

    def _save(self) -> None:
        there = set(segments(self._folder))
        offsets = {n: o for n, o in self._saved.items() if n in there}
        offsets.update({n: c.committed for n, c in self._cursors.items() if n in there and c.committed})
        if offsets != self._saved:
            write_file(self._offsets, json.dumps(offsets).encode())
            self._saved = offsets

    @property
    def damaged_bytes(self) -> int:
        """Bytes that could not be read between two good records: not a torn end, but a disk that forgets."""
        return sum(c.damaged_bytes for c in self._cursors.values())

    def close(self) -> None:
        with self._mutex:
            for cursor in self._cursors.values():
                cursor.close()
            os.close(self._lock)


def _hold(path: Path, what: str) -> int:
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise BusyError(
            f"another process reads {what}",
            hint=f"wait for it or stop it (`fuser {path}` names it); one process reads a subscription at a time",
        ) from None
    return fd


def read_offsets(path: Path) -> dict[str, int]:
    try:
        return json.loads(path.read_bytes())
    except ValueError:
        raise CorruptError(
            f"{path.name} is not what was written", hint=f"remove {path}: everything still in the log is then delivered again"
        ) from None
