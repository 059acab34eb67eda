"""One segment: a file of records that a single process appends to, and anyone may read while it grows.

    [magic 4][length 4][crc 4][data] [magic 4][length 4][crc 4][data] … [half a record, if the writer was killed]

The checksum covers the segment's name and the record's place as well as its data, so bytes that merely look like a
record (a message may hold anything) never pass for one. The writer holds a lock on the file for as long as it writes:
a reader that meets an incomplete record knows by the lock whether to wait for the rest or to leave it.
"""

import fcntl
import os
import struct
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

from lakehouse.storage.durable import sync_folder, write_durably

SUFFIX = ".seg"
HEADER = struct.Struct("<4sII")
_PLACE = struct.Struct("<QI")
_MAGIC = b"MCL1"
_PIECE_BYTES = 5 * 1024
MAX_RECORD_BYTES = 256 * 1024 * 1024


def _checksum(seed: int, offset: int, data: bytes) -> int:
    """Piece by piece: above 5 KiB zlib lets go of the interpreter, and to get it back from a busy thread takes longer than the sum."""
    checksum = zlib.crc32(_PLACE.pack(offset, len(data)), seed)
    for at in range(0, len(data), _PIECE_BYTES):
        checksum = zlib.crc32(data[at : at + _PIECE_BYTES], checksum)
    return checksum


class SegmentWriter:
    """A segment being written. Not safe for threads: segment_log.Appender lets one in at a time."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError where the disk is full."""
        self.name = f"{time.time_ns():020d}-{os.urandom(4).hex()}"
        self.path = folder / f"{self.name}{SUFFIX}"
        self.size = 0
        self._seed = zlib.crc32(self.name.encode())
        # The name ends in .seg only once the lock is held: a reader must never take a newborn segment for a dead one.
        newborn = self.path.with_suffix(".new")
        self._fd = os.open(newborn, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX)
            newborn.rename(self.path)
            sync_folder(folder)
        except OSError:
            os.close(self._fd)
            newborn.unlink(missing_ok=True)
            self.path.unlink(missing_ok=True)
            raise

    def append(self, records: list[bytes]) -> None:
        """Write all and make them durable in one step.

        Raises OSError; then the segment ends where it ended before, and must not be written again: a reader may have
        gone past that end already, so that the same offsets may not get other records.
        """
        parts, offset = [], self.size
        for data in records:
            parts += (HEADER.pack(_MAGIC, len(data), _checksum(self._seed, offset, data)), data)
            offset += HEADER.size + len(data)
        try:
            write_durably(self._fd, b"".join(parts), self.size)
        except BaseException:
            os.ftruncate(self._fd, self.size)
            raise
        self.size = offset

    def close(self) -> None:
        """Give up the lock; a segment in which nothing was ever kept disappears."""
        if self.size == 0:
            self.path.unlink(missing_ok=True)
        os.close(self._fd)


class SegmentReader:
    """A segment being read.

    damaged_bytes  what had to be left out between two good records
    ended          its writer is gone, and next() has found all there ever will be
    """

    def __init__(self, path: Path) -> None:
        """Raises FileNotFoundError where it has been trimmed."""
        self._seed = zlib.crc32(path.stem.encode())
        self._fd = os.open(path, os.O_RDONLY)
        self.damaged_bytes = 0
        self.ended = False

    def has_writer(self) -> bool:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        fcntl.flock(self._fd, fcntl.LOCK_UN)
        return False

    def read(self, offset: int) -> bytes | None:
        """The record that starts exactly here; None where there is no whole and sound one."""
        header = os.pread(self._fd, HEADER.size, offset)
        if len(header) < HEADER.size:
            return None
        magic, length, checksum = HEADER.unpack(header)
        if magic != _MAGIC or length > MAX_RECORD_BYTES:
            return None
        data = os.pread(self._fd, length, offset + HEADER.size)
        return data if len(data) == length and _checksum(self._seed, offset, data) == checksum else None

    def next(self, offset: int) -> tuple[int, bytes] | None:
        """The first record at or after `offset`, with its place; None where the segment holds no more (for now)."""
        data = self.read(offset)
        if data is None and not self.has_writer():
            data = self.read(offset)  # once more: it may have been finished between our look and the writer's leave
            if data is None:
                found = self._after_damage(offset)
                self.ended = found is None
                return found
        return None if data is None else (offset, data)

    def _after_damage(self, offset: int) -> tuple[int, bytes] | None:
        """A bad sector must not cost the acknowledged records behind it: look for the next one that checks out."""
        rest = os.pread(self._fd, max(0, os.fstat(self._fd).st_size - offset), offset)
        at = rest.find(_MAGIC, 1)
        while at > 0:
            data = self.read(offset + at)
            if data is not None:
                self.damaged_bytes += at
                return offset + at, data
            at = rest.find(_MAGIC, at + 1)
        return None

    def close(self) -> None:
        os.close(self._fd)


def segments(folder: Path) -> list[str]:
    """Names of the folder's segments, oldest first."""
    return sorted(name.removesuffix(SUFFIX) for name in os.listdir(folder) if name.endswith(SUFFIX))


def read_all(folder: Path) -> Iterator[bytes]:
    """Every sound record of every segment that is there, oldest segment first."""
    for name in segments(folder):
        try:
            reader = SegmentReader(folder / f"{name}{SUFFIX}")
        except FileNotFoundError:
            continue  # trimmed while we read: everybody has it
        try:
            offset = 0
            while (found := reader.next(offset)) is not None:
                start, data = found
                yield data
                offset = start + HEADER.size + len(data)
        finally:
            reader.close()
