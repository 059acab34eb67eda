"""The audit log: who looked at what, who decided what, in a chain of hashes that is only ever added to.

    append ─▶ lock ─▶ head (sequence, hash) ─▶ record (sequence + 1, …, its hash) ─▶ commit, then it is true
    forget_before ─▶ anchor (sequence, hash) ─▶ the records up to it go ─▶ verify begins there

The database itself refuses to change a record, and to delete one that no anchor covers; an anchor is refused that names
no record. Who can drop those triggers can still not forge the past: the hashes tell, and a receipt that names a record
(`contains`) tells when the end was cut off. No personal value goes in: what the log refuses is refused here.
"""

import json
import os
import pwd
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain

import sqlalchemy as sa

from lakehouse.errors import BadInputError, SettingsError, UnavailableError
from lakehouse.log import safe
from lakehouse.privacy.chain import BEGINNING, ActorKind, Outcome, Record, Verified, canonical, check, hash_of
from lakehouse.storage.sql import create_tables

KEPT = timedelta(days=365)
DETAILS_BYTES = 4_096
_LOCK = 0x61756469  # any number that nobody else takes: "audi"

_metadata = sa.MetaData()
_record = sa.Table(
    "audit_record",
    _metadata,
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", sa.String(32), nullable=False),  # as text, since it is hashed; of one length, so that it sorts
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("actor_kind", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("dataset", sa.Text),
    sa.Column("purpose", sa.Text),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("details", sa.Text, nullable=False),
    sa.Column("previous_hash", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
)
_anchor = sa.Table(
    "audit_anchor",
    _metadata,
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("hash", sa.String(64), nullable=False),
)

_RULES = {  # what may be done to which table under which condition: SQLite's REPLACE deletes unseen, so that INSERT has one, too
    (
        "audit_record",
        "INSERT",
    ): "NEW.sequence = 1 + (SELECT coalesce(max(sequence), 0) FROM audit_record)",
    ("audit_record", "UPDATE"): "FALSE",
    ("audit_record", "DELETE"): "OLD.sequence <= (SELECT coalesce(max(sequence), 0) FROM audit_anchor)",
    ("audit_anchor", "INSERT"): "EXISTS (SELECT 1 FROM audit_record WHERE sequence = NEW.sequence AND hash = NEW.hash)",
    ("audit_anchor", "UPDATE"): "FALSE",
    ("audit_anchor", "DELETE"): "FALSE",
}


class Audit:
    """The audit log in SQLite or PostgreSQL, for many processes and threads at once."""

    def __init__(self, engine: sa.Engine, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        if engine.dialect.name not in _GUARDS:
            raise SettingsError(f"no audit log on {engine.dialect.name}", hint=f"LAKEHOUSE_AUDIT_URL: use one of {', '.join(_GUARDS)}")
        self._engine = engine
        self._clock = clock
        with _answered():
            create_tables(engine, _metadata)
            with self._alone() as db:
                for statement in _GUARDS[engine.dialect.name]():
                    db.exec_driver_sql(statement)

    def append(
        self,
        action: str,
        *,
        actor: str,
        actor_kind: ActorKind,
        dataset: str | None = None,
        purpose: str | None = None,
        outcome: Outcome = Outcome.DONE,
        details: dict | None = None,
    ) -> Record:
        """Durable when it returns. Raises UnavailableError where the log cannot be written: then what it was to record must not be."""
        with _answered(), self._alone() as db:
            return self._append(db, action, actor, actor_kind, dataset, purpose, outcome, details or {})

    def records(
        self,
        since: datetime | None = None,
        until: datetime | None = None,
        action: str | None = None,
        actor: str | None = None,
        dataset: str | None = None,
    ) -> Iterator[Record]:
        """The oldest first. `action` may be the beginning of one: `erasure.` finds every step of erasures."""
        query = sa.select(_record).order_by(_record.c.sequence)
        if since is not None:
            query = query.where(_record.c.at >= _text(since))
        if until is not None:
            query = query.where(_record.c.at < _text(until))
        if action is not None:
            query = query.where(
                _record.c.action.startswith(action, autoescape=True) if action.endswith(".") else _record.c.action == action
            )
        query = query.where(*(column == wanted for column, wanted in ((_record.c.actor, actor), (_record.c.dataset, dataset)) if wanted))
        with _answered(), self._engine.connect() as db:
            for row in db.execution_options(yield_per=1_000).execute(query):
                yield Record(*row)

    def verify(self) -> Verified:
        """Follow the whole chain, from the last anchor. Raises CorruptError naming the first record that does not fit."""
        newest = sa.select(_anchor.c.sequence, _anchor.c.hash).order_by(_anchor.c.sequence.desc()).limit(1)
        anchored = _record.outerjoin(anchor := newest.subquery(), sa.true())  # in one statement: a moment later the oldest may be gone
        with _answered(), self._engine.connect() as db:
            rows = db.execute(sa.select(_record, anchor).select_from(anchored).order_by(_record.c.sequence))
            first = rows.fetchone()
            sequence, hash_ = first[-2:] if first else db.execute(newest).one_or_none() or (None, None)
            records = (Record(*row[:-2]) for row in chain([first] if first else [], rows))
            return check(records, *((0, BEGINNING) if sequence is None else (sequence, hash_)))

    def head(self) -> tuple[int, str]:
        """Sequence and hash of the last record: what a receipt keeps, so that nobody can cut off the end unseen."""
        with _answered(), self._engine.connect() as db:
            return self._head(db)

    def contains(self, sequence: int, hash_: str) -> bool:
        """Whether that record is in the log, or was its last one to be forgotten."""
        with _answered(), self._engine.connect() as db:
            return any(
                db.scalar(sa.select(sa.literal(1)).where(table.c.sequence == sequence, table.c.hash == hash_))
                for table in (_record, _anchor)
            )

    def forget_before(self, at: datetime, *, actor: str, actor_kind: ActorKind) -> int:
        """Remove the records older than that, as far as they are the oldest without a gap; how many they were.

        Raises BadInputError where that would take one that is younger than a year.
        """
        if at > self._clock() - KEPT:
            raise BadInputError("the audit log is kept for a year", hint=f"name a moment more than {KEPT.days} days ago")
        young = sa.select(sa.func.min(_record.c.sequence)).where(_record.c.at >= _text(at)).scalar_subquery()
        last = sa.select(_record.c.sequence, _record.c.hash).order_by(_record.c.sequence.desc()).limit(1)
        with _answered(), self._alone() as db:
            found = db.execute(last.where(_record.c.sequence < sa.func.coalesce(young, 2**62))).one_or_none()
            if found is None:
                return 0
            count = db.scalar(sa.select(sa.func.count()).where(_record.c.sequence <= found.sequence))
            told = {"records": count, "through": found.sequence, "anchor_hash": found.hash}
            self._append(db, "audit.forgotten", actor, actor_kind, None, "retention", Outcome.DONE, told)
            db.execute(sa.insert(_anchor), {"sequence": found.sequence, "hash": found.hash})
            db.execute(sa.delete(_record).where(_record.c.sequence <= found.sequence))
        return count

    def close(self) -> None:
        self._engine.dispose()

    def _append(self, db: sa.Connection, action, actor, actor_kind, dataset, purpose, outcome, details: dict) -> Record:
        sequence, previous_hash = self._head(db)
        told = canonical(json.loads(json.dumps(safe("details", details), default=str)))
        if len(told.encode()) > DETAILS_BYTES:
            raise BadInputError(
                f"details of {len(told.encode()):,} bytes", hint=f"an audit record holds {DETAILS_BYTES:,}: counts and ids, no data"
            )
        words = [safe("audit", word) for word in (actor, str(actor_kind), action, dataset, purpose, str(outcome))]
        record = Record(sequence + 1, _text(self._clock()), *words, told, previous_hash)
        record = replace(record, hash=hash_of(record))
        db.execute(sa.insert(_record).values({column.name: getattr(record, column.name) for column in _record.columns}))
        return record

    def _head(self, db: sa.Connection) -> tuple[int, str]:
        newest = sa.select(_record.c.sequence, _record.c.hash).order_by(_record.c.sequence.desc()).limit(1)
        return tuple(db.execute(newest).one_or_none() or (0, BEGINNING))  # forgetting always leaves a record: its own

    @contextmanager
    def _alone(self) -> Iterator[sa.Connection]:
        """A transaction that no other writer's overlaps."""
        with self._engine.begin() as db:
            db.exec_driver_sql(_ALONE[self._engine.dialect.name])
            yield db


def os_user() -> str:
    """Who runs a command of ours, as the machine calls the account: an actor of the kind OS_USER."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container may run under a number that nobody gave a name
        return f"uid-{os.getuid()}"


@contextmanager
def _answered() -> Iterator[None]:
    try:
        yield
    except sa.exc.OperationalError as error:
        raise UnavailableError("the audit log does not answer", hint="see LAKEHOUSE_AUDIT_URL, and whether it may be reached") from error


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


# ------------------------------------------------------------------------------------------------- what the database refuses

_ALONE = {"sqlite": "BEGIN IMMEDIATE", "postgresql": f"SELECT pg_advisory_xact_lock({_LOCK})"}


def _sqlite_guards() -> Iterator[str]:
    for (table, event), allowed in _RULES.items():
        yield (
            f"CREATE TRIGGER IF NOT EXISTS {table}_{event.lower()} BEFORE {event} ON {table} WHEN NOT ({allowed}) "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )


def _postgres_guards() -> Iterator[str]:
    for (table, event), allowed in _RULES.items():
        gives = "OLD" if event == "DELETE" else "NEW"
        yield (
            f"CREATE OR REPLACE FUNCTION {table}_{event.lower()}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"IF NOT ({allowed}) THEN RAISE EXCEPTION '{table} is append-only'; END IF; RETURN {gives}; END $$"
        )
        yield (
            f"CREATE OR REPLACE TRIGGER {table}_{event.lower()} BEFORE {event} ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION {table}_{event.lower()}()"
        )
    for table in ("audit_record", "audit_anchor"):
        yield (
            f"CREATE OR REPLACE FUNCTION {table}_truncate() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$"
        )
        yield (
            f"CREATE OR REPLACE TRIGGER {table}_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {table}_truncate()"
        )


_GUARDS = {"sqlite": _sqlite_guards, "postgresql": _postgres_guards}
