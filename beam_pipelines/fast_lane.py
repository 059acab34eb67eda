"""The fast lane: one DuckDB query, made from the contract, that reads a batch of payloads and vouches for most of them.

    payloads ─▶ SELECT … made by query(contract) ─▶ values, and for each payload: vouched for, or not
                                                        not ─▶ lakehouse.judge, which decides (judging.py)

The query never rejects. It vouches only for a payload that the door would certainly accept, with the same values; it
may doubt a good one, which then costs a few microseconds more. So the two can differ in speed and never in strictness,
and there is one list of verdicts. tests/beam/test_agreement.py holds it to that, on payloads made from every contract.
"""

import json
from collections.abc import Iterable

from lakehouse.contracts.model import MAX_TEXT, Contract, Field
from lakehouse.contracts.types import TYPES
from lakehouse.judge import CLOCK_TOLERANCE, EARLIEST, MAX_PAYLOAD_BYTES
from lakehouse.storage.literals import literal

_MOMENT = r"\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)"
_DAY = r"\d{4}-\d\d-\d\d"
_DECIMAL = r'"?-?[0-9]{1,11}(?:\.[0-9]{1,6})?"?'
_PLAIN_LIST = r'\[(?:"[^"\\]*"(?:,"[^"\\]*")*)?\]'
_LAST_COMMA = r",\s*\}\s*$"
_LIST_COMMA = r",\s*\]"
_FLAT = r"\s*\{[^{\[]*\}\s*"
_LAX_NUMBER = r"(?i):\s*[+-]?(?:nan|inf)|[0-9]e[+-]?[0-9]"
_FIRST_MICROSECOND = -62_135_510_400_000_000  # 2 January of the year 1: Python's calendar has no year 0, whatever the offset
_READ_AS = {"integer": "BIGINT", "float": "DOUBLE", "boolean": "BOOLEAN", "text_list": ["VARCHAR"]}
# Python's classes know all of Unicode, RE2's ASCII: that is stricter, but laxer where a class is negated.
_NOT_PORTABLE = (r"\D", r"\W", r"\S", r"\b", r"\B", "(?")


def kept_fields(contract: Contract) -> tuple[Field, ...]:
    """The fields whose values the query brings: all but those that are dropped on the way to clean."""
    return tuple(f for f in contract.fields if f.treatment != "drop")


def query(contract: Contract, carried: tuple[str, ...] = ()) -> str:
    """SQL over a table `batch(row BIGINT, event_id VARCHAR, received_us BIGINT, skew_us BIGINT, payload VARCHAR)`: one
    answer a row. Times come as they are written; they are held against the limits less the skew.

    Columns: kept_fields() (timestamps as microseconds since 1970); event_key; is_vouched; `names`, all names of the
    payload where one is not the contract's or is there twice, and NULL otherwise; `row`, since several
    threads answer in no particular order; and what else of `batch` is to be `carried` along.
    """
    values = ", ".join(f"{_value(f)} AS {_name(f.name)}" for f in kept_fields(contract))
    return f"""
        SELECT {values},
            (md5_number_lower(event_id) >> 1)::BIGINT AS event_key,
            coalesce({" AND ".join(_conditions(contract))}, false) AS is_vouched,
            CASE WHEN has_others THEN json_keys(text) END AS names,
            {", ".join(("row", *carried))}
        FROM (SELECT *, {_has_others(contract)} AS has_others FROM (
            SELECT * EXCLUDE (payload),
                json_transform(text, {literal(_structure(contract, _READ_AS))}) AS v,
                json_transform(text, {literal(_structure(contract, None))}) AS j
            -- what is no JSON at all stops json_transform; {{}} lacks the event time, and so is never vouched for
            FROM (SELECT *, CASE WHEN json_valid(payload) THEN payload ELSE '{{}}' END AS text FROM batch)
        ))"""


def _has_others(contract: Contract) -> str:
    """Whether there are names that are not the contract's, or one twice. As many names as values: there are none, which
    is cheap to see; otherwise there may also be nulls, and the names have to be compared."""
    values = ", ".join(_json(f) for f in contract.fields)
    names = ", ".join(literal(name) for name in contract.names)
    are_all_known = f"len(list_intersect(json_keys(text), [{names}])) = len(json_keys(text))"
    return f"CASE WHEN len(json_keys(text)) = list_count([{values}]) THEN false ELSE NOT {are_all_known} END"


def _structure(contract: Contract, read_as: dict | None) -> str:
    """What json_transform is to read of each field: its value, or, without `read_as`, the JSON that it was sent as."""
    return json.dumps({f.name: "JSON" if read_as is None else read_as.get(f.type, "VARCHAR") for f in contract.fields})


