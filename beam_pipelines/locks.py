"""One process at a time refines a contract; different contracts do not wait for one another.

alone(home, "exam.events") ─▶ <home>/locks/refine.exam.events.lock, held until the block ends or the process does
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lakehouse.errors import BusyError
from lakehouse.places import Home
from lakehouse.storage.durable import make_folder

PATIENCE_S = 10.0
"""`lakehouse ingest` holds a contract for one small batch only, so whoever comes beside it soon has its turn."""


@contextmanager
def alone(home: Path, contract_id: str, patience_s: float = PATIENCE_S) -> Iterator[None]:
    """Two would both miss in clean what the other is about to commit. Raises BusyError."""
    folder = Home(home).locks
    make_folder(folder)
    path = folder / f"refine.{contract_id}.lock"
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _lock(fd, path, contract_id, time.monotonic() + patience_s)
        yield
    finally:
        os.close(fd)


def _lock(fd: int, path: Path, contract_id: str, until: float) -> None:
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise BusyError(
                    f"another process is refining {contract_id}", hint=f"wait for it, or see who it is with `fuser {path}`"
                ) from None
            time.sleep(0.02)
        else:
            return
