"""Rows that keep their contract, made from the contract itself, for tests to break one thing of."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pyarrow as pa

from lakehouse.contracts import Contract, Field, registry
from lakehouse.contracts.project import arrow_schema, clean_fields

_WITH_A_PATTERN = {"contract_version": "1.0.0", "price_currency": "KRW", "country_code": "KR", "language_code": "ko"}


def clean_rows(contract: Contract, day: date, count: int = 40, start: int = 0) -> list[dict]:
    """`count` rows of a clean table on `day`, numbered from `start`; the event types of a stream take turns."""
    fields = clean_fields(contract, registry().vocabulary)
    return [_row(contract, fields, day, start + n) for n in range(count)]


def clean_table(contract: Contract, rows: list[dict]) -> pa.Table:
    schema = arrow_schema(clean_fields(contract, registry().vocabulary))
    return pa.Table.from_pylist(rows, schema=pa.schema([f.with_nullable(True) for f in schema]))


def curated_row(contract: Contract, day: date, number: int) -> dict:
    """Where days are all that tells rows apart, each row has its own."""
    if all(contract.field(name).type == "date" for name in contract.primary_key):
        day -= timedelta(days=number)
    return {f.name: _value(f, day, number) for f in contract.fields}


def _row(contract: Contract, fields: tuple[Field, ...], day: date, number: int) -> dict:
    row = {f.name: _value(f, day, number) for f in fields}
    if contract.event_types:
        name, needed = contract.event_types[number % len(contract.event_types)]
        own = {"event_type", *needed, *(f.name for f in contract.fields if f.required)}
        row["event_type"] = name
        for f in contract.fields:
            if f.name not in own and f.treatment != "drop":
                row[f.becomes or f.name] = None
    return row


def _value(field: Field, day: date, number: int):
    noon = datetime.combine(day, time(3), UTC) + timedelta(milliseconds=number)  # noon in Seoul
    if field.name == "event_id":
        return f"event-{number:010d}"
    if field.name in _WITH_A_PATTERN:
        return _WITH_A_PATTERN[field.name]
    if field.values:
        return field.values[number % len(field.values)]
    if field.type in ("integer", "float", "decimal"):
        low = field.minimum or 0
        value = low + number % ((field.maximum or low + 1000) - low + 1)
        return int(value) if field.type == "integer" else Decimal(int(value)) if field.type == "decimal" else float(value)
    return {
        "text": f"{field.name}-{number}",
        "boolean": number % 2 == 0,
        "timestamp": noon,
        "date": day,
        "text_list": [f"{field.name}-{number}"],
    }[field.type]
