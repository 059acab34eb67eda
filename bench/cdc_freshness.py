"""How old a change of the source is when it can be read: committed ─▶ in clean (`python -m bench.cdc_freshness [SECONDS]`).

    this process: 50 small transactions a second ─▶ PostgreSQL ─▶ lakehouse cdc run ─▶ bus ─▶ lakehouse ingest --layer table ─▶ clean
                  the moment after each commit                                                the moment of each Delta commit

The CDC writer writes when 100 changes have come or 5 seconds have passed, so at this rate a change waits for a second on average.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg

from bench import Row
from bench.cdc import SCHEMA
from bench.freshness import quantile, running, seen_in_clean
from source_database.server import Server

PER_SECOND, SECONDS = 50, 60
_CONTRACT, _KEY = "source.responses", "response_id"
_INSERT = """
insert into responses values (%s, 'attempt-1', 'item-1', %s, 1, true, 1200, now(), 'univprep', 7, now())
"""
_READY_S, _SETTLED_S = 120.0, 60.0


def rows(seconds: float = SECONDS) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="cdc-freshness-") as folder, Server(Path(folder) / "source") as server:
        home, ready = Path(folder) / "home", Path(folder) / "ready.json"
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute(SCHEMA)
            _change(connection, "warm-up")  # in the snapshot: from here on everything is loaded
            with (
                running(home, "cdc", "run", "--ready-file", str(ready), LAKEHOUSE_SOURCE_URL=server.url()),
                running(home, "ingest", "--layer", "table") as ingest,
            ):
                _wait_for(ready.exists, "Debezium")
                _wait_for(lambda: "warm-up" in _seen(home), "the snapshot", ingest)
                committed = _committed(connection, seconds)
                _wait_for(lambda: committed.keys() <= _seen(home).keys(), "the last change", ingest)
                seen = _seen(home)
    ages = [seen[key] - at for key, at in committed.items()]
    note = f"{len(ages):,} changes, {PER_SECOND} transactions a second for {seconds:.0f} s; none lost"
    return [
        Row("change committed to readable in clean, p50", quantile(ages, 50), unit="s", note=note),
        Row("change committed to readable in clean, p99", quantile(ages, 99), 5.0, unit="s", at_most=True),
    ]


def _seen(home: Path) -> dict[str, float]:
    return seen_in_clean(home, _CONTRACT, _KEY)


def _committed(connection: psycopg.Connection, seconds: float) -> dict[str, float]:
    """Key of each row → when its commit returned."""
    committed, began = {}, time.time()
    for number in range(int(seconds * PER_SECOND)):
        time.sleep(max(0.0, began + number / PER_SECOND - time.time()))
        _change(connection, f"r-{number}")
        committed[f"r-{number}"] = time.time()
    return committed


def _change(connection: psycopg.Connection, key: str) -> None:
    connection.execute(_INSERT, [key, f"user-{hash(key) % 3_000}"])


def _wait_for(is_there, what: str, process: subprocess.Popen | None = None) -> None:
    until = time.monotonic() + (_SETTLED_S if process else _READY_S)
    while not is_there():
        if time.monotonic() > until or (process and process.poll() is not None):
            raise AssertionError(f"{what} did not come")
        time.sleep(0.5)


if __name__ == "__main__":
    for row in rows(float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS):
        print(json.dumps({"name": row.name, "value": round(row.value, 3), "unit": row.unit, "met": row.is_met, "note": row.note}))
