"""What was published lately, kept on the publisher's own disk: for a bus that comes back empty.

    publish ─▶ <root>/<topic>/*.seg (segment_log.py) ─▶ the bus
                       │                                  │
                       └──── read again ◀── `remembered` is not what the bus is now (collectors/events/rebirth.py)

A bus that confirmed a message and then loses it (an emulator that is restarted, a topic that somebody deleted and made again)
loses what its readers have not fetched. The journal holds all of the last hours, read or not: publishing it again is harmless,
since refine knows every event_id. It is bounded in time and in bytes, the oldest segment goes first.
"""

import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from lakehouse.errors import CorruptError
from lakehouse.storage.durable import not_durable, sync_folder, write_file
from lakehouse.storage.rules import checked_name
from lakehouse.storage.segment import HEADER, SUFFIX, SegmentReader, segments
from lakehouse.storage.segment_log import Appender

_SEGMENT_BYTES = 16 * 1024 * 1024
_SLICES = 8  # segments that the time and the bytes are divided into at least
_MESSAGES_AT_ONCE = 64
_BYTES_AT_ONCE = 8_000_000
_INCARNATIONS = "incarnations.json"


class Journal:
    """Threads may share it. Several processes may write below one root, each into its own segments."""

    def __init__(self, root: Path, keep_s: float, most_bytes: int) -> None:
        self._root = root
        self._keep_s = keep_s
        self._most_bytes = most_bytes
        self._mutex = threading.Lock()
        self._appenders: dict[str, tuple[Appender, float]] = {}

    def keep(self, topic: str, messages: Sequence[bytes]) -> None:
        """Raises NotDurableError, BadInputError."""
        with self._mutex:
            appender, since = self._appenders.get(topic, (None, 0.0))
            if appender is None:
                size = min(_SEGMENT_BYTES, self._most_bytes // _SLICES)
                appender, since = Appender(self._root / checked_name(topic), size), time.monotonic()
            is_old = time.monotonic() - since > self._keep_s / _SLICES
            self._appenders[topic] = appender, time.monotonic() if is_old else since
        if is_old:
            appender.close()  # the next segment is begun, so that this one can expire
        appender.append(messages)

    def topics(self) -> list[str]:
        return sorted(p.name for p in self._root.iterdir() if p.is_dir()) if self._root.is_dir() else []

    def read(self, topic: str, since: datetime | None = None) -> Iterator[list[bytes]]:
        """What is kept of a topic, oldest first, a few messages at once; from the segment on that was written to at `since`."""
        group: list[bytes] = []
        for path in self._segments(topic):
            if since is None or _last_written(path) >= since:
                for data in _records(path):
                    group.append(data)
                    if len(group) >= _MESSAGES_AT_ONCE or sum(map(len, group)) >= _BYTES_AT_ONCE:
                        yield group
                        group = []
        if group:
            yield group

    def trim(self, topic: str) -> int:
        """Let go of what is too old or too much; returns how many segments. What is still written to stays."""
        there = [(path, path.stat()) for path in self._segments(topic)]
        now, left, trimmed = time.time(), sum(s.st_size for _, s in there), 0
        for path, stat in there:
            if (stat.st_mtime < now - self._keep_s or left > self._most_bytes) and not _has_writer(path):
                path.unlink(missing_ok=True)
                left, trimmed = left - stat.st_size, trimmed + 1
        if trimmed:
            sync_folder(self._root / topic)
        return trimmed

    def remembered(self, topic: str) -> dict[str, str] | None:
        """What remember() was told; None where it never was. Raises CorruptError."""
        path = self._root / checked_name(topic) / _INCARNATIONS
        try:
            return json.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        except ValueError:
            raise CorruptError(
                f"{_INCARNATIONS} of {topic} is not what was written", hint=f"remove {path}: what the journal holds is then published again"
            ) from None

    def remember(self, topic: str, incarnations: Mapping[str, str]) -> None:
        """Raises NotDurableError."""
        with not_durable("the journal could not be written"):
            write_file(self._root / checked_name(topic) / _INCARNATIONS, json.dumps(dict(incarnations), sort_keys=True).encode())

    def close(self) -> None:
        with self._mutex:
            for appender, _ in self._appenders.values():
                appender.close()
            self._appenders = {}

    def _segments(self, topic: str) -> list[Path]:
        folder = self._root / checked_name(topic)
        return [folder / f"{name}{SUFFIX}" for name in segments(folder)] if folder.is_dir() else []


def _records(path: Path) -> Iterator[bytes]:
    try:
        reader = SegmentReader(path)
    except FileNotFoundError:
        return  # trimmed meanwhile
    try:
        offset = 0
        while (found := reader.next(offset)) is not None:
            offset = found[0] + HEADER.size + len(found[1])
            yield found[1]
    finally:
        reader.close()


def _has_writer(path: Path) -> bool:
    try:
        reader = SegmentReader(path)
    except FileNotFoundError:
        return False
    try:
        return reader.has_writer()
    finally:
        reader.close()


def _last_written(path: Path) -> datetime:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:
        return datetime.min.replace(tzinfo=UTC)
