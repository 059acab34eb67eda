"""What is checked: the tables of a stage, made readable under one in-memory DuckDB.

clean    Delta live files  ─▶ view clean.<table>       (an empty one where nothing has been refined yet)
curated  warehouse file    ─▶ attached, read only
"""

from collections.abc import Callable
from dataclasses import dataclass

from lakehouse.business_day import BUSINESS_TIMEZONE
from lakehouse.contracts import Contract, Field, Registry
from lakehouse.contracts.project import clean_fields, duckdb_columns
from lakehouse.errors import BadInputError
from lakehouse.places import CLEAN_SCHEMA, CURATED_SCHEMA, FEATURES_SCHEMA, clean_table
from lakehouse.storage.protocols import TableStore

STAGES = ("clean", "curated")
_SCHEMAS = {"curated": CURATED_SCHEMA, "features": FEATURES_SCHEMA}

Query = Callable[[str], list[tuple]]


@dataclass(frozen=True)
class Dataset:
    """A table as the gate reads it.

    relation  its name in SQL
    day       SQL for a row's business day; None where rows belong to no day, so that volume and history say nothing
    moment    SQL for the moment a row speaks of; None likewise
    refers    (column, relation, key): where the column's values must be found
    exists    False where a stage that should have made the table has not
    """

    contract: Contract
    fields: tuple[Field, ...]
    relation: str
    day: str | None
    moment: str | None
    refers: tuple[tuple[str, str, str], ...] = ()
    exists: bool = True


def contracts_of(stage: str, contracts: Registry, only: list[str]) -> list[Contract]:
    """The contracts of a stage, or those of `only` (ids or table names). Raises BadInputError that lists what there is."""
    members = contracts.ingested if stage == "clean" else contracts.layer("curated", "features")
    if not only:
        return members
    chosen = [c for c in members if c.id in only or c.table in only]
    missing = [name for name in only if not any(name in (c.id, c.table) for c in chosen)]
    if missing:
        raise BadInputError(f"{stage} has no dataset {', '.join(missing)}", hint=f"there are {', '.join(c.id for c in members)}")
    return chosen


def clean_datasets(query: Query, tables: TableStore, contracts: Registry, members: list[Contract]) -> list[Dataset]:
    query(f"create schema if not exists {CLEAN_SCHEMA}")
    return [_clean(query, tables, contract, clean_fields(contract, contracts.vocabulary)) for contract in members]


def _clean(query: Query, tables: TableStore, contract: Contract, fields: tuple[Field, ...]) -> Dataset:
    relation = f'{CLEAN_SCHEMA}."{contract.table}"'
    stored = clean_table(contract.domain, contract.table)
    files, schema = tables.files(stored), tables.schema(stored)
    types = duckdb_columns(fields)
    here = set(schema.names) if schema and files else set()
    # An optional field that is new to the contract comes into the table with the next rows; until then it is empty.
    ours = [f'"{f.name}"' if f.name in here else f'null::{types[f.name]} as "{f.name}"' for f in fields if f.name in here or not f.required]
    if here:
        paths = ", ".join("'" + path.replace("'", "''") + "'" for path in files)
        # A file that is older than a column does not hold it.
        rows = f"read_parquet([{paths}], union_by_name = true, hive_partitioning = true, hive_types = {{'dt': DATE}})"
        query(f"create or replace view {relation} as select {', '.join(ours)} from {rows}")
    else:
        empty = ", ".join(f'null::{kind} as "{name}"' for name, kind in types.items())
        query(f"create or replace view {relation} as select {empty} where false")
    # A stream is as fresh as what it tells of; of a table's snapshot, the rows may well be old.
    moment = contract.event_time if contract.layer == "stream" else "received_at"
    known_when = not here or moment in here
    return Dataset(contract, fields, relation, "dt" if contract.layer == "stream" else None, f'"{moment}"' if known_when else None)


def curated_datasets(query: Query, catalog: str, members: list[Contract]) -> list[Dataset]:
    """`catalog`: the name that the warehouse is attached under."""
    there = query(
        f"select schema_name, table_name from duckdb_tables() where database_name = '{catalog}' "
        f"union all select schema_name, view_name from duckdb_views() where database_name = '{catalog}'"
    )
    relations = {(schema, table): f'"{catalog}"."{schema}"."{table}"' for schema, table in there}
    return [_curated(contract, relations) for contract in members]


def _curated(contract: Contract, relations: dict[tuple[str, str], str]) -> Dataset:
    relation = relations.get((_SCHEMAS[contract.layer], contract.table))
    if relation is None:
        return Dataset(contract, contract.fields, "(select 1 as nothing where false)", None, None, exists=False)
    targets = [(f.name, *f.references.split(".")) for f in contract.fields if f.references]
    refers = tuple((c, relations[CURATED_SCHEMA, table], key) for c, table, key in targets if (CURATED_SCHEMA, table) in relations)
    if contract.event_time is None:
        return Dataset(contract, contract.fields, relation, None, None, refers)
    column = f'"{contract.event_time}"'
    if contract.field(contract.event_time).type == "date":
        # Of a day that is over, the newest moment is its end.
        return Dataset(contract, contract.fields, relation, column, f"timezone('{BUSINESS_TIMEZONE}', ({column} + 1)::timestamp)", refers)
    # Features are known at the midnight that ends the day they describe.
    shown = f"{column} - interval 1 microsecond" if contract.layer == "features" else column
    return Dataset(contract, contract.fields, relation, f"timezone('{BUSINESS_TIMEZONE}', {shown})::date", column, refers)
