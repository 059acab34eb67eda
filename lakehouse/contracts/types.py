"""Logical types and each engine's spelling of them: one table, so that no two engines can disagree."""

import datetime
import decimal
from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Spelling:
    """How one logical type is written. `json_types` are DuckDB's json_type() answers that a valid value may have."""

    odcs: str
    json_schema: dict
    python: type
    arrow: pa.DataType
    duckdb: str
    bigquery: str
    json_types: tuple[str, ...]


TYPES: dict[str, Spelling] = {
    "text": Spelling("string", {"type": "string"}, str, pa.string(), "VARCHAR", "STRING", ("VARCHAR",)),
    "integer": Spelling("integer", {"type": "integer"}, int, pa.int64(), "BIGINT", "INT64", ("BIGINT", "UBIGINT")),
    "float": Spelling("number", {"type": "number"}, float, pa.float64(), "DOUBLE", "FLOAT64", ("DOUBLE", "BIGINT", "UBIGINT")),
    "decimal": Spelling(
        "number",
        {"type": ["number", "string"], "format": "decimal"},
        decimal.Decimal,
        pa.decimal128(18, 6),
        "DECIMAL(18,6)",
        "NUMERIC",
        ("DOUBLE", "BIGINT", "UBIGINT", "VARCHAR"),
    ),
    "boolean": Spelling("boolean", {"type": "boolean"}, bool, pa.bool_(), "BOOLEAN", "BOOL", ("BOOLEAN",)),
    "timestamp": Spelling(
        "timestamp",
        {"type": "string", "format": "date-time"},
        datetime.datetime,
        pa.timestamp("us", tz="UTC"),
        "TIMESTAMPTZ",
        "TIMESTAMP",
        ("VARCHAR",),
    ),
    "date": Spelling("date", {"type": "string", "format": "date"}, datetime.date, pa.date32(), "DATE", "DATE", ("VARCHAR",)),
    "text_list": Spelling(
        "array",
        {"type": "array", "items": {"type": "string"}},
        list[str],
        pa.list_(pa.string()),
        "VARCHAR[]",
        "ARRAY<STRING>",
        ("ARRAY",),
    ),
}

# What an inline property of a contract may say, in the standard's own words.
FROM_ODCS = {
    "string": "text",
    "integer": "integer",
    "number": "float",
    "boolean": "boolean",
    "timestamp": "timestamp",
    "date": "date",
    "array": "text_list",
}
