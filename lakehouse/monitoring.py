"""Monitoring tables: what a run of the platform found or did, as rows that a contract describes, in the warehouse.

    rows of a run ─▶ record(): what the same run said before is replaced ─▶ monitoring.<table>

A column that the contract got since is added. No value of a person is ever in them.
"""

from collections.abc import Iterable, Mapping

import duckdb

from lakehouse.contracts.model import Contract
from lakehouse.contracts.project import duckdb_columns
from lakehouse.places import MONITORING_SCHEMA


def record(
    db: duckdb.DuckDBPyConnection, contract: Contract, rows: Iterable[Mapping[str, object]], replacing: Mapping[str, object]
) -> None:
    """Put `rows` in the place of those that have the values of `replacing`, in one transaction. A value may be a list: any of it."""
    table, types = make(db, contract), duckdb_columns(contract.fields)
    same = " and ".join(f"list_contains(?, {name})" if isinstance(value, list) else f"{name} = ?" for name, value in replacing.items())
    values = [[row.get(name) for name in types] for row in rows]
    db.execute("begin")
    db.execute(f"delete from {table} where {same}", list(replacing.values()))
    if values:
        db.executemany(f"insert into {table} ({', '.join(types)}) values ({', '.join('?' for _ in types)})", values)
    db.execute("commit")


def make(db: duckdb.DuckDBPyConnection, contract: Contract) -> str:
    """The table as its contract says, made or widened where it is not; returns its name in SQL."""
    table, types = f'{MONITORING_SCHEMA}."{contract.table}"', duckdb_columns(contract.fields)
    db.execute(f"create schema if not exists {MONITORING_SCHEMA}")
    db.execute(f"create table if not exists {table} ({', '.join(f'{name} {kind}' for name, kind in types.items())})")
    for name, kind in types.items():
        db.execute(f"alter table {table} add column if not exists {name} {kind}")
    return table
