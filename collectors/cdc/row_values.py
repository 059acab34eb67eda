"""A column's value, as Debezium writes it, as the contract's type has it.

    numeric "88.50" ─ float ─▶ 88.5          date "2025-11-23Z" ─ date ─▶ "2025-11-23"          uuid, jsonb, text ─▶ text
            "88.50" ─ decimal ─▶ "88.50"     timestamptz "2025-11-23T01:00:00.123456Z" ─ timestamp ─▶ as it is

Debezium is told (engine.py) to write times as ISO texts and decimals as text, so that no value's meaning depends on a schema
that is not sent. A value that has no such form goes on as it is: refine judges it, and seals it as a dead letter.
"""

import math
from collections.abc import Callable
from typing import Any

from lakehouse.contracts.model import Contract


def _integer(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            return value
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _float(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        number = float(value)
    except ValueError:
        return value
    return number if math.isfinite(number) else value


def _decimal(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _date(value: Any) -> Any:
    return value.removesuffix("Z") if isinstance(value, str) else value


def _text_list(value: Any) -> Any:
    return [str(v) for v in value if v is not None] if isinstance(value, list) else value


def _same(value: Any) -> Any:
    return value


_Written = tuple[type | None, Callable[[Any], Any]]
_WRITTEN: dict[str, _Written] = {
    "integer": (int, _integer),
    "float": (float, _float),
    "decimal": (str, _decimal),
    "text": (str, _text),
    "boolean": (bool, _same),
    "timestamp": (str, _same),
    "date": (None, _date),
    "text_list": (None, _text_list),
}


def written(contract: Contract) -> dict[str, _Written]:
    """Field → (Python type whose values are as they should be, how any other value is written)."""
    return {f.name: _WRITTEN[f.type] for f in contract.fields if f.type in _WRITTEN}


UNKNOWN: _Written = (None, _same)
"""For a column that no contract knows."""
