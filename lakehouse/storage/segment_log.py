"""The durable log of one topic on disk: the local bus, and the collector's spool. One mechanism, two uses.

    append() of many threads ─▶ Appender ─ one write, one fsync ─▶ <topic>/<time>-<random>.seg  ◀─ other processes' own
                                                                        │
    ack ─▶ <topic>/<subscription>.offsets  ◀── Consumer ◀───────────────┘   (<subscription>.lock: one process at a time)

Every process that writes has its own segments, so writers never wait for one another. A segment is read from its
beginning to its first incomplete record; whether that will be completed, the writer's lock tells (segment.py).
"""

import errno
import os
import threading
from collections.abc import Sequence
from pathlib import Path

from lakehouse.errors import BadInputError
from lakehouse.storage.durable import make_folder, not_durable, sync_folder
from lakehouse.storage.segment import MAX_RECORD_BYTES, SUFFIX, SegmentReader, SegmentWriter, segments
from lakehouse.storage.segment_consumer import OFFSETS, read_offsets

SEGMENT_BYTES = 64 * 1024 * 1024
SEGMENT_SECONDS = 30.0
"""A segment is left after so long, however small it is: what everybody has read can be freed then, and does not lie there in clear
for as long as its topic is quiet."""


class _Group:
    """The records of one append() call, and what became of them: failed, until they are written."""

    def __init__(self, records: Sequence[bytes]) -> None:
        self.records = records
        self.tried = False
        self.error: OSError | None = InterruptedError(errno.EINTR, "interrupted")


class Appender:
    """The writing end of one process. Threads that append at once share one write and one fsync."""

    def __init__(self, folder: Path, segment_bytes: int = SEGMENT_BYTES, segment_seconds: float = SEGMENT_SECONDS) -> None:
        self._folder = folder
        self._segment_seconds = segment_seconds
        self._timer: threading.Timer | None = None
        self._segment_bytes = segment_bytes
        self._segment: SegmentWriter | None = None
        self._waiting: list[_Group] = []
        self._queue = threading.Lock()
        self._disk = threading.Lock()

    def append(self, records: Sequence[bytes]) -> None:
        """Return once all are on disk. Raises NotDurableError: none of them is promised, and the log can be used on.
        Raises BadInputError for a record above MAX_RECORD_BYTES."""
        if any(len(r) > MAX_RECORD_BYTES for r in records):
            raise BadInputError(f"a record is larger than {MAX_RECORD_BYTES} bytes", hint="pack fewer envelopes into a message")
        if not records:
            return
        group = _Group(records)
        with self._queue:
            self._waiting.append(group)
        with self._disk:  # whoever gets in writes for all who wait; the others find their group tried
            if not group.tried:
                with self._queue:
                    groups, self._waiting = self._waiting, []
                self._write(groups)
        with not_durable("the log could not be written"):
            if group.error:
                raise group.error

    def _write(self, groups: list[_Group]) -> None:
        for group in groups:
            group.tried = True
        try:
            if self._segment is None:
                make_folder(self._folder)
                self._segment = SegmentWriter(self._folder)
                self._leave_later(self._segment)
            self._segment.append([r for g in groups for r in g.records])
        except OSError as error:
            self._leave_segment()
            for group in groups:
                group.error = error
        except BaseException:  # a Ctrl-C: the groups stay failed, and the segment may end in half a record
            self._leave_segment()
            raise
        else:
            for group in groups:
                group.error = None
            if self._segment.size >= self._segment_bytes:
                self._leave_segment()

    def _leave_later(self, segment: SegmentWriter) -> None:
        def leave() -> None:
            with self._disk:
                if self._segment is segment:
                    self._leave_segment()

        self._timer = threading.Timer(self._segment_seconds, leave)
        self._timer.daemon = True
        self._timer.start()

    def _leave_segment(self) -> None:
        if self._timer:
            self._timer.cancel()
        if self._segment:
            self._segment.close()
            self._segment = None

    def close(self) -> None:
        with self._disk:
            self._leave_segment()


def trim(folder: Path) -> int:
    """Delete the segments that every known subscription has read and no process writes any more; returns how many.

    Where nobody ever subscribed, nothing is deleted.
    """
    subscriptions = [read_offsets(folder / name) for name in os.listdir(folder) if name.endswith(OFFSETS)]
    trimmed = 0
    for name in segments(folder) if subscriptions else ():
        try:
            reader = SegmentReader(folder / f"{name}{SUFFIX}")
        except FileNotFoundError:
            continue  # another process trims too
        try:
            if not reader.has_writer() and all(reader.next(offsets.get(name, 0)) is None for offsets in subscriptions):
                (folder / f"{name}{SUFFIX}").unlink(missing_ok=True)
                trimmed += 1
        finally:
            reader.close()
    if trimmed:
        sync_folder(folder)
    return trimmed
