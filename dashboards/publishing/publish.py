"""The curated tables out of the local warehouse into PostgreSQL: filled beside the old ones, then in their place at once.

    DuckDB ─▶ COPY ─▶ curated_next: keys, comments, fence, counted ─▶ [curated → curated_last, curated_next → curated] ─▶ drop
                                                                        one transaction that waits for no reader

Whoever reads meanwhile sees the old tables or the new ones, never some of each. A publisher that was killed leaves
curated_next or curated_last behind, which the next one clears away.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import duckdb
import psycopg
from psycopg import sql

from dashboards.publishing import fence
from lakehouse.contracts.model import Contract
from lakehouse.contracts.registry import Registry
from lakehouse.errors import BadInputError, CorruptError
from lakehouse.privacy.access import Access, access

SCHEMA, _NEXT, _LAST = "curated", "curated_next", "curated_last"
_TYPES = {
    "text": "text",
    "integer": "bigint",
    "float": "double precision",
    "decimal": "numeric(18,6)",
    "boolean": "boolean",
    "timestamp": "timestamptz",
    "date": "date",
    "text_list": "text[]",
}
_COPY_TYPES = {"integer": "int8", "float": "float8", "decimal": "numeric", "boolean": "bool", "timestamp": "timestamptz", "date": "date"}
_ROWS_AT_ONCE = 10_000
_ONE_AT_A_TIME = 7_267_003


@dataclass(frozen=True, slots=True)
class Published:
    """One table: `levels` may see it, as far as their rows go."""

    table: str
    rows: int
    ms: float
    holding: str
    levels: str


def publish(
    warehouse: duckdb.DuckDBPyConnection,
    connection: psycopg.Connection,
    contracts: Registry,
    told: Callable[[Published], None] = lambda table: None,
    hidden: frozenset[str] = frozenset(),
) -> list[Published]:
    """`connection`: in autocommit, the owner's or an administrator's. `hidden`: whose rows nobody is shown. Raises BadInputError, CorruptError."""
    wanted = sorted(contracts.layer("curated"), key=lambda contract: contract.table)
    there = {name for (name,) in warehouse.execute("select table_name from duckdb_tables() where schema_name = 'curated'").fetchall()}
    if missing := [contract.table for contract in wanted if contract.table not in there]:
        raise BadInputError(f"the warehouse has no {', '.join(missing)}", hint="run `lakehouse model` first")
    fence.hide(connection, hidden)  # before a row that names them is there
    connection.execute("select pg_advisory_lock(%s)", (_ONE_AT_A_TIME,))
    try:
        done = []
        connection.execute(f"drop schema if exists {_NEXT} cascade")
        connection.execute(f"drop schema if exists {_LAST} cascade")
        connection.execute(f"create schema {_NEXT}")
        for contract in wanted:
            done.append(_fill(warehouse, connection, contract, access(contract, contracts)))
            told(done[-1])
        for role in fence.ROLES.values():
            connection.execute(sql.SQL("grant usage on schema {} to {}").format(sql.Identifier(_NEXT), sql.Identifier(role)))
        with connection.transaction():
            if connection.execute("select to_regnamespace(%s)", (SCHEMA,)).fetchone()[0]:
                connection.execute(f"alter schema {SCHEMA} rename to {_LAST}")
            connection.execute(f"alter schema {_NEXT} rename to {SCHEMA}")
        connection.execute(f"drop schema if exists {_LAST} cascade")
    finally:
        connection.execute("select pg_advisory_unlock(%s)", (_ONE_AT_A_TIME,))
    return done


def _fill(warehouse: duckdb.DuckDBPyConnection, connection: psycopg.Connection, contract: Contract, seen: Access) -> Published:
    began = time.perf_counter()
    name = sql.Identifier(_NEXT, contract.table)
    with connection.transaction():
        columns = [
            sql.SQL("{} {}{}").format(sql.Identifier(f.name), sql.SQL(_TYPES[f.type]), sql.SQL(" not null" if f.required else ""))
            for f in contract.fields
        ]
        connection.execute(sql.SQL("create table {} ({})").format(name, sql.SQL(", ").join(columns)))
        sent = _copy(warehouse, connection, contract, name)
        kept = connection.execute(sql.SQL("select count(*) from {}").format(name)).fetchone()[0]
        if sent != kept:
            raise CorruptError(
                f"{contract.table}: {sent:,} rows were sent and {kept:,} arrived", hint="nothing was published; run it again"
            )
        key = sql.SQL(", ").join(map(sql.Identifier, contract.primary_key))
        connection.execute(sql.SQL("alter table {} add primary key ({})").format(name, key))
        if {"zone_id", "org_id"} <= set(contract.names):
            connection.execute(sql.SQL("create index on {} (zone_id, org_id)").format(name))
        _describe(connection, contract, name)
        fence.enclose(connection, _NEXT, contract.table, seen)
    connection.execute(sql.SQL("analyze {}").format(name))
    levels = ", ".join(sorted(seen.sights))
    return Published(contract.table, kept, (time.perf_counter() - began) * 1_000, seen.holding.value, levels)


def _copy(warehouse: duckdb.DuckDBPyConnection, connection: psycopg.Connection, contract: Contract, name: sql.Identifier) -> int:
    names = sql.SQL(", ").join(map(sql.Identifier, contract.names))
    rows = warehouse.execute(f"select {', '.join(contract.names)} from curated.{contract.table}")
    sent = 0
    with connection.cursor() as cursor, cursor.copy(sql.SQL("copy {} ({}) from stdin").format(name, names)) as copy:
        copy.set_types([_COPY_TYPES.get(f.type, "text[]" if f.type == "text_list" else "text") for f in contract.fields])
        while batch := rows.fetchmany(_ROWS_AT_ONCE):
            for row in batch:
                copy.write_row(row)
            sent += len(batch)
    return sent


def _describe(connection: psycopg.Connection, contract: Contract, name: sql.Identifier) -> None:
    """What a table and a column mean, where Metabase reads it."""
    connection.execute(sql.SQL("comment on table {} is {}").format(name, sql.Literal(f"{contract.description} {contract.purpose}")))
    for field in contract.fields:
        column = sql.Identifier(_NEXT, contract.table, field.name)
        connection.execute(sql.SQL("comment on column {} is {}").format(column, sql.Literal(field.description)))
