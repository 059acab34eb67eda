"""The door: each kind of bad event has its verdict, nothing escapes, and the quick way answers as the exact one does."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_events import ai, login, now_text, started, text

from lakehouse import envelope, verdicts
from lakehouse.contracts import registry
from lakehouse.door import Admitted, BodyRejectedError, Door
from lakehouse.envelope_reader import EnvelopeReader
from lakehouse.verdicts import CODES, Rejection

pytestmark = pytest.mark.slow(20)

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def door() -> Door:
    return Door(registry(), "http")


READERS = {c.id: EnvelopeReader(registry(), c) for c in registry().layer("stream")}


def read(contract: str, lines: list[bytes]) -> list[envelope.Envelope]:
    """What whoever lands them makes of them."""
    envelopes, unreadable = READERS[contract].read(envelope.pack(lines))
    assert not unreadable
    return envelopes


def verdict(door: Door, event: dict | bytes) -> Rejection | None:
    """What the door says of an event sent alone, which must be what it says of it between two good ones."""
    raw = event if isinstance(event, bytes) else json.dumps(event).encode()
    admission = door.admit_body(b"[%b,%b,%b]" % (json.dumps(started()).encode(), raw, json.dumps(login()).encode()), "univprep", NOW)
    exact = door.admit(raw, "univprep", NOW)
    assert set(admission.rejected) <= {1}
    assert (admission.rejected.get(1) is None) == isinstance(exact, Admitted)
    if admission.rejected:
        assert exact == admission.rejected[1]
    return admission.rejected.get(1)


@pytest.mark.parametrize(
    ("event", "code", "field"),
    [
        (started(score="90"), "wrong_type", "score"),
        (started(is_correct=1), "wrong_type", "is_correct"),
        (started(item_count=5.0), "wrong_type", "item_count"),
        (started(user_id=None), "missing_field", "user_id"),
        (started(event_type=None), "missing_field", "event_type"),
        (started(event_type=7), "wrong_type", "event_type"),
        (started(event_type="attempt_paused"), "unknown_event_type", "event_type"),
        (started(score=101), "out_of_range", "score"),
        (started(item_count=10**30), "out_of_range", "item_count"),
        (started(skill="x" * 65), "out_of_range", "skill"),
        (started(device_type="fridge - at `$.skill`"), "not_allowed", "device_type"),
        (started(user_id="a b"), "bad_format", "user_id"),
        (started(user_id="student-1\n"), "bad_format", "user_id"),
        (started(started_at="2025-01-01T00:00:00"), "bad_format", "started_at"),
        (started(started_at="yesterday"), "bad_format", "started_at"),
        (started(occurred_at=now_text(days=1)), "in_the_future", "occurred_at"),
        (started(occurred_at="9999-12-31T23:59:59-12:00"), "in_the_future", "occurred_at"),
        (started(occurred_at="1999-12-31T23:59:59Z"), "too_long_ago", "occurred_at"),
        (started(skill="a\0b"), "nul_character", "skill"),
        (started(unheard_of="a\0b"), "nul_character", "payload"),
        (started(answer_text="x" * 1_100_000), "too_large", "payload"),
        (login(colour="red"), "unknown_field", "colour"),
        (login(**{"kim@example.org": 1}), "unknown_field", "payload"),
        (ai(cost_usd=-1), "out_of_range", "cost_usd"),
        (ai(cost_usd="-1"), "out_of_range", "cost_usd"),
        (ai(cost_usd="NaN"), "bad_format", "cost_usd"),
        (ai(cost_usd="1_000"), "bad_format", "cost_usd"),
        (started() | {"payload": [1]}, "wrong_type", "payload"),
        (started() | {"payload": None}, "wrong_type", "payload"),
        (started() | {"contract": "exam.event"}, "unknown_contract", "contract"),
        (started() | {"contract": "source.users"}, "unknown_contract", "contract"),
        (started() | {"contract": 5}, "wrong_type", "contract"),
        (started() | {"event_id": "short"}, "bad_format", "event_id"),
        (started() | {"event_id": "a" * 36 + "\n"}, "bad_format", "event_id"),
        (started() | {"event_id": "abcdefgh\nabcdefgh"}, "bad_format", "event_id"),
        (started(user_id="student-1\nstudent-2"), "bad_format", "user_id"),
        (started() | {"event_id": None}, "missing_field", "event_id"),
        (started() | {"org_id": 0}, "out_of_range", "org_id"),
        (started() | {"org_id": 2**31}, "out_of_range", "org_id"),
        (started() | {"zone_id": "kzone"}, "unknown_field", "zone_id"),
        ({k: v for k, v in started().items() if k != "event_id"}, "missing_field", "event_id"),
        (b"[]", "wrong_type", None),
        (b"7", "wrong_type", None),
        (b"null", "wrong_type", None),
        (json.dumps(started()).encode().replace(b'"org_id": 17', b'"org_id": 17, "org_id": 18'), "malformed_json", None),
        (json.dumps(started()).encode().replace(b'"exam_id"', b'"exam_id" : "exam-2", "exam_id"'), "malformed_json", "payload"),
        (json.dumps(started(seen={"a": 1})).encode().replace(b'"exam_id"', b'"skill": "a", "skill"'), "malformed_json", "payload"),
    ],
)
def test_bad_events_have_a_verdict(door: Door, event: dict | bytes, code: str, field: str | None) -> None:
    assert verdict(door, event) == (code, field)


def test_an_event_may_be_ten_minutes_ahead(door: Door) -> None:
    assert verdict(door, started(occurred_at=now_text(minutes=9))) is None
    assert verdict(door, started(occurred_at=now_text(minutes=11))) == ("in_the_future", "occurred_at")


@pytest.mark.parametrize(
    "event",
    [
        started(),
        started(occurred_at=now_text(minutes=9)),
        started(occurred_at="2000-01-01T00:00:00Z"),
        started(skill=None, unheard_of={"a": [1, {"a": 2}]}),  # what the contract does not know is kept
        started(skill='https://a:b/?\\u0000 \\\\u0000 ":'),
        started(answer_text="한글 😀"),
        started(started_at="2025-01-01T00:00:00+09:00"),
        started() | {"org_id": None},
        ai(cost_usd="0.123456"),
        ai(cost_usd=0),
        login(),
    ],
)
def test_good_events_come_through_as_they_were_written(door: Door, event: dict) -> None:
    assert verdict(door, event) is None
    for raw in (json.dumps(event).encode(), json.dumps(event, ensure_ascii=False, indent=2).encode()):
        admission = door.admit_body(raw, "univprep", NOW)
        [[line]] = admission.lines.values()
        assert b"\n" not in line
        (arrived,) = read(event["contract"], [line])
        assert json.loads(bytes(arrived.payload)) == event["payload"]
        assert (arrived.event_id, arrived.contract, arrived.org_id) == (event["event_id"], event["contract"], event["org_id"])
        assert (arrived.zone_id, arrived.source, arrived.received_at) == ("univprep", "http", NOW)
        assert arrived.subject == event["payload"]["user_id"]


def test_a_mixed_batch_loses_and_doubles_nothing(door: Door) -> None:
    events = [started(score=n) if n % 7 else started(score=-n - 1) for n in range(100)] + [login() for _ in range(50)]
    admission = door.admit_body(text(*events), "univprep", NOW)
    assert set(admission.rejected) == set(range(0, 100, 7))
    assert set(admission.rejected.values()) == {Rejection("out_of_range", "score")}
    assert admission.event_ids == [e["event_id"] for e in events]
    arrived = {contract: [e.event_id for e in read(contract, lines)] for contract, lines in admission.lines.items()}
    good = [e for i, e in enumerate(events) if i not in admission.rejected]
    assert arrived == {c: [e["event_id"] for e in good if e["contract"] == c] for c in ("exam.events", "auth.login.events")}


@pytest.mark.parametrize(
    ("body", "code", "position"),
    [
        (b"", "empty", None),
        (b" \n", "empty", None),
        (b"[]", "empty", None),
        (b'[{"a": 1}, {"b": NaN}]', "malformed_json", 17),
        (b'{"a": Infinity}', "malformed_json", 6),
        (b'{"a": "\xff"}', "malformed_json", 7),
        (b'{"a": "\\ud800\\u0041"}', "malformed_json", 19),
        (b"{},{}", "malformed_json", 3),
        (b'{"a": 1', "malformed_json", None),
        (b"[" * 200_000, "malformed_json", None),
        (b"[" + b",".join([b"{}"] * 1001) + b"]", "too_large", None),
    ],
)
def test_bodies_that_are_refused_whole(door: Door, body: bytes, code: str, position: int | None) -> None:
    with pytest.raises(BodyRejectedError) as refused:
        door.admit_body(body, "univprep", NOW)
    assert (refused.value.code, refused.value.position) == (code, position)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["", "\0", "NaN", now_text(), "9" * 400]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
NAMES = [f.name for c in registry().layer("stream") for f in c.fields]
EVENTS = st.builds(
    lambda base, changes, outer: base | {"payload": base["payload"] | changes} | outer,
    st.sampled_from([started(), login(), ai()]),
    st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=8), JSON, max_size=3),
    st.dictionaries(st.sampled_from(["event_id", "contract", "org_id", "payload", "x"]), JSON, max_size=1),
)


@settings(max_examples=300, deadline=None)
@given(events=st.lists(EVENTS, min_size=1, max_size=3), indent=st.sampled_from([None, 1]), skew_ms=st.sampled_from([None, 5_000]))
def test_every_event_gets_a_verdict_and_both_ways_agree(door: Door, events: list[dict], indent: int | None, skew_ms: int | None) -> None:
    raws = [json.dumps(event, indent=indent).encode() for event in events]
    exact = [door.admit(raw, "univprep", NOW, skew_ms) for raw in raws]
    assert all(isinstance(v, Admitted) or v.code in CODES for v in exact)
    quick = door.fast_lane.admit(b"[%b]" % b",".join(raws), "univprep", NOW, skew_ms)
    if quick is not None:
        assert quick.lines.keys() == {e.contract for e in exact}
        for contract, lines in quick.lines.items():
            assert read(contract, lines) == read(contract, [e.line for e in exact if e.contract == contract])


@settings(max_examples=500, deadline=None)
@given(
    body=st.binary(max_size=60)
    | EVENTS.map(lambda e: json.dumps(e).encode()).flatmap(lambda b: st.integers(0, len(b)).map(lambda n: b[:n] + b[n + 1 :]))
)
def test_no_body_makes_the_door_fail(door: Door, body: bytes) -> None:
    try:
        admission = door.admit_body(body, "univprep", NOW)
    except BodyRejectedError as refused:
        assert refused.code in CODES
    else:
        assert all(r.code in CODES for r in admission.rejected.values())


@settings(max_examples=200, deadline=None)
@given(seen=st.text(min_size=12, max_size=30, alphabet="abcdefghij"), field=st.sampled_from(sorted(set(NAMES))))
def test_a_verdict_never_holds_a_value(door: Door, seen: str, field: str) -> None:
    exact = door.admit(json.dumps(started(**{field: seen})).encode(), "univprep", NOW)
    assert isinstance(exact, Admitted) or seen not in repr(exact)


def test_every_code_says_what_to_do() -> None:
    named = {v for k, v in vars(verdicts).items() if k.isupper() and isinstance(v, str)}
    assert named == set(CODES)
    assert all(m.says.endswith(".") and m.sender_should.endswith(".") for m in CODES.values())


def test_clock_tolerance_is_for_clocks_only(door: Door) -> None:
    late = NOW + timedelta(days=365)
    assert isinstance(door.admit(json.dumps(started()).encode(), "univprep", late), Admitted)
