"""What is checked: the tables of a stage, made readable under one in-memory DuckDB.

clean    Delta live files  ─▶ view clean.<table>       (an empty one where nothing has been refined yet)
curated  warehouse file    ─▶ attached, read only
"""

from collections.abc import Callable
from dataclasses import dataclass

from pyarrow import parquet

from lakehouse.business_day import BUSINESS_TIMEZONE
from lakehouse.contracts import Contract, Field, Registry
from lakehouse.contracts.project import clean_fields
from lakehouse.errors import BadInputError
from lakehouse.model.publish import view_sql
from lakehouse.places import CLEAN_SCHEMA, CURATED_SCHEMA, FEATURES_SCHEMA, clean_table
from lakehouse.storage.protocols import TableStore

STAGES = ("clean", "curated")
_SCHEMAS = {"curated": CURATED_SCHEMA, "features": FEATURES_SCHEMA}

Query = Callable[[str], list[tuple]]


@dataclass(frozen=True)
class Dataset:
    """A table as the gate reads it.

    fields    the columns that it should have and has; none where the stage that should have made it has not
    relation  its name in SQL
    day       SQL for a row's business day; None where rows belong to no day, so that volume and history say nothing
    moment    SQL for the moment a row speaks of; None likewise
    refers    (column, relation, key): where the column's values must be found
    """

    contract: Contract
    fields: tuple[Field, ...]
    relation: str
    day: str | None
    moment: str | None
    refers: tuple[tuple[str, str, str], ...] = ()


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
    paths = tables.files(clean_table(contract.domain, contract.table))
    query(view_sql(contract, fields, {path: tuple(parquet.read_schema(path).names) for path in paths}))
    relation = f"{CLEAN_SCHEMA}.{contract.table}"
    if contract.layer == "stream":
        return Dataset(contract, fields, relation, "dt", f'"{contract.event_time}"')
    # A table is as fresh as its newest snapshot; its rows may well be old.
    return Dataset(contract, fields, relation, None, "received_at")


def curated_datasets(query: Query, catalog: str, members: list[Contract]) -> list[Dataset]:
    """`catalog`: the name that the warehouse is attached under."""
    there: dict[str, set[str]] = {}
    for schema, table, column in query(
        f"select schema_name, table_name, column_name from duckdb_columns() where database_name = '{catalog}'"
    ):
        there.setdefault(f'"{catalog}"."{schema}"."{table}"', set()).add(column)
    return [_curated(contract, catalog, there) for contract in members]


def _curated(contract: Contract, catalog: str, there: dict[str, set[str]]) -> Dataset:
    relation = f'"{catalog}"."{_SCHEMAS[contract.layer]}"."{contract.table}"'
    fields = tuple(f for f in contract.fields if f.name in there.get(relation, ()))
    if not fields:
        return Dataset(contract, (), "(select 1 as nothing where false)", None, None)
    targets = [(f.name, *f.references.split(".")) for f in fields if f.references]
    refers = tuple(
        (c, target, key) for c, table, key in targets if key in there.get(target := f'"{catalog}"."{CURATED_SCHEMA}"."{table}"', ())
    )
    time = next((f for f in fields if f.name == contract.event_time), None)
    if time is None:
        return Dataset(contract, fields, relation, None, None, refers)
    column = f'"{time.name}"'
    if time.type == "date":
        # Of a day that is over, the newest moment is its end.
        return Dataset(contract, fields, relation, column, f"timezone('{BUSINESS_TIMEZONE}', ({column} + 1)::timestamp)", refers)
    # Features are known at the midnight that ends the day they describe.
    shown = f"{column} - interval 1 microsecond" if contract.layer == "features" else column
    return Dataset(contract, fields, relation, f"timezone('{BUSINESS_TIMEZONE}', {shown})::date", column, refers)
