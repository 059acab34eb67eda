"""Clean tables as DuckDB reads them: one view each, over the live Parquet files of the Delta table.

    TableStore.files() ─▶ which columns has each file? (footers, read once a file) ─▶ create or replace view clean.<table>

DuckDB reads files by their paths three times faster than through a dataset. A view names its files, so that a build sees
one version of the lake from its first query to its last. Files written before a column existed give null for it; a table
that does not exist yet is an empty view, so that every model can be built on the first day.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType

import duckdb
import pyarrow.parquet as pq

from lakehouse.contracts.model import Contract, Field
from lakehouse.contracts.project import clean_fields, duckdb_columns
from lakehouse.contracts.registry import Registry
from lakehouse.places import CLEAN_SCHEMA, MONITORING_SCHEMA, clean_table
from lakehouse.privacy.naming import naming_in_clean
from lakehouse.storage.literals import literals
from lakehouse.storage.protocols import TableStore

_FILES = f"{MONITORING_SCHEMA}._clean_files"


def publish(warehouse: duckdb.DuckDBPyConnection, contracts: Registry, tables: TableStore, restricted: Collection[str] = ()) -> None:
    """Make clean.<table> of every contract that has one show what the lake holds now, and nothing but the contract's columns.
    `restricted`: pseudonyms of people whose rows are kept and not used; a mention of them in somebody else's row is left empty."""
    warehouse.execute(f"create schema if not exists {CLEAN_SCHEMA}")
    warehouse.execute(f"create schema if not exists {MONITORING_SCHEMA}")
    warehouse.execute(f"create table if not exists {_FILES} (table_name varchar, path varchar, column_names varchar[])")
    for contract in contracts.clean:
        files = tables.files(clean_table(contract.domain, contract.table))
        known = _columns_of(warehouse, contract, files)
        named = naming_in_clean(contract, contracts.vocabulary) if restricted else {}
        warehouse.execute(view_sql(contract, clean_fields(contract, contracts.vocabulary), known, named, restricted))


def _columns_of(warehouse: duckdb.DuckDBPyConnection, contract: Contract, files: list[str]) -> dict[str, tuple[str, ...]]:
    """File → its columns. A file never changes, so its footer is read once; files that are gone are forgotten."""
    held = warehouse.execute(f"select path, column_names from {_FILES} where table_name = ?", [contract.table]).fetchall()
    before = {path: tuple(names) for path, names in held}
    new = {path: tuple(pq.read_schema(path).names) for path in files if path not in before}
    rows = [(contract.table, path, list(names)) for path, names in new.items()]
    if rows:
        warehouse.executemany(f"insert into {_FILES} values (?, ?, ?)", rows)
    gone = [(contract.table, path) for path in before.keys() - set(files)]
    if gone:
        warehouse.executemany(f"delete from {_FILES} where table_name = ? and path = ?", gone)
    return {path: new.get(path) or before[path] for path in files}


def view_sql(
    contract: Contract,
    fields: tuple[Field, ...],
    columns: dict[str, tuple[str, ...]],
    named: Mapping[str, bool] = MappingProxyType({}),
    restricted: Collection[str] = (),
) -> str:
    """`columns`: each live file and the columns it has, dt apart, which is in its path. `named`: the columns that name people, and
    whether a row is about whom they name."""
    groups: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for path, names in columns.items():
        groups[names].append(path)
    selects = [_select(fields, {*names, "dt"}, sorted(paths)) for names, paths in sorted(groups.items())]
    body = "\nunion all\n".join(selects or [_select(fields, set(), [])])
    if named and restricted:
        listed = ", ".join(f"'{pid}'" for pid in sorted(restricted))
        mentions = [f'case when "{n}" not in ({listed}) then "{n}" end as "{n}"' for n, is_whole in named.items() if not is_whole]
        kept = " and ".join(f'("{n}" is null or "{n}" not in ({listed}))' for n, is_whole in named.items() if is_whole)
        replaced = f" replace ({', '.join(mentions)})" if mentions else ""
        body = f"select *{replaced} from (\n{body}\n) where {kept or 'true'}"
    return f"create or replace view {CLEAN_SCHEMA}.{contract.table} as\n{body}"


def _select(fields: tuple[Field, ...], present: Iterable[str], paths: list[str]) -> str:
    types = duckdb_columns(fields)
    columns = ", ".join(f'"{n}"' if n in present else f'cast(null as {t}) as "{n}"' for n, t in types.items())
    if not paths:
        return f"select {columns} where false"
    return f"select {columns} from read_parquet([{literals(paths)}], hive_partitioning = true, hive_types = {{'dt': date}})"
