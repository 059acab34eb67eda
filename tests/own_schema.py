"""A schema of its own for a test, in a PostgreSQL that a module or a session shares: made in milliseconds, and gone with all that is in it."""

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from source_database.server import Server

_numbers = itertools.count(1)


@contextmanager
def own_schema(server: Server) -> Iterator[str]:
    """A URL of SQLAlchemy's, of which every connection works in that schema."""
    url = server.url().replace("postgresql:", "postgresql+psycopg:")
    name = f"test_{os.getpid()}_{next(_numbers)}"
    administrator = sa.create_engine(url, poolclass=sa.NullPool)
    with administrator.begin() as db:
        db.exec_driver_sql(f"create schema {name}")
    try:
        yield f"{url}?options=-csearch_path%3D{name}"
    finally:
        with administrator.begin() as db:
            db.exec_driver_sql(f"drop schema {name} cascade")
