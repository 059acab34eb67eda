"""The simulated city in PostgreSQL: what its writer says it changed is what the write-ahead log has, table by table."""

import struct
from collections import Counter
from datetime import UTC, datetime

import psycopg
import pytest

from lakehouse.errors import BadInputError, NotDurableError
from lakehouse.source import IMPORTER, PUBLICATION
from simulator.calendar import Calendar
from simulator.city import City
from simulator.run import Simulation
from simulator.source_writer import SourceWriter
from tests.source_database.conftest import Database

CITY = City(seed=8, scale=0.1, calendar=Calendar(days=2))
VERBS = {b"I": "insert", b"U": "update", b"D": "delete"}


def live(database: Database) -> Simulation:
    """The whole city, written; a collector and a bus have nothing to do with it."""
    with SourceWriter(CITY, database.url(IMPORTER)) as source:
        simulation = Simulation(CITY, source)
        source.begin()
        for step in simulation.steps():
            assert step.rows == []
            if step.written:
                source.write(*step.written)
        source.end()
        simulation.ledger.captured(source.delivered)
        return simulation


def logged(connection: psycopg.Connection) -> Counter:
    """(table, verb) → changes that a reader of the publication is sent, and has not been sent before."""
    tables, found = {}, Counter()
    messages = connection.execute(
        "select data from pg_logical_slot_get_binary_changes('looking', null, null, 'proto_version', '1', 'publication_names', %s)",
        (PUBLICATION,),
    )
    for (data,) in messages:
        if data[:1] == b"R":
            number, rest = struct.unpack(">I", data[1:5])[0], data[5:]
            tables[number] = rest.split(b"\0")[1].decode()
        elif data[:1] in VERBS:
            found[tables[struct.unpack(">I", data[1:5])[0]], VERBS[data[:1]]] += 1
    return found


@pytest.fixture
def administrator(database: Database):
    with psycopg.connect(database.server.url(database=database.name), autocommit=True) as connection:
        yield connection
        connection.execute("select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = current_database()")


def test_what_it_says_it_changed_is_in_the_write_ahead_log(database: Database, administrator: psycopg.Connection):
    administrator.execute("select pg_create_logical_replication_slot('looking', 'pgoutput')")
    simulation = live(database)
    source, seen = simulation.source, logged(administrator)

    assert source.is_captured
    by_table = Counter()
    for (table, _), count in seen.items():
        by_table[f"source.{table}"] += count
    assert dict(by_table) == source.told()
    assert {contract for contract, count in by_table.items() if count} == {
        f"source.{t}"
        for t in (
            "organizations", "users", "students", "teachers", "classes", "exam_sessions", "parent_student_links", "user_consents",
            "exams", "items", "attempts", "responses", "ai_requests", "payments", "kzone_contents",
        )
    }  # fmt: skip
    assert seen["attempts", "insert"] == seen["attempts", "update"] > 20
    assert seen["payments", "insert"] == seen["payments", "update"] > 0
    assert seen["users", "delete"] >= 2 and seen["users", "update"] >= 2
    assert {k: n for k, n in simulation.ledger.clean.items() if k[0].startswith("source.")} == {
        k: n for k, n in source.changes.items() if n
    }

    # A second time, as after a kill: everything is there already.
    live(database)
    assert logged(administrator) == {}


def test_where_capture_comes_later_the_rows_that_are_left_are_told(database: Database):
    simulation = live(database)
    assert not simulation.source.is_captured
    told = Counter()
    for (contract, _), count in simulation.source.delivered.items():
        told[contract] += count
    with database.connect() as owner:
        for contract, count in told.items():
            table = contract.removeprefix("source.")
            start = datetime.fromtimestamp(CITY.calendar.first_ms / 1000, UTC)
            assert owner.execute(f"select count(*) from {table} where changed_at >= %s", (start,)).fetchone()[0] == count, table
        assert owner.execute("select count(*) from attempts where attempt_status = 'started'").fetchone()[0] == 0
        assert owner.execute("select count(*) from attempts_default").fetchone()[0] == 0
        finished = owner.execute("select count(*), sum(score) from attempts where attempt_status = 'finished'").fetchone()
    assert finished[0] == int(simulation.ledger.exams["finished_count"].sum())
    assert round(finished[1] * 100) == int(simulation.ledger.exams["score_centi"].sum())


def test_rows_change_when_the_city_says_so(database: Database):
    live(database)
    with database.connect() as owner:
        outside = "select count(*) from {} where changed_at < %s or changed_at >= %s"
        days = tuple(datetime.fromtimestamp(at / 1000, UTC) for at in (CITY.calendar.first_ms, CITY.calendar.end_ms))
        for table in ("attempts", "responses", "ai_requests", "payments", "users"):
            assert owner.execute(outside.format(table), days).fetchone()[0] == 0, table


def test_a_database_without_schema_or_without_server_is_named(empty_database: Database):
    with pytest.raises(BadInputError, match="no schema"), SourceWriter(CITY, empty_database.url(IMPORTER)):
        pass
    with pytest.raises(BadInputError, match="does not answer"), SourceWriter(CITY, "postgresql://nobody@127.0.0.1:1/nothing"):
        pass


def test_a_database_that_goes_away_says_what_to_do(database: Database, administrator: psycopg.Connection):
    with SourceWriter(CITY, database.url(IMPORTER)) as source:
        administrator.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = %s", (IMPORTER,))
        with pytest.raises(NotDurableError, match="went away"):
            source.begin()
    live(database)
