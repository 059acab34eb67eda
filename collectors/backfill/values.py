"""Texts of a CSV → values as JSON has them, by the type that the contract gives a field.

"3,5" ─▶ Unusable("minutes is no number")      "0.5" of a decimal ─▶ "0.5"      "yes" of a boolean ─▶ true
"""

import hashlib
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from collectors.backfill.located import Located
from collectors.backfill.sheets import Unusable
from lakehouse.contracts.model import Field

_TRUE, _FALSE = frozenset({"1", "true", "yes", "y", "t"}), frozenset({"0", "false", "no", "n", "f"})


def digest(*parts: str) -> str:
    """32 hexadecimal digits; the parts cannot run into one another."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]


def moment(when: datetime) -> str:
    """ISO 8601, in UTC."""
    return when.astimezone(UTC).isoformat().replace("+00:00", "Z")


def factor(spec: Located, key: str, default: int) -> Decimal:
    """A number of the mapping, exact. Raises MappingError."""
    try:
        return Decimal(str(spec.get(key, default)))
    except InvalidOperation:
        raise spec.error(f"`{key}` must be a number", key) from None


def parsed(text: str, column: str | None) -> Decimal:
    """Raises Unusable."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise Unusable(f"{column} is no number")
    return number


def as_number(number: Decimal, column: str | None, field: Field | None) -> Any:
    """As JSON has it: whole numbers for integers (and where no field is given), text for decimals (exact), otherwise a float.

    Raises Unusable where a whole number is asked for, and it is none.
    """
    if field is not None and field.type == "decimal":
        return format(number, "f")
    if field is not None and field.type == "float":
        return float(number)
    if number != number.to_integral_value():
        raise Unusable(f"{column} is no whole number")
    return int(number)


def _boolean(text: str, column: str, field: Field, zone: ZoneInfo | None) -> bool:
    if text.lower() not in _TRUE | _FALSE:
        raise Unusable(f"{column} is neither yes nor no")
    return text.lower() in _TRUE


def _iso(text: str, column: str, field: Field, zone: ZoneInfo | None) -> str:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise Unusable(f"{column} is no ISO 8601 moment; `timestamp:` with `format:` reads others") from None
    return moment(when if when.tzinfo else when.replace(tzinfo=zone))


CONVERT = {  # logical type → (text, column, field, time zone) → value
    "text": lambda text, column, field, zone: text,
    "date": lambda text, column, field, zone: text,
    "integer": lambda text, column, field, zone: as_number(parsed(text, column), column, field),
    "float": lambda text, column, field, zone: as_number(parsed(text, column), column, field),
    "decimal": lambda text, column, field, zone: as_number(parsed(text, column), column, field),
    "boolean": _boolean,
    "timestamp": _iso,
    "text_list": lambda text, column, field, zone: [part.strip() for part in text.split(";") if part.strip()],
}
