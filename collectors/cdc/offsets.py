"""Debezium's offsets: where it goes on after a restart.

Kafka Connect's file store writes its file in place, so a kill in mid-write leaves half a file, which it would take for "no
offsets" and answer with a new snapshot. A copy is therefore made after each write, in one durable step.

    Debezium ─▶ offsets.dat ─ keep() ─▶ offsets.copy          repair(): half a file ◀─ the copy
"""

import json
import re
from pathlib import Path

from lakehouse.storage.durable import write_file

# A serialised java.util.HashMap of one entry: the offset's JSON is the last thing before the end marker "x".
_WHOLE = re.compile(rb'(\{"[^{}]*\})x\Z')


class Offsets:
    """The file of one connector."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "offsets.dat"
        self._copy = folder / "offsets.copy"
        self._kept: bytes | None = None

    def lsn(self) -> int | None:
        """The position to go on from; None where there is no whole offset, or one inside a snapshot."""
        for path in (self.path, self._copy):
            if (offset := _read(path)) is not None:
                return None if "snapshot" in offset else offset.get("lsn")
        return None

    def keep(self) -> None:
        """Copy what Debezium has just written. Raises OSError."""
        data = self.path.read_bytes() if self.path.exists() else b""
        if data != self._kept and _WHOLE.search(data):
            write_file(self._copy, data)
            self._kept = data

    def repair(self) -> bool:
        """Before a start: put the copy in place of half a file. Returns whether that was needed."""
        if _read(self.path) is not None or _read(self._copy) is None:
            return False
        write_file(self.path, self._copy.read_bytes())
        return True

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        self._copy.unlink(missing_ok=True)


def _read(path: Path) -> dict | None:
    found = _WHOLE.search(path.read_bytes()) if path.exists() else None
    return json.loads(found[1]) if found else None