def _conditions(contract: Contract) -> Iterable[str]:
    """What together proves a payload good. Those under CASE are only worked out where they are needed."""
    yield f"strlen(text) <= {MAX_PAYLOAD_BYTES}"
    yield r"NOT contains(text, '\u0000')"
    yield from _lax_reading(contract)
    for field in contract.fields:
        sound = " AND ".join(_sound(field))
        yield f"coalesce({sound}, {_json(field)} IS NULL)" if not field.required else sound
    if contract.event_types:
        yield f"CASE j.event_type {' '.join(_required_of(name, fields) for name, fields in contract.event_types)} END"
    moment = _value(contract.field(contract.event_time))
    tolerance = int(CLOCK_TOLERANCE.total_seconds() * 1e6)
    yield f"{moment} BETWEEN {int(EARLIEST.timestamp() * 1e6)} - skew_us AND received_us + {tolerance} - skew_us"


def _lax_reading(contract: Contract) -> Iterable[str]:
    """DuckDB takes NaN, infinity, and a comma before a closing bracket, all of which JSON forbids. Known fields are
    looked at one by one, so there only the comma can hide; among unknown ones anything can, unless all is flat."""
    yield f"NOT regexp_matches(text, {literal(_LAST_COMMA)})"
    if any(f.type == "text_list" for f in contract.fields):
        yield f"NOT regexp_matches(text, {literal(_LIST_COMMA)})"
    is_flat = f"regexp_full_match(text, {literal(_FLAT)}) AND NOT regexp_matches(text, {literal(_LAX_NUMBER)})"
    yield f"CASE WHEN has_others THEN {is_flat} ELSE true END"


def _required_of(event_type: str, fields: tuple[str, ...]) -> str:
    there = " AND ".join(f"j.{_name(f)} IS NOT NULL" for f in fields) or "true"
    return f"WHEN {_as_sent(event_type)} THEN {there}"


def _sound(field: Field) -> Iterable[str]:
    """What proves that a value that is there is one that the contract allows, of the type that it says. NULL where it
    is not there, or cannot be read; what that means the caller knows."""
    read, sent = _read(field), _json(field)
    if field.values:
        yield f"{sent} IN ({', '.join(map(_as_sent, field.values))})"
        return
    if field.type in ("text", "timestamp", "date"):
        yield f"starts_with({sent}, '\"')"
    match field.type:
        case "text":
            yield f"strlen({read}) <= {field.max_length or MAX_TEXT}"  # bytes, which are never fewer than characters
            if field.pattern:
                yield f"regexp_matches({read}, {literal(field.pattern)})" if _is_portable(field.pattern) else _doubt(field)
        case "integer":
            yield f"{read}::VARCHAR = {sent}"  # 1.5, true and "1" can all be read as integers
        case "float":
            yield f"{sent} NOT IN ('true', 'false') AND NOT starts_with({sent}, '\"') AND isfinite({read})"
        case "decimal":
            yield f"regexp_full_match({sent}, {literal(_DECIMAL)})"
        case "boolean":
            yield f"{sent} IN ('true', 'false')"
        case "timestamp":
            yield f"regexp_full_match({read}, {literal(_MOMENT)}) AND {_value(field)} >= {_FIRST_MICROSECOND}"
        case "date":
            yield f"regexp_full_match({read}, {literal(_DAY)}) AND {_value(field)} >= DATE '0001-01-01'"
        case "text_list":
            yield f"regexp_full_match({sent}, {literal(_PLAIN_LIST)})"
    if field.minimum is not None:
        yield f"{_value(field)} >= {field.minimum}"
    if field.maximum is not None:
        yield f"{_value(field)} <= {field.maximum}"


def _doubt(field: Field) -> str:
    """Never proof; but, like all the others, NULL where the field is not there."""
    return f"nullif({_json(field)} IS NULL, true)"


def _value(field: Field) -> str:
    """SQL of a field's value as clean has it, but for timestamps: as microseconds Arrow relabels them without a copy."""
    if field.type == "timestamp":
        return f"epoch_us(TRY_CAST({_read(field)} AS TIMESTAMPTZ))"
    if field.type in ("date", "decimal"):
        return f"TRY_CAST({_read(field)} AS {TYPES[field.type].duckdb})"
    return _read(field)


def _is_portable(pattern: str) -> bool:
    return not any(sign in pattern for sign in _NOT_PORTABLE)


def _read(field: Field) -> str:
    return f"v.{_name(field.name)}"


def _json(field: Field) -> str:
    return f"j.{_name(field.name)}"


def _as_sent(text: str) -> str:
    return literal(json.dumps(text, ensure_ascii=False))


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
