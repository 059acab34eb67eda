"""A reader's own SQL over what the policy gives them, and over nothing else.

    SQL ─▶ one SELECT? which tables? ─▶ an empty database in memory ◀─ seen() of each ◀─ warehouse, clean (read-only)
                                          │ detach, no decrypted(), no files, no extensions, no Python variables, settings locked
                                          └─▶ the SQL runs

What a reader may not see is not hidden from their SQL: it is not in the process. So no list of forbidden functions has to
be complete. What it costs is a copy of the rows that they may see, of the tables that they name.

Restricted columns (columns.py) come in clear to whoever sees them: decrypted on their way into the tables, where the SQL reads
them, and by nothing that the SQL could call.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import duckdb
import pyarrow as pa

from lakehouse import places
from lakehouse.access.open import access_secret
from lakehouse.contracts.model import Contract
from lakehouse.contracts.project import ciphertexts, duckdb_columns
from lakehouse.contracts.registry import Registry
from lakehouse.errors import BadInputError
from lakehouse.privacy.access import READABLE, Sight, access, columns_of, zone_of_lake
from lakehouse.privacy.columns import decrypting
from lakehouse.privacy.hidden import hidden_people
from lakehouse.privacy.reader_sql import LOCKS, columns_read, tables_named
from lakehouse.privacy.reading import Looks
from lakehouse.privacy.roles import Reader
from lakehouse.privacy.views import HIDDEN, salt_of, seen
from lakehouse.settings import Settings
from lakehouse.storage.literals import literal, literals
from lakehouse.storage.open import open_files, open_tables, open_vault, open_warehouse
from lakehouse.storage.protocols import TableStore
from lakehouse.storage.warehouse import patiently

_SCHEMAS = (places.CURATED_SCHEMA, places.FEATURES_SCHEMA, places.CLEAN_SCHEMA, places.MONITORING_SCHEMA)
_WAREHOUSE = "warehouse"


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
        fill(db, settings, contracts, looks.reader, named, sql)
        _let_go(db)
        for lock in LOCKS:
            db.execute(f"set {lock}")
        return _run(db, sql, most_rows)


@contextmanager
def shown(
    settings: Settings, contracts: Registry, looks: Looks, action: str, wanted: Iterable[Contract]
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database of views, as this reader sees these datasets: for SQL of our own, which is no reader's, and copies nothing.

    For the same reason decrypted() may stay callable while it is open: it decrypts what our SQL asks for, and no more.
    """
    wanted = list(wanted)
    for contract in wanted:
        looks.require(action, contract, contracts)
    looks.at(action, [c.id for c in wanted])
    with duckdb.connect() as db, decrypting(db, partial(open_vault, settings)):
        _make(db, "view", settings, contracts, looks.reader, {c: _restricted(c, contracts, looks.reader) for c in wanted})
        yield db


def readable(contracts: Registry, reader: Reader) -> list[Contract]:
    """What this reader may query, as far as it is in the warehouse or in clean."""
    found = [c for c in contracts if c.layer in READABLE and c.layer != "live"]
    return [c for c in found if reader.may_read(c, access(c, contracts))]


def fill(
    db: duckdb.DuckDBPyConnection,
    settings: Settings,
    contracts: Registry,
    reader: Reader,
    wanted: Iterable[Contract],
    sql: str | None = None,
) -> None:
    """Bring what the reader may see of these into `db`, as tables. `sql`: what will be asked of them; a restricted column that it does
    not read stays encrypted. Raises KeyGoneError and CorruptError where a value cannot be decrypted."""
    opened = {c: _restricted(c, contracts, reader) for c in wanted}
    if sql is not None and any(opened.values()):
        tables = {(zone_of_lake(c), c.table): _kinds(c, contracts, reader) for c in opened}
        read = columns_read(sql, tables, _SCHEMAS)
        opened = {c: names & read[zone_of_lake(c), c.table] for c, names in opened.items()}
    with decrypting(db, partial(open_vault, settings)):
        _make(db, "table", settings, contracts, reader, opened)


def _restricted(contract: Contract, contracts: Registry, reader: Reader) -> frozenset[str]:
    """The columns that hold ciphertext, and that this reader sees in clear."""
    sights = reader.sights(access(contract, contracts))
    held = ciphertexts(columns_of(contract, contracts), contracts.vocabulary)
    return frozenset(name for name in held if sights.get(name) is Sight.SHOW)


def _kinds(contract: Contract, contracts: Registry, reader: Reader) -> dict[str, str]:
    sights = reader.sights(access(contract, contracts))
    return duckdb_columns(tuple(f for f in columns_of(contract, contracts) if f.name in sights))


def _make(
    db: duckdb.DuckDBPyConnection,
    kind: str,
    settings: Settings,
    contracts: Registry,
    reader: Reader,
    opened: Mapping[Contract, Collection[str]],
) -> None:
    """Tables of what the reader may see, or views of where it is. `opened`: the columns of each that are decrypted."""
    salt = salt_of(access_secret(settings), reader)
    people = pa.table({"pid": pa.array(sorted(hidden_people(open_files(settings))), pa.string())})
    db.register("people", people)
    db.execute(f"create temp table {HIDDEN} as select * from people")
    db.unregister("people")
    db.execute("set TimeZone = 'UTC'")
    for schema in _SCHEMAS:
        db.execute(f"create schema if not exists {schema}")
    sources = {c: _source(c, contracts, settings) for c in opened}
    if any(source.startswith(f"{_WAREHOUSE}.") for source in sources.values()):
        _attach(db, open_warehouse(settings))
    for contract, source in sources.items():
        what = seen(columns_of(contract, contracts), access(contract, contracts), reader, source, salt, opened[contract])
        try:
            db.execute(f"create {kind} {zone_of_lake(contract)}.{contract.table} as {what}")
        except duckdb.CatalogException as error:
            raise BadInputError(f"the warehouse has no {contract.id}", hint="run `lakehouse model` first") from error
    db.execute(f"set search_path = '{','.join(_SCHEMAS)}'")


def _attach(db: duckdb.DuckDBPyConnection, path: Path) -> None:
    if not path.exists():
        raise BadInputError(f"there is no warehouse in {path.parent.parent.absolute()}", hint="run `lakehouse model` or `make demo` first")
    patiently(lambda: db.execute(f"attach {literal(str(path))} as {_WAREHOUSE} (read_only)"), path)


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
    return f"({empty} union all by name from read_parquet([{literals(files)}], hive_partitioning = true, union_by_name = true))"


def _tables(db: duckdb.DuckDBPyConnection, sql: str, contracts: Registry) -> list[Contract]:
    """The datasets that a SELECT names. Names of nothing are left to DuckDB, which says so in its own words."""
    known = {(zone_of_lake(c), c.table): c for c in contracts if c.layer in READABLE and c.layer != "live"}
    found = {}
    for schema, table in tables_named(db, sql):
        for place in [schema] if schema else _SCHEMAS:
            if contract := known.get((place, table)):
                found[contract.id] = contract
                break
    return list(found.values())


def _run(db: duckdb.DuckDBPyConnection, sql: str, most_rows: int) -> Answer:
    try:
        cursor = db.execute(sql)
        rows = cursor.fetchmany(most_rows + 1)
    except duckdb.Error as error:
        raise BadInputError(str(error), hint="`lakehouse query --tables` lists tables and columns") from error
    return Answer(tuple(column[0] for column in cursor.description), rows[:most_rows], len(rows) > most_rows)
