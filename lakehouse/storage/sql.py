"""Small databases of our own through SQLAlchemy: the vault's, the audit log's, the keys' of callers, the ledger of changes.

sqlite_engine   ─▶ one file on the laptop ─┐
postgres_engine ─▶ PostgreSQL              ┴─▶ create_tables ─▶ … deleted … ─▶ leave_no_trace

An exception leaves out the values of its statement: pseudonyms and wrapped keys would be in a log with it.
"""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from lakehouse.errors import BusyError, NotDurableError
from lakehouse.storage.durable import make_folder

INSERT = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
"""Both know ON CONFLICT DO NOTHING."""


def sqlite_engine(path: Path) -> sa.Engine:
    """A database in one file, durable at every commit, for several processes at once."""
    make_folder(path.parent)
    engine = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": 60}, hide_parameters=True)

    @sa.event.listens_for(engine, "connect")
    def _durable(connection, _record) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA secure_delete=ON")  # a deleted key must not linger in a free page

    @sa.event.listens_for(engine, "handle_error")
    def _explained(context) -> None:
        code = getattr(context.original_exception, "sqlite_errorcode", 0) & 0xFF  # the low byte is the kind of failure
        if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
            raise NotDurableError(
                f"the {path.parent.name} could not be written: {context.original_exception}",
                hint=f"free disk space under LAKEHOUSE_HOME (`df -h`), or see who may write to {path.parent}; then run it again",
            ) from context.original_exception

    return engine


def postgres_engine(url: str, **how: object) -> sa.Engine:
    """`how`: more of what create_engine() takes."""
    return sa.create_engine(url, pool_pre_ping=True, hide_parameters=True, **how)


class Utc(sa.TypeDecorator):
    """A timestamp with its zone; SQLite would forget it."""

    impl = sa.DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect) -> datetime | None:
        return value and value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect) -> datetime | None:
        return value and value.replace(tzinfo=UTC)


def leave_no_trace(engine: sa.Engine, *tables: sa.Table) -> None:
    """After something secret was deleted from these tables, or written over.

    SQLite's write-ahead log keeps what pages were until it is written back; this waits for whoever is reading. PostgreSQL keeps the rows
    until they are vacuumed, which does not wait: where somebody reads an older state, autovacuum takes them later. Its own log, the
    free space of pages and backups are the server's; `lapses` of privacy/erasure/remains.py says what that means.
    """
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
            for table in tables:
                db.exec_driver_sql(f"VACUUM {table.name}")
        return
    with engine.connect() as db:
        if db.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0]:
            raise BusyError("somebody reads an old state of the database, and so its log cannot be emptied", hint="run it again")


def create_tables(engine: sa.Engine, metadata: sa.MetaData) -> None:
    """Those that lack, and what columns those that are there lack: each new column may be empty, or says what it is by default."""
    for table in metadata.sorted_tables:
        create = sa.schema.CreateTable(table, if_not_exists=True)
        try:
            with engine.begin() as db:
                db.execute(create)
        except (sa.exc.IntegrityError, sa.exc.ProgrammingError):
            # PostgreSQL looks and then creates: of two processes that open a new database at once, one fails. Now it is there.
            with engine.begin() as db:
                db.execute(create)
    for table in metadata.sorted_tables:
        _add_columns(engine, table)


def _add_columns(engine: sa.Engine, table: sa.Table) -> None:
    there = {column["name"] for column in sa.inspect(engine).get_columns(table.name)}
    for column in (column for column in table.columns if column.name not in there):
        with engine.begin() as db:
            spelt = sa.schema.CreateColumn(column).compile(dialect=engine.dialect)
            try:
                db.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {spelt}")
            except (sa.exc.OperationalError, sa.exc.ProgrammingError):
                if column.name not in {other["name"] for other in sa.inspect(engine).get_columns(table.name)}:
                    raise  # nor did another process add it meanwhile
