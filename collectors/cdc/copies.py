"""The two sides that `lakehouse cdc reconcile` compares: the source's tables, and the current tables of the lake.

PostgreSQL, one REPEATABLE READ ─▶ counts, rows        lake: source/current/<table> by DuckDB, is_deleted left out ─▶ counts, rows
"""

from base64 import b64encode
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Protocol
from uuid import uuid4

import duckdb
import psycopg
from psycopg import sql

from collectors.cdc.comparing import Tenant
from collectors.cdc.source import Source, Table
from lakehouse import places
from lakehouse.contracts.model import Contract
from lakehouse.privacy.naming import owners
from lakehouse.storage.protocols import TableStore, Vault

_AT_ONCE = 10_000


class Copy(Protocol):
    """What is downstream of the bus."""

    def counts(self, table: Table) -> dict[Tenant, int]: ...

    def rows(self, table: Table, tenants: Collection[Tenant]) -> dict[str, dict[str, Any]]:
        """Key, as the copy knows it → fields."""
        ...

    def keys_of(self, table: Table, keys: Collection[str]) -> Mapping[str, str]:
        """Keys of the source → as the copy knows them."""
        ...

    def forgotten(self, people: Collection[str]) -> set[str]:
        """Those whom the copy must not have anything of."""
        ...


class CurrentTables:
    """The current tables that the CDC writer keeps."""

    def __init__(self, tables: TableStore, vault: Vault) -> None:
        self._tables = tables
        self._vault = vault
        self._database = duckdb.connect()
        self._database.execute("SET TimeZone = 'UTC'")

    def counts(self, table: Table) -> dict[Tenant, int]:
        found = self._query(table, "zone_id, org_id, count(*)", "group by 1, 2")
        return {Tenant(table.name, zone, org): count for zone, org, count in found}

    def rows(self, table: Table, tenants: Collection[Tenant]) -> dict[str, dict[str, Any]]:
        wanted, key = {(t.zone_id, t.org_id) for t in tenants}, key_column(table.contract)
        cursor = self._query(table, "*", "")
        names = [d[0] for d in self._database.description] if cursor else []
        rows = (dict(zip(names, row)) for row in cursor)
        return {str(row[key]): row for row in rows if (row["zone_id"], row["org_id"]) in wanted}

    def keys_of(self, table: Table, keys: Collection[str]) -> Mapping[str, str]:
        if key_column(table.contract) == table.contract.row_key:
            return {key: key for key in keys}
        return {key: subject.pid for key, subject in self._vault.subjects(keys).items()}

    def forgotten(self, people: Collection[str]) -> set[str]:
        return self._vault.forgotten(people)

    def _query(self, table: Table, what: str, tail: str) -> list[tuple]:
        files = self._tables.files(places.current_table(table.contract.domain, table.contract.table))
        if not files:
            return []
        query = f"select {what} from read_parquet($files, union_by_name = true) where not is_deleted {tail}"
        return self._database.execute(query, {"files": files}).fetchall()


def key_column(contract: Contract) -> str:
    """Where the copy has the row's key: a pseudonym stands for an identifier."""
    return next((f.becomes for f in contract.fields if f.name == contract.row_key and f.becomes), contract.row_key)


def people_of(contract: Contract, row: Mapping[str, Any]) -> set[str]:
    """Without whom a row of the source is not kept."""
    return {str(row[f.name]) for f in owners(contract) if row.get(f.name) is not None}


def compared_fields(contract: Contract) -> frozenset[str]:
    """Fields that both sides hold as they are."""
    meta = ("op", "source_lsn", "source_epoch", "unchanged_fields", "changed_at")
    return frozenset(f.name for f in contract.fields if f.treatment == "keep" and f.name not in meta)


def counts(connection: psycopg.Connection, table: Table, default_zone: str) -> dict[Tenant, int]:
    """Of the source."""
    zone = sql.SQL("coalesce(zone_id::text, {})").format(default_zone) if "zone_id" in table.columns else sql.Literal(default_zone)
    org = sql.SQL("org_id::int" if "org_id" in table.columns else "null::int")
    query = sql.SQL("select {}, {}, count(*) from {} group by 1, 2").format(zone, org, sql.Identifier(table.schema, table.name))
    return {Tenant(table.name, *tenant): count for *tenant, count in connection.execute(query).fetchall()}


def rows(connection: psycopg.Connection, table: Table, where: str, keys: Collection[Any]) -> Iterator[dict[str, Any]]:
    """Rows of the source whose column `where`, as text, is one of these, in Debezium's spelling."""
    query = sql.SQL("select {} from {} where {}::text = any(%s)").format(
        sql.SQL(", ").join(map(sql.Identifier, table.columns)), sql.Identifier(table.schema, table.name), sql.Identifier(where)
    )
    listed = [str(key) for key in keys]
    for start in range(0, len(listed), _AT_ONCE):
        with connection.cursor(row_factory=psycopg.rows.dict_row) as cursor:
            for row in cursor.execute(query, [listed[start : start + _AT_ONCE]]):
                yield {name: _spelled(value) for name, value in row.items()}


def rows_of_tenants(
    connection: psycopg.Connection, table: Table, tenants: Collection[Tenant], default_zone: str
) -> Iterator[dict[str, Any]]:
    """All rows of these tenants."""
    wanted = {(t.zone_id, t.org_id) for t in tenants}
    query = sql.SQL("select {} from {}").format(
        sql.SQL(", ").join(map(sql.Identifier, table.columns)), sql.Identifier(table.schema, table.name)
    )
    with connection.cursor(name="reconcile", row_factory=psycopg.rows.dict_row) as cursor:
        cursor.itersize = _AT_ONCE
        for row in cursor.execute(query):
            if (row.get("zone_id") or default_zone, row.get("org_id")) in wanted:
                yield {name: _spelled(value) for name, value in row.items()}


@contextmanager
def as_of_now(source: Source) -> Iterator[psycopg.Connection]:
    """One consistent look at all tables."""
    with source.connect() as connection:
        connection.execute("begin isolation level repeatable read read only")
        yield connection


@contextmanager
def placed(source: Source) -> Iterator[tuple[int, psycopg.Connection]]:
    """A look at all tables with a position that every change it does not show lies behind.

    A temporary slot waits for the transactions that run when it is made; so whatever commits after its snapshot began after the
    position that was noted before. The log's end alone would not do: an open transaction may have written before it.
    """
    with source.connect(replication="database") as replication, source.connect() as connection:
        position = source.sighting().wal_lsn
        made = replication.execute(
            f"CREATE_REPLICATION_SLOT \"lakehouse_{uuid4().hex[:16]}\" TEMPORARY LOGICAL pgoutput (SNAPSHOT 'export')"
        ).fetchone()
        connection.execute("begin isolation level repeatable read read only")
        connection.execute(sql.SQL("set transaction snapshot {}").format(made[2]))
        yield position, connection


def _spelled(value: Any) -> Any:
    """A value of psycopg as Debezium would have written it."""
    if isinstance(value, datetime):
        return (value if value.tzinfo is None else value.astimezone(UTC)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return b64encode(value).decode()
    if isinstance(value, dict):
        import json

        return json.dumps(value, ensure_ascii=False)
    return value if value is None or isinstance(value, bool | int | float | str | list) else _as_text(value)


def _as_text(value: Any) -> str:
    return format(value, "f") if isinstance(value, Decimal) else str(value)
