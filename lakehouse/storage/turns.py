"""Turns at the warehouse: one builds it, or many read it and leave a few rows, and whoever comes waits for its turn.

    lakehouse model, optimize                    alone
    check, serve, everybody else in a hurry      beside one another, never beside a build

The file itself would refuse the second one (DuckDB's lock), and dbt would fail at that. A turn goes with its process,
however that ends. Whose turn does not come ends with exit code 12; a DAG's task then asks again by itself.
"""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lakehouse.errors import BusyError
from lakehouse.places import Home
from lakehouse.settings import Settings
from lakehouse.storage.warehouse import PATIENCE_S


@contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """Raises BusyError where the turn does not come in time."""
    with held(Home(settings.home), "model.lock", fcntl.LOCK_EX, 0.0, "another `lakehouse model` is at work"):
        yield


@contextmanager
def beside(settings: Settings) -> Iterator[None]:
    """Raises BusyError where the turn does not come in time."""
    with held(Home(settings.home), "model.lock", fcntl.LOCK_SH, PATIENCE_S, "the warehouse is being built"):
        yield


@contextmanager
def held(home: Home, name: str, how: int, wait_s: float, busy: str) -> Iterator[None]:
    home.locks.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + wait_s
    with open(Path(home.locks) / name, "w") as lock:
        while True:
            try:
                fcntl.flock(lock, how | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    hint = "wait until it ends; it sees what was refined before it began"
                    raise BusyError(busy, hint=hint) from None
            time.sleep(0.2)
        yield
