"""`lakehouse optimize` as people and Airflow run it: rows the same, figures kept, holes gone, and in nobody's way."""

import fcntl
import hashlib
import sys
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from lakehouse.cli import app
from lakehouse.contracts import registry
from lakehouse.errors import BusyError
from lakehouse.model.build import opened
from lakehouse.model.publish import publish
from lakehouse.optimize.warehouse import optimize_warehouse
from lakehouse.places import Home, clean_table
from lakehouse.settings import settings
from lakehouse.storage.open import open_tables

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "dbt"))
from clean_rows import login, web, write  # the same small rows as the models' tests

DAYS = 5


@pytest.fixture
def lake(home: Path) -> Path:
    """Five days of two streams, a batch an hour, and a warehouse that shows them."""
    for number in range(DAYS * 4):
        at = f"{datetime(2025, 11, 3) + timedelta(hours=6 * number)}"
        visits = [web("page_view", at, event_id=f"v{number}-{n}", zone_id=("univprep", "kzone")[n % 2], org_id=n % 3) for n in range(6)]
        write([*visits, login("logout", at, event_id=f"l{number}")], f"b{number}")
    with opened(Home(home).warehouse) as warehouse:
        publish(warehouse, registry(), open_tables(settings()))
        warehouse.execute("create schema marts; create view marts.seen as select count(*) as n from clean.behaviour_events")
    return home


def optimize(*arguments: str):
    done = CliRunner().invoke(app("optimize"), ["optimize", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done


def figures(home: Path, run_id: str) -> dict[str, tuple]:
    with duckdb.connect(str(Home(home).warehouse), read_only=True) as warehouse:
        rows = warehouse.execute(
            "select optimized_dataset, storage_tier, days_rewritten, files_before, files_after, rows_before, rows_after "
            "from monitoring.storage_optimizations where optimization_run_id = ?",
            [run_id],
        ).fetchall()
    return {row[0]: row[1:] for row in rows}


def bytes_of(folder: Path) -> dict[str, str]:
    return {str(f): hashlib.sha256(f.read_bytes()).hexdigest() for f in folder.rglob("*") if f.is_file()}


def test_before_and_after_are_kept_and_the_second_run_writes_no_table(lake: Path) -> None:
    said = optimize("--run-id", "first", "--as-of", "2025-11-20").output
    assert figures(lake, "first")["web.behaviour.events"] == ("hot", DAYS, 20, DAYS, 120, 120)
    assert "web.behaviour.events" in said and "20 → 5" in said
    settled = bytes_of(Home(lake).lake)
    optimize("--run-id", "second", "--as-of", "2025-11-20")
    assert figures(lake, "second")["web.behaviour.events"] == ("hot", 0, DAYS, DAYS, 120, 120)
    assert bytes_of(Home(lake).lake) == settled
    optimize("--run-id", "older", "--as-of", "2026-12-20", "--dataset", "auth.login.events")
    assert figures(lake, "older") == {"auth.login.events": ("cold", DAYS, DAYS, DAYS, 20, 20)}


def test_a_build_afterwards_sees_no_change(lake: Path) -> None:
    contract, tables = registry().get("web.behaviour.events"), open_tables(settings())
    version = tables.version(clean_table(contract.domain, contract.table))
    optimize()
    assert open_tables(settings()).days_changed_since(clean_table(contract.domain, contract.table), version) == set()


def test_a_warehouse_full_of_holes_gets_a_new_file_with_every_row_and_view(lake: Path) -> None:
    path = Home(lake).warehouse
    with opened(path) as warehouse:
        warehouse.execute("create table marts.large as select range as n, hash(range) as h, md5(range::text) as m from range(1_500_000)")
        warehouse.execute("checkpoint")
        warehouse.execute("delete from marts.large where n >= 1000")
    reader = duckdb.connect(str(path), read_only=True)
    reader.execute("select count(*) from marts.large").fetchone()
    reader.close()
    found = optimize_warehouse(path)
    assert found.files_freed == 1 and found.bytes_after < found.bytes_before / 3
    assert found.rows_before == found.rows_after
    with duckdb.connect(str(path), read_only=True) as warehouse:
        assert warehouse.execute("select count(*), max(n) from marts.large").fetchone() == (1000, 999)
        assert warehouse.execute("select n from marts.seen").fetchone() == (120,)
    assert optimize_warehouse(path).files_freed == 0


def test_a_copy_that_was_killed_is_made_anew(lake: Path) -> None:
    path = Home(lake).warehouse
    (path.parent / "rewriting").mkdir()
    (path.parent / "rewriting" / path.name).write_bytes(b"half a file")
    assert optimize_warehouse(path, always=True).files_freed == 1
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_who_comes_during_a_build_is_told_so(lake: Path) -> None:
    Home(lake).locks.mkdir(exist_ok=True)
    with open(Home(lake).locks / "model.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(BusyError, match="lakehouse model"):
            optimize()
