"""Clean tables as views: what the lake holds, in the contract's columns, however old the file."""

from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from clean_rows import exam, web, write

from lakehouse.contracts import registry
from lakehouse.contracts.project import arrow_schema, clean_fields, duckdb_columns
from lakehouse.model.publish import publish
from lakehouse.places import clean_table
from lakehouse.settings import settings
from lakehouse.storage.open import open_tables


@pytest.fixture
def warehouse() -> duckdb.DuckDBPyConnection:
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        yield connection


def publish_now(warehouse: duckdb.DuckDBPyConnection) -> None:
    publish(warehouse, registry(), open_tables(settings()))


def test_a_table_that_is_not_there_yet_is_an_empty_view_of_the_right_types(home: Path, warehouse: duckdb.DuckDBPyConnection) -> None:
    publish_now(warehouse)
    for contract in registry().clean:
        described = {name: kind for name, kind, *_ in warehouse.execute(f"describe clean.{contract.table}").fetchall()}
        wanted = duckdb_columns(clean_fields(contract, registry().vocabulary))
        assert described == {name: kind.replace("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE") for name, kind in wanted.items()}
        assert warehouse.execute(f"select count(*) from clean.{contract.table}").fetchone() == (0,)


def test_rows_come_with_their_day_and_later_batches_join_them(home: Path, warehouse: duckdb.DuckDBPyConnection) -> None:
    write([exam("attempt_started", "2025-11-03 23:30"), exam("attempt_finished", "2025-11-04 00:10")], "first")
    publish_now(warehouse)
    write([exam("attempt_started", "2025-11-05 10:00", attempt_id="b")], "second")
    assert warehouse.execute("select count(*) from clean.exam_events").fetchone() == (2,), "a view shows one version of the lake"
    publish_now(warehouse)
    counted = warehouse.execute("select dt::text, count(*) from clean.exam_events group by 1 order by 1").fetchall()
    assert counted == [("2025-11-03", 1), ("2025-11-04", 1), ("2025-11-05", 1)]


def test_only_the_days_asked_for_are_read(home: Path, warehouse: duckdb.DuckDBPyConnection) -> None:
    write([web("page_view", f"2025-11-{day:02d} 12:00") for day in range(1, 29)], "month")
    publish_now(warehouse)
    plan = warehouse.execute(
        "explain analyze select count(event_id) from clean.behaviour_events where dt in (date '2025-11-07')"
    ).fetchall()[0][1]
    assert "Scanning Files: 1/28" in plan


def test_a_file_older_than_a_column_gives_null_and_a_column_without_a_contract_is_not_shown(
    home: Path, warehouse: duckdb.DuckDBPyConnection
) -> None:
    contract = registry().get("exam.events")
    schema = arrow_schema(clean_fields(contract, registry().vocabulary))
    old, new = exam("attempt_started", "2025-11-03 10:00"), exam("attempt_finished", "2025-11-03 11:00", theta=1.5)
    tables, name = open_tables(settings()), clean_table(contract.domain, contract.table)
    tables.append(name, pa.Table.from_pylist([old.values], schema).drop_columns(["theta", "skill"]), "old", {})
    strange = pa.Table.from_pylist([new.values], schema).append_column("withdrawn", pa.array(["x"]))
    tables.append(name, strange, "new", {})
    publish_now(warehouse)
    assert warehouse.execute("select event_type, theta from clean.exam_events order by event_type").fetchall() == [
        ("attempt_finished", 1.5),
        ("attempt_started", None),
    ]
    assert "withdrawn" not in [column for column, *_ in warehouse.execute("describe clean.exam_events").fetchall()]
