"""The door and refinement never disagree: not on whether a payload is good, not on why it is not, not on what it says.

Payloads are made from every contract, and from one that has every type; then bent and miswritten. `judged` takes them as
a batch, most of them through the fast lane; lakehouse.judge takes them one by one and is the definition.
"""

import json
from random import Random

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_pipelines import judging
from beam_pipelines.fast_lane import kept_fields
from lakehouse.contracts import registry
from lakehouse.contracts.model import Contract, Field
from lakehouse.contracts.types import TYPES
from lakehouse.judge import Judge, decode_names
from lakehouse.verdicts import Rejection
from tests.beam import payloads as payloads_of
from tests.beam.payloads import NOW, STRANGE_VALUES, bent, good, texts


def _every_type() -> Contract:
    limits = {"integer": {"minimum": -5, "maximum": 5}, "float": {"minimum": -1.5, "maximum": 2}, "decimal": {"minimum": 0, "maximum": 10}}
    fields = [Field(f"some_{t}", t, "internal", "", **limits.get(t, {})) for t in TYPES]
    fields += [Field(f"free_{t}", t, "internal", "") for t in TYPES]
    fields += [
        Field("happened_at", "timestamp", "internal", "", required=True),
        Field("odd_pattern", "text", "internal", "", pattern=r"^\D+$"),
    ]
    told = {"id": "every.type", "version": "1.0.0", "layer": "table", "domain": "d", "table": "t"}
    return Contract(**told, title="", description="", purpose="", owner="", fields=tuple(fields), event_time="happened_at")


CONTRACTS = [*registry().ingested, _every_type()]


def _batch(payloads: list[bytes]) -> pa.Table:
    return pa.table(
        {
            "event_id": [f"event-{n:06d}" for n in range(len(payloads))],
            "received_at": pa.array([NOW] * len(payloads), pa.timestamp("us", "UTC")),
            "payload": pa.array(payloads, pa.binary()),
        }
    )


def _expected(payload: bytes, contract: Contract) -> tuple[Rejection | None, dict | None, tuple[str, ...]]:
    verdict = judging.judge_of(contract).judge(payload, NOW)
    if isinstance(verdict, Rejection):
        return verdict, None, ()
    return None, judging.values(verdict, contract), tuple(n for n in decode_names(payload) if n not in contract.names)


def _assert_agreement(payloads: list[bytes], contract: Contract) -> None:
    outcome = judging.judged(_batch(payloads), contract)
    columns = outcome.values
    for field in kept_fields(contract):
        if field.type == "timestamp":  # compared as microseconds: Python's calendar ends before Arrow's
            at = columns.schema.get_field_index(field.name)
            columns = columns.set_column(at, field.name, columns[field.name].cast(pa.int64()))
    found = {row["row"]: row for row in columns.to_pylist()}
    assert sorted([*found, *outcome.rejected]) == list(range(len(payloads))), "a row left by no door, or by two"
    for number, payload in enumerate(payloads):
        verdict, values, unknown = _expected(payload, contract)
        assert outcome.rejected.get(number) == verdict, payload[:500]
        if verdict is None:
            got = {f.name: found[number][f.name] for f in kept_fields(contract)}
            assert _comparable(got) == _comparable(values), payload[:500]
            assert sorted(outcome.unknown.get(number, ())) == sorted(unknown), payload[:500]


def _comparable(values: dict) -> dict:
    return {name: repr(value) if isinstance(value, float) else value for name, value in values.items()}  # -0.0 is not 0.0


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda c: c.id)
@given(seed=st.integers(0, 2**32))
@settings(max_examples=12, deadline=None)
def test_door_and_refinement_agree_on_every_payload(contract: Contract, seed: int) -> None:
    random = Random(seed)
    payloads = []
    for _ in range(60):
        payload = good(contract, random)
        payloads += [*texts(payload, random), *texts(bent(payload, contract, random), random)]
    _assert_agreement(payloads, contract)


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda c: c.id)
def test_door_and_refinement_agree_on_every_strange_value_in_every_field(contract: Contract) -> None:
    random = Random(11)
    payloads = []
    for field in contract.fields:
        for strange in STRANGE_VALUES:
            payload = good(contract, random, decimals=4, optional=0) | {field.name: strange}
            payloads += [json.dumps(payload).encode(), json.dumps(payload).replace("]", ",]").encode()]
    _assert_agreement(payloads, contract)


@pytest.mark.long
@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda c: c.id)
@given(seed=st.integers(0, 2**32))
@settings(max_examples=200, deadline=None)
def test_door_and_refinement_agree_on_very_many_payloads(contract: Contract, seed: int) -> None:
    random = Random(seed)
    made = [good(contract, random) for _ in range(200)]
    _assert_agreement([text for p in made for text in texts(bent(p, contract, random), random)], contract)


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda c: c.id)
def test_the_fast_lane_vouches_for_what_producers_usually_send(contract: Contract, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise agreement would be cheap: everything could go to the judge."""
    monkeypatch.setattr(payloads_of, "WORDS", ("exam-0017", "/lessons/7?x=[1]", "김민수 😀", "a: inf, }"))
    asked: list[bytes] = []
    monkeypatch.setattr(Judge, "judge", lambda self, payload, at: asked.append(payload) or Rejection("malformed_json"))
    random = Random(7)
    payloads = [good(contract, random, decimals=6) for _ in range(500)]
    payloads = [json.dumps({k: v for k, v in p.items() if k != "odd_pattern" or v is None}).encode() for p in payloads]
    judging.judged(_batch(payloads), contract)
    assert asked == []


def test_an_empty_batch_has_no_verdicts() -> None:
    outcome = judging.judged(_batch([]), CONTRACTS[0])
    assert (outcome.values.num_rows, outcome.rejected) == (0, {})
