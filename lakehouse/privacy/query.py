"""A reader's own SQL over what the policy gives them, and over nothing else.

    SQL ─▶ one SELECT? which tables? ─▶ an empty database in memory ◀─ seen() of each ◀─ warehouse, clean (read-only)
                                          │ detach, no files, no extensions, no Python variables, settings locked
                                          └─▶ the SQL runs

What a reader may not see is not hidden from their SQL: it is not in the process. So no list of forbidden functions has to
be complete. What it costs is a copy of the rows that they may see, of the tables that they name.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from lakehouse import places
from lakehouse.access.open import access_secret
from lakehouse.contracts.model import Contract
from lakehouse.contracts.project import duckdb_columns
from lakehouse.contracts.registry import Registry
from lakehouse.errors import BadInputError
from lakehouse.privacy.access import READABLE, access, columns_of, zone_of_lake
from lakehouse.privacy.hidden import hidden_people
from lakehouse.privacy.reading import Looks
from lakehouse.privacy.roles import Reader
from lakehouse.privacy.views import HIDDEN, salt_of, seen
from lakehouse.settings import Settings
from lakehouse.storage.open import open_files, open_tables, open_warehouse
from lakehouse.storage.protocols import TableStore
from lakehouse.storage.warehouse import patiently

_SCHEMAS = (places.CURATED_SCHEMA, places.FEATURES_SCHEMA, places.CLEAN_SCHEMA, places.MONITORING_SCHEMA)
_WAREHOUSE = "warehouse"
_LOCKS = ("python_enable_replacements = false", "enable_external_access = false", "lock_configuration = true")


@dataclass(frozen=True, slots=True)
class Answer:
    columns: tuple[str, ...]
    rows: list[tuple]
    is_cut: bool


def ask(settings: Settings, contracts: Registry, looks: Looks, sql: str, most_rows: int) -> Answer:
    """Raises BadInputError (no SELECT, or one that fails), DeniedError (a table that is not this reader's)."""
    with duckdb.connect() as db:
        named = _tables(db, sql, contracts)
        for contract in named:
            looks.require("table.read", contract, contracts)
        looks.at("table.read", [c.id for c in named], sql_sha256=hashlib.sha256(sql.encode()).hexdigest())
        fill(db, settings, contracts, looks.reader, named)
        _let_go(db)
        for lock in _LOCKS:
            db.execute(f"set {lock}")
        return _run(db, sql, most_rows)


@contextmanager
def shown(
    settings: Settings, contracts: Registry, looks: Looks, action: str, wanted: Iterable[Contract]
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database of views, as this reader sees these datasets: for SQL of our own, which is no reader's, and copies nothing."""
    wanted = list(wanted)
    for contract in wanted:
        looks.require(action, contract, contracts)
    looks.at(action, [c.id for c in wanted])
    with duckdb.connect() as db:
        fill(db, settings, contracts, looks.reader, wanted, kind="view")
        yield db


def readable(contracts: Registry, reader: Reader) -> list[Contract]:
    """What this reader may query, as far as it is in the warehouse or in clean."""
    found = [c for c in contracts if c.layer in READABLE and c.layer != "live"]
    return [c for c in found if reader.may_read(c, access(c, contracts))]


def fill(
    db: duckdb.DuckDBPyConnection, settings: Settings, contracts: Registry, reader: Reader, wanted: Iterable[Contract], kind: str = "table"
) -> None:
    """Bring what the reader may see of these into `db`, as tables or as views of where it is."""
    salt = salt_of(access_secret(settings), reader)
    people = pa.table({"pid": pa.array(sorted(hidden_people(open_files(settings))), pa.string())})
    db.register("people", people)
    db.execute(f"create temp table {HIDDEN} as select * from people")
    db.unregister("people")
    db.execute("set TimeZone = 'UTC'")
    for schema in _SCHEMAS:
        db.execute(f"create schema if not exists {schema}")
    sources = {c: _source(c, contracts, settings) for c in wanted}
    if any(source.startswith(f"{_WAREHOUSE}.") for source in sources.values()):
        _attach(db, open_warehouse(settings))
    for contract, source in sources.items():
        what = seen(columns_of(contract, contracts), access(contract, contracts), reader, source, salt)
        try:
            db.execute(f"create {kind} {zone_of_lake(contract)}.{contract.table} as {what}")
        except duckdb.CatalogException as error:
            raise BadInputError(f"the warehouse has no {contract.id}", hint="run `lakehouse model` first") from error
    db.execute(f"set search_path = '{','.join(_SCHEMAS)}'")


def _attach(db: duckdb.DuckDBPyConnection, path: Path) -> None:
    if not path.exists():
        raise BadInputError(f"there is no warehouse in {path.parent.parent.absolute()}", hint="run `lakehouse model` or `make demo` first")
    quoted = str(path).replace("'", "''")
    patiently(lambda: db.execute(f"attach '{quoted}' as {_WAREHOUSE} (read_only)"), path)


def _let_go(db: duckdb.DuckDBPyConnection) -> None:
    """Of where the rows came from, and of who is hidden."""
    db.execute(f"drop table {HIDDEN}")
    db.execute(f"detach database if exists {_WAREHOUSE}")


def _source(contract: Contract, contracts: Registry, settings: Settings) -> str:
    if zone_of_lake(contract) != places.CLEAN_SCHEMA:
        return f"{_WAREHOUSE}.{contract.layer}.{contract.table}"
    return _clean(contract, contracts, open_tables(settings))


def _clean(contract: Contract, contracts: Registry, tables: TableStore) -> str:
    """The active files of the Delta table; a table of no rows where nothing has arrived yet. A column may be younger than a file."""
    files = tables.files(places.clean_table(contract.domain, contract.table))
    kinds = duckdb_columns(columns_of(contract, contracts))
    empty = f"select {', '.join(f'null::{kind} as {name}' for name, kind in kinds.items())} where false"
    if not files:
        return f"({empty})"
    listed = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
    return f"({empty} union all by name from read_parquet([{listed}], hive_partitioning = true, union_by_name = true))"


def _tables(db: duckdb.DuckDBPyConnection, sql: str, contracts: Registry) -> list[Contract]:
    """The datasets that a SELECT names. Names of nothing are left to DuckDB, which says so in its own words."""
    (parsed,) = db.execute("select json_serialize_sql(?::varchar)", [sql]).fetchone()
    told = json.loads(parsed)
    if told["error"]:
        if told["error_type"] == "parser":
            raise BadInputError(f"this is no SQL: {told['error_message']}", hint="one SELECT, in DuckDB's dialect")
        raise BadInputError("only a SELECT is run here", hint="one SELECT, in DuckDB's dialect; it may have WITH and sub-queries")
    if len(told["statements"]) != 1:
        raise BadInputError("more than one statement", hint="ask one after the other")
    known = {(zone_of_lake(c), c.table): c for c in contracts if c.layer in READABLE and c.layer != "live"}
    found = {}
    for schema, table in _named(told):
        for place in [schema] if schema else _SCHEMAS:
            if contract := known.get((place, table)):
                found[contract.id] = contract
                break
    return list(found.values())


def _named(node: object) -> Iterable[tuple[str, str]]:
    if isinstance(node, dict):
        if node.get("type") == "BASE_TABLE":
            yield node["schema_name"].lower(), node["table_name"].lower()
        node = list(node.values())
    if isinstance(node, list):
        for each in node:
            yield from _named(each)


def _run(db: duckdb.DuckDBPyConnection, sql: str, most_rows: int) -> Answer:
    try:
        cursor = db.execute(sql)
        rows = cursor.fetchmany(most_rows + 1)
    except duckdb.Error as error:
        raise BadInputError(str(error), hint="`lakehouse query --tables` lists tables and columns") from error
    return Answer(tuple(column[0] for column in cursor.description), rows[:most_rows], len(rows) > most_rows)
