"""Opening the local warehouse: a DuckDB file that many may read, or one may write, at a time.

Whoever comes while another process writes waits a little (a build lets go between its parts), and then says who is in
the way rather than failing with DuckDB's words.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from lakehouse.errors import BusyError

if TYPE_CHECKING:
    import duckdb

PATIENCE_S = 20.0
Opened = TypeVar("Opened")


def patiently(open_it: Callable[[], Opened], warehouse: Path, patience_s: float = PATIENCE_S) -> Opened:
    """What `open_it` returns, tried again while another process holds the file. Raises BusyError."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return open_it()
        except Exception as error:
            # DuckDB's refusal comes bare or inside SQLAlchemy's; anything but a lock is raised as it is.
            if "set lock on file" not in str(error):
                raise
            if time.monotonic() > deadline:
                hint = "wait for `lakehouse model` to end, or close the DuckDB shell that holds it"
                raise BusyError(f"{warehouse} is open in another process", hint=hint) from error
            time.sleep(0.25)


def base_tables(warehouse: "duckdb.DuckDBPyConnection") -> dict[tuple[str, str], list[str]]:
    """(schema, table) → its columns. Views are none: they show what these, and clean, hold."""
    listed = """
        select schema_name, table_name, list(column_name)
        from duckdb_columns() semi join duckdb_tables() using (database_name, schema_name, table_name)
        where not internal group by all order by all"""
    return {(schema, table): columns for schema, table, columns in warehouse.execute(listed).fetchall()}
