"""What a reader's SQL is after, before any row is there: one SELECT, the tables that it names, the columns that it reads.

    SQL ─ json_serialize_sql ─▶ tables
    SQL ─ EXPLAIN, over empty tables of the same columns ─▶ columns of each scan

By then `*`, `#2`, a natural join and a row as a whole are columns, too.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

import duckdb

from lakehouse.errors import BadInputError

LOCKS = ("python_enable_replacements = false", "enable_external_access = false", "lock_configuration = true")
"""Under which a reader's SQL is planned and run: no Python variable, no file, no extension, and no way to change that."""

Table = tuple[str, str]
"""A schema, which is empty where the SQL leaves it out, and a name."""


def tables_named(db: duckdb.DuckDBPyConnection, sql: str) -> list[Table]:
    """Tables, views and names of nothing. Raises BadInputError for anything but one SELECT."""
    (parsed,) = db.execute("select json_serialize_sql(?::varchar)", [sql]).fetchone()
    told = json.loads(parsed)
    if told["error"]:
        if told["error_type"] == "parser":
            raise BadInputError(f"this is no SQL: {told['error_message']}", hint="one SELECT, in DuckDB's dialect")
        raise BadInputError("only a SELECT is run here", hint="one SELECT, in DuckDB's dialect; it may have WITH and sub-queries")
    if len(told["statements"]) != 1:
        raise BadInputError("more than one statement", hint="ask one after the other")
    return [(node["schema_name"].lower(), node["table_name"].lower()) for node in _nodes(told) if node.get("type") == "BASE_TABLE"]


def columns_read(sql: str, tables: Mapping[Table, Mapping[str, str]], schemas: Sequence[str]) -> dict[Table, set[str]]:
    """Of each of `tables` (its columns and their types) the columns that a SELECT reads; all where it cannot be planned: running it says
    why. `schemas`: where a table is looked for that is named without one.

    DuckDB leaves a column out of a scan where nothing after the scan asks for it. Whatever else it optimises is switched off: some
    of that goes by the rows, and there are none.
    """
    with duckdb.connect() as db:
        for schema in schemas:
            db.execute(f"create schema {schema}")
        for (schema, table), columns in tables.items():
            db.execute(f"create table {schema}.{table} ({', '.join(f'{name} {kind}' for name, kind in columns.items())})")
        others = [name for (name,) in db.execute("select name from duckdb_optimizers() where name != 'unused_columns'").fetchall()]
        db.execute(f"set disabled_optimizers = '{','.join(others)}'")
        db.execute(f"set search_path = '{','.join(schemas)}'")
        for lock in LOCKS:
            db.execute(f"set {lock}")
        try:
            plans = db.execute(f"explain (format json) {sql}").fetchall()
        except duckdb.Error:
            return {table: set(columns) for table, columns in tables.items()}
    found: dict[Table, set[str]] = {table: set() for table in tables}
    for _, plan in plans:
        for scan in _nodes(json.loads(plan)):
            if "Table" in scan and "Projections" in scan:
                _, schema, table = scan["Table"].split(".")
                read = scan["Projections"]
                found[schema, table] |= {read} if isinstance(read, str) else set(read)
    return found


def _nodes(tree: object) -> Iterator[dict]:
    """Every object in a tree of JSON."""
    if isinstance(tree, dict):
        yield tree
    children: Iterable = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    for child in children:
        yield from _nodes(child)
