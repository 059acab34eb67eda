"""Storage on one machine: the bus is a segment log, a file is a file.

Bus   ─▶ <root>/<topic>/*.seg        (segment_log.py)
Files ─▶ <root>/<path>               (temp name, fsync, rename; piece by piece: a draft, fsync, link)
"""

import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from lakehouse.storage.durable import TEMPORARY, Draft, not_durable, sweep_drafts, sync_folder, write_file
from lakehouse.storage.protocols import Message
from lakehouse.storage.rules import ACK_DEADLINE_S, checked_name, checked_path
from lakehouse.storage.segment import SUFFIX, read_all
from lakehouse.storage.segment_consumer import Consumer
from lakehouse.storage.segment_log import SEGMENT_BYTES, Appender, trim


class LocalBus:
    """Bus over one segment log a topic. Threads may share it; processes open their own."""

    shows_untrimmed = True

    def __init__(self, root: Path, ack_deadline_s: float = ACK_DEADLINE_S, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._root = root
        self._ack_deadline_s = ack_deadline_s
        self._segment_bytes = segment_bytes
        self._mutex = threading.Lock()
        self._appenders: dict[tuple[int, str], Appender] = {}
        self._consumers: dict[tuple[int, str, str], Consumer] = {}

    def publish(self, topic: str, messages: Sequence[bytes]) -> None:
        """Raises NotDurableError, BadInputError."""
        key = (os.getpid(), topic)  # a forked child must not write into its parent's segment
        appender = self._appenders.get(key)
        if appender is None:
            with self._mutex:
                appender = self._appenders.setdefault(key, Appender(self._root / checked_name(topic), self._segment_bytes))
        appender.append(messages)

    def pull(self, topic: str, subscription: str, max_messages: int, timeout_s: float) -> list[Message]:
        """Raises BusyError where another process reads this subscription."""
        return self._consumer(topic, subscription).pull(max_messages, timeout_s)

    def ack(self, topic: str, subscription: str, messages: Sequence[Message]) -> None:
        """Raises NotDurableError; then the messages come again."""
        self._consumer(topic, subscription).ack(messages)

    def _consumer(self, topic: str, subscription: str) -> Consumer:
        key = (os.getpid(), topic, subscription)
        with self._mutex:
            if key not in self._consumers:
                folder = self._root / checked_name(topic)
                self._consumers[key] = Consumer(folder, checked_name(subscription), self._ack_deadline_s)
            return self._consumers[key]

    def topics(self) -> list[str]:
        """Topics that anything was ever published to, or read from."""
        return sorted(p.name for p in self._root.iterdir() if p.is_dir()) if self._root.is_dir() else []

    def turn_over(self, topic: str) -> None:
        """Go on in a new segment, so that trim() may free the one that was written to until now."""
        if appender := self._appenders.get((os.getpid(), topic)):
            appender.close()

    def held_bytes(self) -> int:
        """What all segments take on disk, whoever wrote them."""
        return sum(_size(path) for path in self._root.glob(f"*/*{SUFFIX}"))

    def trim(self, topic: str) -> int:
        """Delete what every subscription has acknowledged; returns the number of segments freed."""
        folder = self._root / checked_name(topic)
        return trim(folder) if folder.is_dir() else 0

    def untrimmed(self, topic: str) -> Iterator[bytes]:
        """What the log still holds, whoever acknowledged it."""
        folder = self._root / checked_name(topic)
        return read_all(folder) if folder.is_dir() else iter(())

    def damaged_bytes(self, topic: str, subscription: str) -> int:
        """What this reader had to leave out between two good records; anything above 0 means a failing disk."""
        return self._consumer(topic, subscription).damaged_bytes

    def close(self) -> None:
        """Give up the segments and the subscriptions; what is unacknowledged goes to whoever reads next."""
        with self._mutex:
            for ends in (self._appenders, self._consumers):
                for key in [k for k in ends if k[0] == os.getpid()]:  # a child leaves its parent's alone
                    ends.pop(key).close()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0  # trimmed since it was listed


class _LocalWriter:
    """Writer: a draft beside everything else, which list() does not show."""

    def __init__(self, drafts: Path, target: Path, path: str) -> None:
        self._what = f"{path} could not be written"
        with not_durable(self._what):
            self._draft = Draft(drafts, target)

    def write(self, data: bytes) -> None:
        with not_durable(self._what):
            self._draft.write(data)

    def commit(self) -> None:
        taken = False
        with not_durable(self._what):
            try:
                self._draft.commit()
            except FileExistsError:
                taken = True
        if taken:
            raise FileExistsError(self._what)

    def abandon(self) -> None:
        self._draft.abandon()


class LocalFiles:
    """Files below one folder."""

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
        self._drafts = self._root / f"{TEMPORARY}drafts"

    def put(self, path: str, data: bytes) -> None:
        """Raises NotDurableError where the disk is full; the file is then as it was."""
        with not_durable(f"{path} could not be written"):
            write_file(self._root / checked_path(path), data)

    def get(self, path: str) -> bytes:
        """Raises FileNotFoundError."""
        return (self._root / checked_path(path)).read_bytes()

    def writer(self, path: str) -> _LocalWriter:
        """Raises NotDurableError where the disk is full."""
        return _LocalWriter(self._drafts, self._root / checked_path(path), path)

    def reader(self, path: str) -> BinaryIO:
        """Raises FileNotFoundError."""
        return (self._root / checked_path(path)).open("rb")

    def sweep(self) -> int:
        return sweep_drafts(self._drafts)

    def list(self, prefix: str) -> list[str]:
        folder = self._root / prefix.rpartition("/")[0]
        found = []
        for where, _, names in os.walk(folder):
            below = Path(where).relative_to(self._root).as_posix()
            found += [name if below == "." else f"{below}/{name}" for name in names if not name.startswith(TEMPORARY)]
        return sorted(path for path in found if path.startswith(prefix))

    def delete(self, path: str) -> None:
        target = self._root / checked_path(path)
        try:
            target.unlink()
        except FileNotFoundError:
            return
        sync_folder(target.parent)

    def uri(self, path: str) -> str:
        return str(self._root / checked_path(path))
