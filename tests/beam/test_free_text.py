"""What the simulated city writes, refined: the texts are there to be read, and nobody who wrote them is in them."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from beam_pipelines import folding, steps
from lakehouse.contracts import registry
from lakehouse.privacy import treat
from simulator import lines, slices
from simulator.calendar import Calendar
from simulator.city import City

CITY = City(seed=11, scale=0.15, calendar=Calendar(days=7))
FIELDS = {"exam.events": "answer_text", "web.behaviour.events": "review_text"}


@pytest.fixture(scope="module")
def events() -> dict[str, list[dict]]:
    """The events that carry free text, by contract."""
    found: dict[str, list[dict]] = {name: [] for name in FIELDS}
    for text in _lines():
        event = json.loads(text)
        if FIELDS.get(event["contract"]) in event["payload"]:
            found[event["contract"]].append(event)
    return found


def _lines() -> Iterator[str]:
    for part in slices.generate(CITY):
        yield from lines.write(CITY, part).text


def refined(contract_id: str, events: list[dict]) -> list[dict]:
    newest = max(datetime.fromisoformat(e["payload"]["occurred_at"]) for e in events)
    batch = pa.table(
        {
            "event_id": [e["event_id"] for e in events],
            "contract_version": ["1.0.0"] * len(events),
            "zone_id": ["univprep"] * len(events),
            "org_id": pa.array([7] * len(events), pa.int64()),
            "subject": [f"pid-{e['payload']['user_id']}" for e in events],
            "received_at": pa.array([newest.astimezone(UTC) + timedelta(seconds=1)] * len(events), pa.timestamp("us", "UTC")),
            "payload": pa.array([json.dumps(e["payload"], ensure_ascii=False).encode() for e in events], pa.binary()),
        }
    )
    out = steps.refine(batch, registry().get(contract_id), registry().vocabulary, lambda people: {p: f"pid-{p}" for p in people})
    assert out.rejected == {}
    return out.valid.to_pylist()


@pytest.mark.parametrize("contract_id", FIELDS)
def test_what_people_write_is_in_clean_without_them(events, contract_id) -> None:
    sent = {e["event_id"]: e["payload"][FIELDS[contract_id]] for e in events[contract_id]}
    rows = refined(contract_id, events[contract_id])
    assert len(rows) == len(sent) > 30
    people = range(len(CITY.people.zone))
    who = CITY.identities
    secrets = {value for n in people for value in (who.full_name(n), who.phone(n), who.email(n))}
    told = {text for text in sent.values() if any(secret in text for secret in secrets)}
    clean = {row["event_id"]: row[f"redacted_{FIELDS[contract_id]}"] for row in rows}
    assert told and not any(secret in text for text in clean.values() for secret in secrets)
    for event_id, text in sent.items():
        if text in told:
            assert any(kind in clean[event_id] for kind in ("[NAME]", "[PHONE]", "[EMAIL]"))
        else:
            assert clean[event_id] == text


def test_a_text_that_a_change_left_as_it_was_goes_on_under_its_new_name() -> None:
    """Of a long text that did not change the source sends nothing but that."""
    shape = folding.shape(registry().get("source.responses"), registry().vocabulary)
    assert shape.column_of["answer_text"] == "redacted_answer_text" and "redacted_answer_text" in shape.values


def test_a_column_of_texts_is_treated_a_distinct_value_once() -> None:
    contract = registry().get("exam.events")
    none = {f.name: pa.nulls(4) for f in contract.fields if f.treatment != "drop"}
    values = pa.table(none | {"answer_text": ["제 번호는 010-1234-5678", None, "x = 12", "제 번호는 010-1234-5678"]})
    treated = treat.treated(values, contract, registry().vocabulary, {})
    assert treated["redacted_answer_text"].to_pylist() == ["제 번호는 [PHONE]", None, "x = 12", "제 번호는 [PHONE]"]
    assert "answer_text" not in treated.column_names
    nothing = treat.treated(pa.table(none), contract, registry().vocabulary, {})
    assert nothing["redacted_answer_text"].null_count == 4
