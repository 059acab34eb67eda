"""The warehouse file: statistics for its planner, and a new file where the old one is full of holes.

    analyze ─▶ how many blocks are free? ─▶ many: copy every table and view into a new file ─▶ the same rows? ─▶ exchange

DuckDB frees blocks and never gives them back, and what was deleted stays readable in them until the file is copied. The
old file is held open for reading until the new one has its place, so that nobody writes into one that is about to go.
"""

import os
import time
from pathlib import Path

import duckdb

from lakehouse.errors import CorruptError
from lakehouse.optimize.figures import Figures
from lakehouse.storage.durable import make_folder

FREE_SHARE = 0.25
_LEAST_BLOCKS = 64  # below 16 MB holes cost nobody anything
_OURS = "database_name = ? and not internal"


def optimize_warehouse(path: Path, always: bool = False) -> Figures:
    """The caller has the warehouse's turn. `always`: a new file whatever the free blocks, as after an erasure.
    Raises CorruptError rather than lose a row."""
    began, size_before = time.monotonic(), path.stat().st_size
    with duckdb.connect(str(path)) as warehouse:
        warehouse.execute("set TimeZone = 'UTC'")
        rows_before = _rows(warehouse, path.stem)
        warehouse.execute("analyze")
        warehouse.execute("force checkpoint")
        total, free = warehouse.execute("select total_blocks, free_blocks from pragma_database_size()").fetchone()
    is_rewritten = always or (total >= _LEAST_BLOCKS and free >= FREE_SHARE * total)
    rows_after = _exchange(path, rows_before) if is_rewritten else rows_before
    return Figures(
        optimized_dataset="warehouse",
        storage_tier="hot",
        days_rewritten=0,
        files_before=1,
        files_after=1,
        bytes_before=size_before,
        bytes_after=path.stat().st_size,
        rows_before=sum(rows_before.values()),
        rows_after=sum(rows_after.values()),
        files_freed=int(is_rewritten),
        run_duration_ms=int((time.monotonic() - began) * 1000),
    )


def _exchange(path: Path, rows_before: dict[str, int]) -> dict[str, int]:
    """A view names the catalog that it was made in, which is the file's name: so has the new one, in a folder of its own."""
    folder = path.parent / "rewriting"
    make_folder(folder)
    new = folder / path.name
    for left in (new, new.with_name(f"{new.name}.wal")):
        left.unlink(missing_ok=True)  # of a copy that was killed
    with duckdb.connect(str(new)) as warehouse:
        warehouse.execute("set TimeZone = 'UTC'")
        warehouse.execute(f"attach '{path.absolute()}' as before (read_only)")
        _copy(warehouse, new.stem)
        rows_after = _rows(warehouse, new.stem)
        if rows_after != rows_before:
            raise CorruptError("the copy of the warehouse does not hold its rows", hint="nothing was changed; report it as a defect")
        warehouse.execute("analyze")
        warehouse.execute(f'checkpoint "{new.stem}"')
        os.replace(new, path)
    folder.rmdir()
    return rows_after


def _copy(warehouse: duckdb.DuckDBPyConnection, name: str) -> None:
    """Tables with their rows, then views."""
    schemas = warehouse.execute(f"select schema_name from duckdb_schemas() where {_OURS}", ["before"]).fetchall()
    for (schema,) in schemas:
        warehouse.execute(f'create schema if not exists "{name}"."{schema}"')
    tables = f"select schema_name, table_name, sql from duckdb_tables() where {_OURS} order by table_oid"
    for schema, table, sql in warehouse.execute(tables, ["before"]).fetchall():
        warehouse.execute(sql)
        warehouse.execute(f'insert into "{name}"."{schema}"."{table}" select * from before."{schema}"."{table}"')
    views = warehouse.execute(f"select sql from duckdb_views() where {_OURS}", ["before"]).fetchall()
    _make_views(warehouse, [sql for (sql,) in views])


def _make_views(warehouse: duckdb.DuckDBPyConnection, views: list[str]) -> None:
    """A view can be made once those that it reads are there; which these are, DuckDB says by refusing."""
    while views:
        waiting, refusal = [], None
        for sql in views:
            try:
                warehouse.execute(sql)
            except duckdb.CatalogException as error:
                waiting, refusal = [*waiting, sql], error
        if len(waiting) == len(views):
            raise refusal
        views = waiting


def _rows(warehouse: duckdb.DuckDBPyConnection, database: str) -> dict[str, int]:
    listed = f"select schema_name, table_name from duckdb_tables() where {_OURS} order by all"
    named = warehouse.execute(listed, [database]).fetchall()
    count = 'select count(*) from "{}"."{}"."{}"'
    return {f"{s}.{t}": warehouse.execute(count.format(database, s, t)).fetchone()[0] for s, t in named}
