"""Small databases of our own through SQLAlchemy: the vault's, the audit log's, the keys' of callers, the ledger of changes.

sqlite_engine ─▶ one file on the laptop ─┐
create_engine ─▶ PostgreSQL              ┴─▶ create_tables
"""

import sqlite3
from pathlib import Path

import sqlalchemy as sa

from lakehouse.errors import NotDurableError
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
