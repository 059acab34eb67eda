"""The hidden: people whose erasure has begun, and whom no reading path shows any more, before their rows are gone.

erasure, first stage ─▶ platform/privacy/hidden.parquet (pid) ─▶ DuckDB's views │ PostgreSQL's access.hidden │ features │ live
"""

import threading
import time
from collections.abc import Callable

import pyarrow as pa
from pyarrow import parquet

from lakehouse import places
from lakehouse.storage.protocols import Files

_FRESH_S = 1.0


def hidden_people(files: Files) -> frozenset[str]:
    """Their pseudonyms; nobody where no erasure has begun yet."""
    try:
        data = files.get(places.hidden_people())
    except FileNotFoundError:
        return frozenset()
    return frozenset(parquet.read_table(pa.BufferReader(data), columns=["pid"])["pid"].to_pylist())


class Hidden:
    """The same for a server that asks for every row: looked up anew after a second. For several threads."""

    def __init__(self, files: Files, clock: Callable[[], float] = time.monotonic) -> None:
        self._files = files
        self._clock = clock
        self._lock = threading.Lock()
        self._people: frozenset[str] = frozenset()
        self._fresh_until = float("-inf")

    def now(self) -> frozenset[str]:
        with self._lock:
            if self._fresh_until <= self._clock():
                self._people = hidden_people(self._files)
                self._fresh_until = self._clock() + _FRESH_S
            return self._people
