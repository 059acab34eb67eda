"""One contract, many engines: what one of them takes, the others take too."""

import decimal
import json

import duckdb
import jsonschema
import msgspec
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from lakehouse.contracts import project, registry
from lakehouse.contracts.types import TYPES

STREAMS = registry().layer("stream")
TEXT = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\x00"), min_size=0, max_size=20)
ANY_VALUE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-10, 2000),
    st.floats(-20, 200),
    TEXT,
    st.just("2026-01-02T03:04:05Z"),
    st.just("USD"),
    st.lists(TEXT, max_size=2),
)


@st.composite
def payloads(draw):
    """A payload that is often nearly valid: right fields, plausible values, now and then a wrong one."""
    contract = draw(st.sampled_from(STREAMS))
    name, _ = draw(st.sampled_from(contract.event_types))
    plausible = {
        "text": TEXT,
        "integer": st.integers(0, 20),
        "float": st.floats(0, 5),
        "decimal": st.integers(0, 10),
        "boolean": st.booleans(),
        "timestamp": st.just("2026-01-02T03:04:05+09:00"),
        "date": st.just("2026-01-02"),
        "text_list": st.lists(TEXT, max_size=2),
    }
    payload = {"event_type": name}
    for field in contract.fields[1:]:
        if draw(st.integers(0, 9)) == 0:
            payload[field.name] = draw(ANY_VALUE)
        elif field.required or draw(st.integers(0, 3)):
            value = (
                st.sampled_from(field.values)
                if field.values
                else st.sampled_from(["USD", "EUR"])
                if field.name == "price_currency"
                else plausible[field.type]
            )
            payload[field.name] = draw(st.just("user-1") if field.name == "user_id" else value)
    return contract, payload


@given(payloads())
@examples(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_json_schema_and_msgspec_agree(case) -> None:
    contract, payload = case
    schema = project.json_schema(contract)
    by_schema = jsonschema.Draft202012Validator(schema, format_checker=None).is_valid(payload)
    try:
        msgspec.json.decode(json.dumps(payload).encode(), type=project.payload_type(contract))
        by_struct = True
    except msgspec.ValidationError:
        by_struct = False
    # JSON Schema does not look into timestamps, dates and decimals, so it may only be the more lenient of the two.
    assert by_schema or not by_struct
    formatted = {f.name for f in contract.fields if f.type in ("timestamp", "date", "decimal")}
    if by_schema and not by_struct:
        assert any(isinstance(payload.get(name), str) for name in formatted) or any(
            isinstance(v, float) and v.is_integer() for v in payload.values()
        )


@pytest.mark.parametrize("contract", list(registry()), ids=lambda c: c.id)
def test_every_engine_has_every_column(contract) -> None:
    fields = project.clean_fields(contract, registry().vocabulary) if contract.is_ingested else contract.fields
    arrow = project.arrow_schema(fields)
    assert arrow.names == [c["name"] for c in project.bigquery_schema(fields)] == list(project.duckdb_columns(fields))
    columns = ", ".join(f'"{n}" {t}' for n, t in project.duckdb_columns(fields).items())
    with duckdb.connect() as con:
        con.execute(f"create table t ({columns})")
        con.register("empty", arrow.empty_table())
        con.execute("insert into t select * from empty")  # DuckDB refuses where the two spellings differ in kind


@pytest.mark.parametrize("name", TYPES)
def test_a_type_survives_duckdb_and_back(name) -> None:
    spelling = TYPES[name]
    example = {
        "text": "한국어",
        "integer": 7,
        "float": 0.5,
        "decimal": decimal.Decimal("1.500000"),
        "boolean": True,
        "text_list": ["a"],
    }.get(name)
    table = pa.table({"v": pa.array([example, None], spelling.arrow)})
    with duckdb.connect() as con:
        con.execute("set timezone = 'UTC'")
        con.register("given", table)
        back = con.execute(f"select v::{spelling.duckdb} as v from given").to_arrow_table()
    assert back.column("v").to_pylist() == table.column("v").to_pylist()


def test_required_of_an_event_type_only() -> None:
    check = msgspec.json.Decoder(project.payload_type(registry().get("auth.login.events"))).decode
    base = {"occurred_at": "2026-01-02T03:04:05Z", "user_id": "user-1"}
    check(msgspec.json.encode({"event_type": "logout", **base}))
    with pytest.raises(msgspec.ValidationError, match="auth_method"):
        check(msgspec.json.encode({"event_type": "login_succeeded", **base}))
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        check(msgspec.json.encode({"event_type": "logout", **base, "shoe_size": 43}))
