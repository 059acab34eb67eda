"""Projections: pure functions from a contract to what each engine, reader and checker wants of it.

Nothing here reads a file or keeps a state, so a projection can be asked for at run time and never goes stale. Only
Terraform, dbt and people need files; generate.py writes those.
"""

import datetime
import decimal
from typing import Annotated, Any, Literal

import msgspec
import pyarrow as pa

from lakehouse.contracts.model import KEPT_BY_DEFAULT, MAX_TEXT, Contract, Field
from lakehouse.contracts.types import TYPES

# Before every clean row's own fields; the envelope gives them.
CLEAN_PREFIX = ("event_id", "event_key", "zone_id", "org_id", "received_at", "contract_version", "clock_skew_ms")

# What a decimal looks like where it is sent as text; DECIMAL(18,6) holds it.
DECIMAL_TEXT = r"^-?[0-9]{1,12}(\.[0-9]{1,18})?\Z"
_DECIMAL = (-999_999_999_999.0, 999_999_999_999.0)
_INT64 = (-(2**63), 2**63 - 1)


def clean_fields(contract: Contract, words: dict[str, Field]) -> tuple[Field, ...]:
    """The columns of a clean table, in order: the envelope's, then the contract's own after their treatment, then dt.
    A derived table came in no envelope, and its day is its dt.

    `words` is the registry's vocabulary.
    """
    if contract.layer == "derived":
        return (*(f for f in contract.fields if f.name != contract.event_time), words["dt"].also(required=True))
    always = {"event_id", "event_key", "zone_id", "received_at", "contract_version"}
    columns = [words[name].also(required=name in always) for name in CLEAN_PREFIX]
    for field in contract.fields:
        if field.treatment == "drop":
            continue
        if field.treatment == "keep":
            columns.append(field)
        else:
            columns.append(words[field.becomes].also(required=field.required))
    columns.append(words["dt"].also(required=True))
    return tuple(columns)


def restricted(contract: Contract, words: dict[str, Field]) -> dict[str, bool]:
    """Column of a clean table that is encrypted there, since it is personal or sensitive still → whether equal values stay equal."""
    return {f.name: f.is_compared for f in clean_fields(contract, words) if f.classification not in KEPT_BY_DEFAULT}


def ciphertexts(fields: tuple[Field, ...], words: dict[str, Field]) -> frozenset[str]:
    """Of the columns of any table, clean or made from clean, those that hold ciphertext: under its name such a column goes everywhere."""
    stored = {word.becomes for word in words.values()}
    return frozenset(f.name for f in fields if f.name in stored and f.classification not in KEPT_BY_DEFAULT)


def clustering(contract: Contract, words: dict[str, Field]) -> tuple[str, ...]:
    """What readers of a clean table ask for within a day, in the order in which its rows should lie: whose, what, when."""
    kept = {field.name for field in clean_fields(contract, words)}
    wanted = ("zone_id", "org_id", "event_type" if contract.event_types else contract.row_key, contract.event_time)
    return tuple(name for name in wanted if name in kept)


def arrow_schema(fields: tuple[Field, ...]) -> pa.Schema:
    return pa.schema([pa.field(f.name, TYPES[f.type].arrow, nullable=not f.required) for f in fields])


def duckdb_columns(fields: tuple[Field, ...]) -> dict[str, str]:
    return {f.name: TYPES[f.type].duckdb for f in fields}


def bigquery_schema(fields: tuple[Field, ...]) -> list[dict]:
    """What the BigQuery API and Terraform call a table schema."""
    return [
        {
            "name": f.name,
            "type": "STRING" if f.type == "text_list" else TYPES[f.type].bigquery,
            "mode": "REPEATED" if f.type == "text_list" else "REQUIRED" if f.required else "NULLABLE",
            "description": f.description,
        }
        for f in fields
    ]


def json_schema(contract: Contract) -> dict:
    """JSON Schema (2020-12) of a payload, for producers in any language."""
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{contract.id}/{contract.version}",
        "title": contract.title,
        "description": contract.description,
        "type": "object",
        "properties": {f.name: _json_property(f) for f in contract.fields},
        "required": [f.name for f in contract.fields if f.required],
        "additionalProperties": not contract.refuses_unknown_fields,
    }
    if contract.event_types:
        schema["allOf"] = [
            {"if": {"properties": {"event_type": {"const": name}}, "required": ["event_type"]}, "then": {"required": list(required)}}
            for name, required in contract.event_types
        ]
    return schema


def _json_property(field: Field) -> dict:
    out = dict(TYPES[field.type].json_schema)
    if field.type == "text":
        out["maxLength"] = field.max_length or MAX_TEXT
    if field.pattern:
        out["pattern"] = field.pattern
    if field.values:
        out["enum"] = list(field.values) + ([] if field.required else [None])
    if field.minimum is not None:
        out["minimum"] = field.minimum
    if field.maximum is not None:
        out["maximum"] = field.maximum
    if not field.required:
        kinds = out["type"] if isinstance(out["type"], list) else [out["type"]]
        out["type"] = [*kinds, "null"]
    out["description"] = field.description
    return out


