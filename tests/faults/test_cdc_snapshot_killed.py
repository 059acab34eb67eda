"""The engine is killed in the middle of a snapshot, and rows that it had published already are deleted before the next one:
Debezium never tells of those deletions. The floor at the end of the snapshot does."""

import time
from pathlib import Path

import psycopg
import pytest

from collectors.cdc.ledger import Ledger
from source_database.server import Server
from tests.cdc import town
from tests.cdc.running import Cdc, caught_up, execute

pytestmark = pytest.mark.slow(95)

ROWS = 20_000


def test_engine_killed_in_the_snapshot(tmp_path: Path, fault, rounds: int) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with Server(tmp_path / "source") as server:
        url = town.found(server)
        with psycopg.connect(server.url(), autocommit=True) as connection:
            town.settle(connection)
            connection.execute(
                "insert into responses select 's-' || n, 'a', 'i-1', 'u-1', 1, true, 900, '2025-11-21', 'kzone', 2, '2025-11-21' "
                f"from generate_series(1, {ROWS}) n"
            )
        with Cdc(home, url, cdc_batch_rows=500) as cdc, town.Writer(server.url(), 1) as writer:
            struck = _strike(cdc, home, server, rounds)
            cdc.told()
        cdc.start()
        lost, doubled, _ = caught_up(home, server)
        cdc.stop()
    fault("Debezium killed in the snapshot (kill -9)", rounds=struck, sent=writer.changes + ROWS, lost=lost, doubled=doubled)
    ledger = Ledger(home / "cdc")
    generations = ledger.rows("generation")
    assert len(generations) > struck and generations[0]["completed_at"] and not any(g["completed_at"] for g in generations[1:])
    dead = {b["generation"] for b in ledger.rows("batch", 1_000_000)} - {generations[0]["generation"]}
    assert len(dead) == struck  # each had published something, which is on the bus still


def _strike(cdc: Cdc, home: Path, server: Server, rounds: int) -> int:
    """Kill the engine whenever a snapshot has published something and is not through; delete some of what it published."""
    struck = last = 0
    while struck < rounds:
        standing = Ledger(home / "cdc").standing() if (home / "cdc" / "ledger.sqlite").exists() else None
        newest = Ledger(home / "cdc").rows("batch", 1) if standing else []
        if newest and newest[0]["generation"] == standing.generation > last:
            assert not standing.is_complete, "the snapshot was faster than the test: give it more rows"
            cdc.kill_engine()
            struck, last = struck + 1, standing.generation
            execute(server, f"delete from responses where response_id like 's-{struck}__'")
        time.sleep(0.02)
    return struck
