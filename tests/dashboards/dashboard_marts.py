"""Curated tables full of rows that keep their contracts, made without dbt in a second: what dashboards are tried on.

contract ─▶ rows by the types, bounds and values of its fields ─▶ a DuckDB file as `lakehouse model` would leave one

Some texts are hostile: they hold markup that would leave its place in a page. Every tenth value that may be missing is.
"""

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa

from lakehouse.contracts.model import Contract, Field
from lakehouse.contracts.project import arrow_schema, duckdb_columns
from lakehouse.contracts.registry import Registry

HOSTILE = "</script><img src=x onerror=\"document.title='broken'\">'&"
FIRST, DAYS, ROWS = date(2025, 11, 3), 21, 400
ORGS = (3, 7)


def build(file: Path, contracts: Registry, *, is_empty: bool = False) -> Path:
    """Every curated table of the contracts, with rows or without."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(file)) as connection:
        connection.execute("create schema curated")
        for contract in contracts.layer("curated"):
            columns = ", ".join(f"{name} {kind}" for name, kind in duckdb_columns(contract.fields).items())
            connection.execute(f"create table curated.{contract.table} ({columns})")
            rows = [] if is_empty else _rows(contract, contracts)
            if rows:
                schema = arrow_schema(tuple(field.also(required=False) for field in contract.fields))
                made = pa.Table.from_pylist([dict(zip(contract.names, row)) for row in rows], schema)
                connection.register("made", made)
                connection.execute(f"insert into curated.{contract.table} select * from made")
    return file


def _rows(contract: Contract, contracts: Registry) -> list[list]:
    chance = random.Random(contract.id)
    made: dict[tuple, list] = {}
    for number in range(ROWS):
        row = [_value(field, contract, contracts, chance, number) for field in contract.fields]
        key = tuple(value for field, value in zip(contract.fields, row) if field.name in contract.primary_key)
        made.setdefault(key, row)
    return list(made.values())


def _value(field: Field, contract: Contract, contracts: Registry, chance: random.Random, number: int) -> object:
    is_key = field.name in contract.primary_key
    if not field.required and not is_key and chance.random() < 0.1:
        return None
    if field.name == "zone_id":
        return contracts.zones[number % len(contracts.zones)].zone_id
    if field.name == "org_id":
        return (number + 1) if is_key and contract.table.startswith("dim_") else chance.choice(ORGS)
    if field.name == "price_currency":
        return chance.choice(["KRW", "USD"])
    if field.name.endswith("_id") and field.type == "text":
        name = f"{field.name}-{chance.randrange(4)}" if field.name in ("exam_id", "content_id", "campaign_id") else f"{field.name}-{number}"
        return HOSTILE if name in ("content_id-0", "campaign_id-0") else name
    match field.type:
        case "text":
            return chance.choice(field.values or (f"{field.name} a", f"{field.name} b", HOSTILE))[: field.max_length or 256]
        case "integer":
            low, high = field.minimum or 0, min(field.maximum or 90, (field.minimum or 0) + 90)
            return chance.randint(int(low), int(high))
        case "float":
            low, high = field.minimum or 0, min(field.maximum or 5_000, 5_000)
            return chance.uniform(low, high)
        case "decimal":
            return Decimal(chance.randrange(0, 99_999_999)) / 1_000
        case "boolean":
            return chance.random() < 0.3
        case "date":
            return FIRST + timedelta(days=chance.randrange(DAYS))
        case "timestamp":
            return datetime(2025, 11, 3, tzinfo=UTC) + timedelta(hours=chance.randrange(DAYS * 24))
    return [f"{field.name} x"]
