"""Small databases of our own through SQLAlchemy: the vault's, the audit log's, the keys' of callers, the ledger of changes.

sqlite_engine ─▶ one file on the laptop ─┐
create_engine ─▶ PostgreSQL              ┴─▶ create_tables
"""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from lakehouse.errors import BusyError, NotDurableError
from lakehouse.storage.durable import make_folder


def sqlite_engine(path: Path) -> sa.Engine:
    """A database in one file, durable at every commit, for several processes at once."""
    make_folder(path.parent)
    engine = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": 60})

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


class Utc(sa.TypeDecorator):
    """A timestamp with its zone; SQLite would forget it."""

    impl = sa.DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect) -> datetime | None:
        return value and value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect) -> datetime | None:
        return value and value.replace(tzinfo=UTC)


def empty_the_log(engine: sa.Engine) -> None:
    """After something secret was deleted: SQLite's write-ahead log keeps what pages were until it is written back. Waits for
    whoever is reading. Elsewhere the log is the server's, and goes by its own rules."""
    if engine.dialect.name != "sqlite":
        return
    with engine.connect() as db:
        if db.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0]:
            raise BusyError("somebody reads an old state of the database, and so its log cannot be emptied", hint="run it again")


def create_tables(engine: sa.Engine, metadata: sa.MetaData) -> None:
    for table in metadata.sorted_tables:
        create = sa.schema.CreateTable(table, if_not_exists=True)
        try:
            with engine.begin() as db:
                db.execute(create)
        except (sa.exc.IntegrityError, sa.exc.ProgrammingError):
            # PostgreSQL looks and then creates: of two processes that open a new database at once, one fails. Now it is there.
            with engine.begin() as db:
                db.execute(create)


def add_columns(engine: sa.Engine, table: sa.Table) -> None:
    """The columns that a database of an older version lacks; they are empty in its rows."""
    there = {column["name"] for column in sa.inspect(engine).get_columns(table.name)}
    for column in table.columns:
        if column.name not in there:
            kind = column.type.compile(engine.dialect)
            with engine.begin() as db:
                db.execute(sa.text(f"ALTER TABLE {table.name} ADD COLUMN {column.name} {kind}"))
