"""The audit log in SQLite and in a real PostgreSQL: nothing in it can be changed, cut out or cut off without being found."""

import json
import multiprocessing
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from lakehouse.errors import BadInputError, CorruptError, UnavailableError
from lakehouse.privacy.audit import KEPT, Audit
from lakehouse.privacy.chain import ActorKind, Outcome, Record, check, hash_of
from lakehouse.storage.sql import sqlite_engine
from source_database.server import Server

TOLD = {"actor": "5f2a9c017be4d863", "actor_kind": ActorKind.KEY}
COLUMNS = ["sequence", "at", "actor", "actor_kind", "action", "dataset", "purpose", "outcome", "details", "previous_hash", "hash"]


@dataclass
class Log:
    """An audit log, and what somebody with the database's password could do to it."""

    engine: sa.Engine
    now: datetime = datetime(2026, 3, 2, 12, tzinfo=UTC)

    def __post_init__(self) -> None:
        self.audit = Audit(self.engine, lambda: self.now)

    def fill(self, count: int = 5) -> list[Record]:
        return [
            self.audit.append(
                "table.read", **TOLD, dataset="exam.events", purpose="analytics", outcome=Outcome.ALLOWED, details={"rows": n}
            )
            for n in range(count)
        ]

    def run(self, statement: str, **values: object) -> None:
        with self.engine.begin() as db:
            db.execute(sa.text(statement), values)

    def unguarded(self) -> None:
        """Its owner takes the triggers away."""
        for table, event in [(t, e) for t in ("audit_record", "audit_anchor") for e in ("insert", "update", "delete")]:
            where = "" if self.engine.dialect.name == "sqlite" else f" ON {table}"
            self.run(f"DROP TRIGGER {table}_{event}{where}")


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("postgres"), fsync="off") as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Log]:
    if request.param == "sqlite":
        engine = sqlite_engine(tmp_path / "audit" / "audit.sqlite")
    else:
        engine = sa.create_engine(request.getfixturevalue("postgres").url().replace("postgresql:", "postgresql+psycopg:"))
    yield Log(engine)
    with engine.begin() as db:
        db.execute(sa.text("DROP TABLE audit_record"))
        db.execute(sa.text("DROP TABLE audit_anchor"))
    engine.dispose()


def test_what_is_appended_is_read_and_verified(log: Log) -> None:
    written = log.fill()
    assert list(log.audit.records()) == written and [r.sequence for r in written] == [1, 2, 3, 4, 5]
    first = written[0]
    assert (first.at, first.actor, first.actor_kind) == ("2026-03-02T12:00:00.000000+00:00", "5f2a9c017be4d863", "key")
    assert (first.dataset, first.purpose, first.outcome, json.loads(first.details)) == ("exam.events", "analytics", "allowed", {"rows": 0})
    verified = log.audit.verify()
    assert (verified.count, verified.head_sequence, verified.head_hash) == (5, 5, written[-1].hash)
    assert log.audit.head() == (5, written[-1].hash)


def test_records_are_found_by_what_they_say(log: Log) -> None:
    log.fill(2)
    log.now += timedelta(hours=1)
    log.audit.append("erasure.received", actor="erasing", actor_kind=ActorKind.SERVICE)
    log.audit.append("erasure.closed", actor="erasing", actor_kind=ActorKind.SERVICE, dataset="privacy.erasure_request")
    found = lambda **what: [r.sequence for r in log.audit.records(**what)]  # noqa: E731
    assert found(action="erasure.") == [3, 4] and found(action="erasure.closed") == [4] and found(action="erasure") == []
    assert found(actor="erasing") == [3, 4] and found(dataset="exam.events") == [1, 2]
    assert found(since=log.now) == [3, 4] and found(until=log.now) == [1, 2]


def _opened_again(url: sa.URL) -> sa.Engine:
    return sqlite_engine(Path(url.database)) if url.drivername == "sqlite" else sa.create_engine(url)


def _append_some(url: sa.URL, name: str) -> None:
    audit = Audit(_opened_again(url))
    for number in range(25):
        audit.append("table.read", actor=name, actor_kind=ActorKind.SERVICE, details={"number": number})


def test_many_processes_make_one_chain(log: Log) -> None:
    fork = multiprocessing.get_context("fork")
    running = [fork.Process(target=_append_some, args=(log.engine.url, f"writer-{number}")) for number in range(3)]
    for process in running:
        process.start()
    for process in running:
        process.join(60)
    assert [process.exitcode for process in running] == [0, 0, 0]
    assert log.audit.verify().count == 75
    for number in range(3):
        assert [json.loads(r.details)["number"] for r in log.audit.records(actor=f"writer-{number}")] == list(range(25))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_record SET outcome = 'denied' WHERE sequence = 3",
        "DELETE FROM audit_record WHERE sequence = 3",
        "DELETE FROM audit_record",
        "INSERT INTO audit_anchor VALUES (3, 'not the hash of the third')",
        "INSERT INTO audit_record SELECT 7, at, actor, actor_kind, action, dataset, purpose, outcome, details, hash, hash FROM audit_record WHERE sequence = 5",
        "INSERT OR REPLACE INTO audit_record SELECT 3, at, 'x', actor_kind, action, dataset, purpose, outcome, details, hash, hash FROM audit_record WHERE sequence = 3",
        "TRUNCATE audit_record",
    ],
)
def test_the_database_refuses_what_does_not_add(log: Log, statement: str) -> None:
    written = log.fill()
    theirs = {"INSERT OR REPLACE": "sqlite", "TRUNCATE": "postgresql"}
    if any(statement.startswith(words) and log.engine.dialect.name != dialect for words, dialect in theirs.items()):
        return  # the other database does not know these words
    with pytest.raises(sa.exc.DBAPIError, match="append-only"):
        log.run(statement)
    assert list(log.audit.records()) == written


