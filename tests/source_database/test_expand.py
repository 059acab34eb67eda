"""A column of a large table is replaced while old and new programs write to it: nobody fails, and no row is lost."""

import threading
import time

import psycopg
import pytest

from lakehouse.errors import BadInputError, BusyError
from source_database import expand
from source_database.migrating import migrate
from tests.source_database import writers
from tests.source_database.conftest import Database

BEFORE, CONTRACTED = "0005", "0008"
FILL = """
    insert into responses (zone_id, org_id, response_id, attempt_id, item_id, user_id, response_index, is_correct, response_time, responded_at)
    select 'univprep', 1, 're-' || lpad(n::text, 8, '0'), 'at-' || n / 20, 'it', 'us', 1, true, n / 100.0, now() - n * interval '10 seconds'
    from generate_series(1, %s) n
"""


def filled(database: Database, rows: int) -> None:
    """At the revision before, with so many rows, most of them in the default partition and some in this month's."""
    migrate(database.server.url(database=database.name), until=BEFORE)
    with database.connect() as owner:
        owner.execute(FILL, (rows,))
        owner.execute("analyze responses")


@pytest.mark.parametrize("rows", [pytest.param(100_000, id="100000"), pytest.param(1_000_000, id="million", marks=pytest.mark.long)])
def test_a_column_is_replaced_while_old_and_new_programs_write(empty_database: Database, record_property, rows: int):
    database = empty_database
    filled(database, rows)
    olds, news = [writers.old(database, f"old{n}") for n in range(2)], [writers.new(database, f"new{n}") for n in range(2)]
    for writer in olds:
        writer.start()

    # Somebody's transaction of a second is in the way: the migration gives up, lets the writers through, and tries again.
    reader = threading.Thread(target=_reads_for_a_second, args=(database,))
    reader.start()
    assert migrate(database.url()) == ["0006", "0007"]
    reader.join()
    for writer in news:
        writer.start()
    with pytest.raises(BadInputError, match="not filled everywhere"):
        migrate(database.url(), may_take_away=True)
    with database.connect() as owner:
        due = expand.due(owner)
        assert [b.name for b in due] == ["response_time_ms"]
        # The large table, and what the old programs had written before the trigger came.
        assert expand.run_backfill(owner, due[0], lambda rows: None, batch_rows=2_000) >= rows
        assert expand.due(owner) == []
    for writer in olds:
        writer.end()
    assert migrate(database.url(), may_take_away=True) == [CONTRACTED]
    time.sleep(0.2)
    for writer in news:
        writer.end()

    longest_s = max(writer.longest_s for writer in (*olds, *news))
    record_property("longest_wait_ms", round(longest_s * 1000))
    print(f"{rows:,} rows; the longest wait of a writer: {longest_s * 1000:.0f} ms")
    assert [failure for writer in (*olds, *news) for failure in writer.failures] == []
    assert all(len(writer.expected) > 20 for writer in (*olds, *news))
    with database.connect() as owner:
        found = dict(owner.execute("select response_id, response_time_ms from responses where response_id not like 're-%'").fetchall())
        assert found == {key: value for writer in (*olds, *news) for key, value in writer.expected.items()}
        wrong = "select count(*), count(*) filter (where response_time_ms <> substr(response_id, 4)::bigint * 10) from responses where response_id like 're-%'"
        assert owner.execute(wrong).fetchone() == (rows, 0)
        # What the migrations end with is what a new database has.
        assert owner.execute(
            "select attnotnull from pg_attribute where attrelid = 'responses'::regclass and attname = 'response_time_ms'"
        ).fetchone()[0]
        assert owner.execute("select count(*) from pg_index where not indisvalid").fetchone()[0] == 0


def _reads_for_a_second(database: Database) -> None:
    with database.connect(autocommit=False) as connection:
        connection.execute("select count(*) from responses where response_id = 're-00000001'")
        time.sleep(1.2)


def test_a_backfill_that_is_broken_off_goes_on_where_it_stood(empty_database: Database):
    filled(empty_database, 5_000)
    migrate(empty_database.url())
    with empty_database.connect() as owner:
        backfill, done = expand.due(owner)[0], []

        def break_off(rows: int) -> None:
            done.append(rows)
            if sum(done) >= 2_000:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            expand.run_backfill(owner, backfill, break_off, batch_rows=500)
        assert sum(done) == 2_000
        assert expand.run_backfill(owner, backfill, lambda rows: None, batch_rows=500) == 3_000
        assert expand.run_backfill(owner, backfill, lambda rows: None, batch_rows=500) == 0
        assert owner.execute("select count(*) from responses where response_time_ms is null").fetchone()[0] == 0


def test_a_backfill_waits_for_readers_of_the_log_and_says_who_is_behind(empty_database: Database, monkeypatch):
    filled(empty_database, 1_000)
    migrate(empty_database.url())
    monkeypatch.setattr(expand, "MOST_LAG_BYTES", 10_000)
    monkeypatch.setattr(expand, "_PATIENCE_S", 0.3)
    with psycopg.connect(empty_database.server.url(database=empty_database.name), autocommit=True) as administrator:
        administrator.execute("select pg_create_logical_replication_slot('sleepy', 'pgoutput')")
        try:
            with empty_database.connect() as owner, pytest.raises(BusyError, match="sleepy"):
                expand.run_backfill(owner, expand.due(owner)[0], lambda rows: None, batch_rows=100)
        finally:
            administrator.execute("select pg_drop_replication_slot('sleepy')")


def test_what_takes_away_waits_until_it_is_asked_for(empty_database: Database):
    filled(empty_database, 10)
    assert migrate(empty_database.url()) == ["0006", "0007"]
    assert migrate(empty_database.url()) == []
    with empty_database.connect() as owner:
        expand.run_backfill(owner, expand.due(owner)[0], lambda rows: None)
    assert migrate(empty_database.url(), may_take_away=True) == ["0008"]


def test_a_table_that_stays_busy_ends_with_busy(empty_database: Database, monkeypatch):
    filled(empty_database, 10)
    monkeypatch.setattr("source_database.migrating._TRIES", 2)
    with empty_database.connect(autocommit=False) as reader:
        reader.execute("select 1 from responses")
        with pytest.raises(BusyError, match="busy 2 times"):
            migrate(empty_database.url())
    assert migrate(empty_database.url()) == ["0006", "0007"]
