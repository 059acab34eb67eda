"""The door and refinement never disagree: not on whether a payload is good, not on why it is not, not on what it says.

Payloads are made from every contract, and from one that has every type; then bent and miswritten. `judged` takes them as
a batch, most of them through the fast lane; lakehouse.judge takes them one by one and is the definition.
"""

import json
from datetime import timedelta
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
from lakehouse.judge import CLOCK_TOLERANCE, EARLIEST, Judge, decode_names
from lakehouse.skew import MOST_MS
from lakehouse.verdicts import IN_THE_FUTURE, TOO_LONG_AGO, Rejection
from tests.beam import payloads as payloads_of
from tests.beam.payloads import NOW, STRANGE_VALUES, bent, good, texts

pytestmark = pytest.mark.slow(40)


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


SKEWS = (None, None, 0, 2_001, -2_001, 90_000, -650_000, MOST_MS, -MOST_MS)


def _skews(number: int) -> list[int | None]:
    """By how much the clock of each payload's producer is wrong."""
    return [SKEWS[n * n % len(SKEWS)] for n in range(number)]


def _batch(payloads: list[bytes]) -> pa.Table:
    return pa.table(
        {
            "clock_skew_ms": pa.array(_skews(len(payloads)), pa.int64()),
            "event_id": [f"event-{n:06d}" for n in range(len(payloads))],
            "received_at": pa.array([NOW] * len(payloads), pa.timestamp("us", "UTC")),
            "payload": pa.array(payloads, pa.binary()),
        }
    )


def _expected(payload: bytes, contract: Contract, skew_ms: int | None) -> tuple[Rejection | None, dict | None, tuple[str, ...]]:
    verdict = judging.judge_of(contract).judge(payload, NOW, skew_ms)
    if isinstance(verdict, Rejection):
        return verdict, None, ()
    values = judging.values(verdict, contract)
    values[contract.event_time] += 1_000 * (skew_ms or 0)
    return None, values, tuple(n for n in decode_names(payload) if n not in contract.names)


def _assert_agreement(payloads: list[bytes], contract: Contract) -> None:
    outcome = judging.judged(_batch(payloads), contract)
    columns = outcome.values
    for field in kept_fields(contract):
        if field.type == "timestamp":  # compared as microseconds: Python's calendar ends before Arrow's
            at = columns.schema.get_field_index(field.name)
            columns = columns.set_column(at, field.name, columns[field.name].cast(pa.int64()))
    found = {row["row"]: row for row in columns.to_pylist()}
    assert sorted([*found, *outcome.rejected]) == list(range(len(payloads))), "a row left by no door, or by two"
    for number, (payload, skew_ms) in enumerate(zip(payloads, _skews(len(payloads)))):
        verdict, values, unknown = _expected(payload, contract, skew_ms)
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
    monkeypatch.setattr(Judge, "judge", lambda self, payload, at, skew_ms: asked.append(payload) or Rejection("malformed_json"))
    random = Random(7)
    payloads = [good(contract, random, decimals=6) for _ in range(500)]
    payloads = [json.dumps({k: v for k, v in p.items() if k != "odd_pattern" or v is None}).encode() for p in payloads]
    judging.judged(_batch(payloads).drop_columns("clock_skew_ms"), contract)
    assert asked == []


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda c: c.id)
@pytest.mark.parametrize("skew_ms", [*range(-1, 2), 2_001, -2_001, MOST_MS, -MOST_MS])
def test_the_corrected_time_is_held_against_the_limits_to_the_microsecond(contract: Contract, skew_ms: int) -> None:
    payload = good(contract, Random(3), optional=0)
    skew = timedelta(milliseconds=skew_ms)
    edges = (EARLIEST, EARLIEST - timedelta(microseconds=1), NOW + CLOCK_TOLERANCE, NOW + CLOCK_TOLERANCE + timedelta(microseconds=1))
    batch = _batch([json.dumps(payload | {contract.event_time: (edge - skew).isoformat()}).encode() for edge in edges])
    skews = batch.set_column(0, "clock_skew_ms", pa.array([skew_ms] * len(edges), pa.int64()))
    outcome = judging.judged(skews, contract)
    assert sorted(outcome.rejected.items()) == [
        (1, Rejection(TOO_LONG_AGO, contract.event_time)),
        (3, Rejection(IN_THE_FUTURE, contract.event_time)),
    ]
    assert sorted(outcome.values[contract.event_time].to_pylist()) == [edges[0], edges[2]]
    verdicts = [judging.judge_of(contract).judge(p, NOW, skew_ms) for p in batch["payload"].to_pylist()]
    assert [isinstance(v, Rejection) for v in verdicts] == [False, True, False, True]


def test_raw_of_earlier_times_has_no_skew() -> None:
    contract = CONTRACTS[0]
    payloads = [json.dumps(good(contract, Random(n))).encode() for n in range(50)]
    batch = _batch(payloads).drop_columns("clock_skew_ms")
    unskewed = batch.append_column("clock_skew_ms", pa.nulls(50, pa.int64()))
    assert judging.judged(batch, contract).values == judging.judged(unskewed, contract).values


def test_an_empty_batch_has_no_verdicts() -> None:
    outcome = judging.judged(_batch([]), CONTRACTS[0])
    assert (outcome.values.num_rows, outcome.rejected) == (0, {})