@pytest.mark.parametrize("column", COLUMNS)
def test_a_change_of_any_column_is_found(log: Log, column: str) -> None:
    log.fill()
    log.unguarded()
    log.run(f"UPDATE audit_record SET {column} = :value WHERE sequence = 3", value=9 if column == "sequence" else "{}")
    with pytest.raises(CorruptError, match="record 4" if column == "sequence" else "record 3"):
        log.audit.verify()


def test_a_change_with_a_hash_made_anew_is_found_at_the_next(log: Log) -> None:
    third = log.fill()[2]
    log.unguarded()
    forged = Record(**{name: getattr(third, name) for name in COLUMNS} | {"actor": "somebody else", "hash": ""})
    log.run("UPDATE audit_record SET actor = :actor, hash = :hash WHERE sequence = 3", actor=forged.actor, hash=hash_of(forged))
    with pytest.raises(CorruptError, match="record 4"):
        log.audit.verify()


@pytest.mark.parametrize(("sequence", "found_at"), [(1, 2), (3, 4)])
def test_a_missing_record_is_found(log: Log, sequence: int, found_at: int) -> None:
    log.fill()
    log.unguarded()
    log.run("DELETE FROM audit_record WHERE sequence = :sequence", sequence=sequence)
    with pytest.raises(CorruptError, match=f"record {found_at}: {sequence} is missing"):
        log.audit.verify()


def test_a_cut_off_end_is_found_by_who_has_a_receipt(log: Log) -> None:
    last = log.fill()[-1]
    assert log.audit.contains(5, last.hash) and not log.audit.contains(4, last.hash)
    log.unguarded()
    log.run("DELETE FROM audit_record WHERE sequence = 5")
    assert log.audit.verify().count == 4 and not log.audit.contains(5, last.hash)
    again = log.audit.append("table.read", **TOLD)
    assert again.sequence == 5 and not log.audit.contains(5, last.hash)


def test_what_is_older_than_a_year_goes_and_the_chain_goes_on(log: Log) -> None:
    old = log.fill(3)
    log.now += KEPT + timedelta(days=1)
    young = log.fill(2)
    with pytest.raises(BadInputError, match="a year"):
        log.audit.forget_before(log.now - KEPT + timedelta(seconds=1), **TOLD)
    assert log.audit.forget_before(log.now - KEPT, **TOLD) == 3
    left = list(log.audit.records())
    assert left[:2] == young and left[2].action == "audit.forgotten"
    assert json.loads(left[2].details) == {"records": 3, "through": 3, "anchor_hash": old[2].hash}
    assert log.audit.verify().count == 3 and log.audit.contains(3, old[2].hash) and not log.audit.contains(2, old[1].hash)
    assert log.audit.forget_before(log.now - KEPT, **TOLD) == 0
    with pytest.raises(sa.exc.DBAPIError, match="append-only"):
        log.run("DELETE FROM audit_record WHERE sequence = 4")
    with pytest.raises(sa.exc.DBAPIError, match="append-only"):
        log.run("DELETE FROM audit_anchor")
    log.unguarded()
    log.run("DELETE FROM audit_record WHERE sequence = 4")
    with pytest.raises(CorruptError, match="4 is missing"):
        log.audit.verify()


def test_a_chain_fits_while_its_beginning_is_forgotten(log: Log) -> None:
    log.fill(3)
    log.now += KEPT + timedelta(days=1)
    log.fill(2)
    elsewhere, forgotten = Audit(_opened_again(log.engine.url), lambda: log.now), []

    def forget(*_) -> None:
        if not forgotten:
            forgotten.append(elsewhere.forget_before(log.now - KEPT, **TOLD))

    sa.event.listen(log.engine, "after_cursor_execute", forget)
    assert log.audit.verify().count == 5 and forgotten == [3] and log.audit.verify().count == 3
    elsewhere.close()


def test_everything_may_be_old(log: Log) -> None:
    log.fill(3)
    log.now += KEPT * 2
    assert log.audit.forget_before(log.now - KEPT, **TOLD) == 3
    assert [r.action for r in log.audit.records()] == ["audit.forgotten"] and log.audit.verify().count == 1
    assert log.fill(1)[0].sequence == 5 and log.audit.verify().count == 2


def test_no_person_gets_in(log: Log, home: Path) -> None:
    """`home` is strict: outside the tests the value would be replaced."""
    for what in ({"details": {"email": "x"}}, {"details": {"note": ["kim@example.com"]}}, {"purpose": "010-1234-5678 called"}):
        with pytest.raises(BadInputError):
            log.audit.append("table.read", **TOLD, **what)
    with pytest.raises(BadInputError, match="details of"):
        log.audit.append("table.read", **TOLD, details={"rows": "x" * 5_000})
    assert log.audit.head()[0] == 0


def test_an_export_is_checked_anywhere(log: Log) -> None:
    log.fill()
    lines = [json.dumps(r.told(), ensure_ascii=False) for r in log.audit.records()]
    told = [json.loads(line) for line in lines]
    assert check(map(Record.read, told)).count == 5
    told[1]["details"]["rows"] = 17
    with pytest.raises(CorruptError, match="record 2"):
        check(map(Record.read, told))


def test_a_log_that_does_not_answer_is_said(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="audit log"):
        Audit(sa.create_engine("postgresql+psycopg://nobody@127.0.0.1:1/nothing"))