def payload_type(contract: Contract) -> Any:
    """A msgspec type that decodes and checks a payload: one struct, or a union of structs tagged by event_type.

    null and absent mean the same, except where the field is required. Timestamps must carry an offset.
    """
    if not contract.event_types:
        return _struct(contract, contract.table, tag=None, required=frozenset(f.name for f in contract.fields if f.required))
    always = {f.name for f in contract.fields if f.required}
    structs = [_struct(contract, name, tag=name, required=frozenset(always | set(fields))) for name, fields in contract.event_types]
    union = structs[0]
    for struct in structs[1:]:
        union = union | struct
    return union


def _struct(contract: Contract, name: str, tag: str | None, required: frozenset[str]) -> type:
    fields = []
    for field in contract.fields:
        if tag is not None and field.name == "event_type":
            continue
        kind = python_type(field)
        fields.append((field.name, kind) if field.name in required else (field.name, kind | None, None))
    fields.sort(key=len)  # those without a default come first
    extra = {"tag_field": "event_type", "tag": tag} if tag is not None else {}
    return msgspec.defstruct(name, fields, forbid_unknown_fields=contract.refuses_unknown_fields, frozen=True, gc=False, **extra)


def python_type(field: Field) -> Any:
    """The msgspec type of one field: its type with its limits, patterns and values."""
    python = TYPES[field.type].python
    if field.values:
        return Literal[field.values]
    if python is datetime.datetime:
        return Annotated[datetime.datetime, msgspec.Meta(tz=True)]
    if python is decimal.Decimal:
        # A number, or a text for those who fear floats. Not msgspec's own Decimal: that takes "NaN", "1_000" and " 1 ".
        return _annotated(float, **_bounds(field, _DECIMAL)) | Annotated[str, msgspec.Meta(pattern=DECIMAL_TEXT)]
    if python is str:
        return _annotated(str, max_length=field.max_length or MAX_TEXT, pattern=_whole(field.pattern))
    if python is int:
        return _annotated(int, **{k: int(v) for k, v in _bounds(field, _INT64).items()})
    if python is float:
        return _annotated(float, ge=field.minimum, le=field.maximum)
    return python


def _annotated(python: type, **limits: Any) -> Any:
    given = {k: v for k, v in limits.items() if v is not None}
    return Annotated[python, msgspec.Meta(**given)] if given else python


def _bounds(field: Field, widest: tuple[float, float]) -> dict[str, float]:
    """The contract's limits, or what every engine can hold where it names none."""
    return {
        "ge": widest[0] if field.minimum is None else field.minimum,
        "le": widest[1] if field.maximum is None else field.maximum,
    }


def _whole(pattern: str | None) -> str | None:
    """Python's `$` also matches before a last line end, where every other engine's does not."""
    return pattern[:-1] + r"\Z" if pattern and pattern.endswith("$") else pattern


def decimal_limits(contract: Contract) -> tuple[tuple[str, decimal.Decimal | None, decimal.Decimal | None], ...]:
    """(name, min, max) of each decimal field: callers check those that came as text; numbers the decoder has bounded."""
    as_decimal = lambda v: None if v is None else decimal.Decimal(str(v))  # noqa: E731
    return tuple((f.name, as_decimal(f.minimum), as_decimal(f.maximum)) for f in contract.fields if f.type == "decimal")


def expectations(contract: Contract, fields: tuple[Field, ...]) -> list[dict]:
    """Checks in Great Expectations' terms ({type, kwargs}), in the order of the columns. `fields` are the table's
    columns as stored (clean_fields() of an ingested contract, contract.fields otherwise)."""
    checks: list[dict] = [
        {"type": "expect_table_columns_to_match_set", "kwargs": {"column_set": [f.name for f in fields], "exact_match": False}}
    ]
    for field in fields:
        if field.required:
            checks.append({"type": "expect_column_values_to_not_be_null", "kwargs": {"column": field.name}})
        if field.values:
            checks.append({"type": "expect_column_values_to_be_in_set", "kwargs": {"column": field.name, "value_set": list(field.values)}})
        if field.minimum is not None or field.maximum is not None:
            bounds = {"min_value": field.minimum, "max_value": field.maximum}
            checks.append({"type": "expect_column_values_to_be_between", "kwargs": {"column": field.name, **bounds}})
        if field.unique:
            checks.append({"type": "expect_column_values_to_be_unique", "kwargs": {"column": field.name}})
    key = ["event_id"] if contract.is_ingested else list(contract.primary_key)
    if len(key) == 1:
        checks.append({"type": "expect_column_values_to_be_unique", "kwargs": {"column": key[0]}})
    elif key:
        checks.append({"type": "expect_compound_columns_to_be_unique", "kwargs": {"column_list": key}})
    return checks
