"""CloudEvents 1.0: each rule of the specification by example, and any event in four forms is the same event."""

import base64
import json
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_events import ai, login, now_text, started

from collectors.events.forms import Form, Forms, form_of
from lakehouse import envelope
from lakehouse.contracts import registry
from lakehouse.door import Admission, BodyRejectedError, door
from lakehouse.verdicts import Rejection

NOW = datetime.now(UTC)
FORMS = Forms(registry(), door("http"))


def cloud_event(**changes: object) -> dict:
    event = started()
    made = {"specversion": "1.0", "id": event["event_id"], "source": "/exam-app", "type": "exam.events", "orgid": 17}
    return made | {"data": event["payload"]} | changes


def without(name: str) -> dict:
    return {k: v for k, v in cloud_event().items() if k != name}


def structured(event: dict | bytes, form: Form = Form.STRUCTURED, orgs: frozenset[int] | None = None) -> Admission:
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    return FORMS.admit(form, [], body, "univprep", NOW, orgs)


def binary(event: dict, *more: tuple[bytes, bytes], body: bytes | None = None) -> Admission:
    """`event` sent in binary mode; values that are bytes go on the wire as they are."""
    headers = [
        (f"ce-{k}".encode(), v if isinstance(v, bytes) else quote(str(v), safe=":/?#@!$&'()*+,;=-._~ ").encode())
        for k, v in event.items()
        if k != "data"
    ]
    return FORMS.admit(Form.BINARY, [*headers, *more], body or json.dumps(event["data"]).encode(), "univprep", NOW, None)


def envelopes(admission: Admission) -> list[envelope.Envelope]:
    return [e for lines in admission.lines.values() for line in lines for e in envelope.read_line(line)]


GOOD = {
    "the contract as type": {},
    "contract and event type as type": {"type": "exam.events.attempt_started"},
    "no tenant": {"orgid": None},
    "a tenant as text": {"orgid": "17"},
    "a relative source": {"source": "../apps/exam?x=1#y"},
    "an urn as source": {"source": "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66"},
    "a time": {"time": "2026-04-05T17:31:00Z"},
    "a time with an offset": {"time": "2026-04-05T17:31:00.123+09:00"},
    "no time": {"time": None},
    "a subject": {"subject": "attempt-1"},
    "a subject beyond ASCII": {"subject": "시험"},
    "a schema": {"dataschema": "https://univprepai.com/v1/contracts/exam.events"},
    "a schema elsewhere": {"dataschema": "urn:example:schema"},
    "extensions": {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b9c7c989f97918e1-01", "sequence": 7, "sampled": True},
}


@pytest.mark.parametrize("case", GOOD)
def test_what_the_specification_allows_is_taken(case: str) -> None:
    event = cloud_event(**GOOD[case])
    admission = structured(event)
    assert not admission.rejected
    (kept,) = envelopes(admission)
    assert (kept.event_id, kept.contract, bytes(kept.payload)) == (event["id"], "exam.events", json.dumps(event["data"]).encode())
    assert kept.org_id == (None if event["orgid"] is None else 17)
    sent = {k: v for k, v in event.items() if v is not None}
    assert envelopes(binary(sent)) == [kept]


@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=utf-8", "text/json", "application/vnd.exam+json", "APPLICATION/JSON", None]
)
def test_a_datacontenttype_of_json_is_taken(kind: str | None) -> None:
    assert structured(cloud_event(datacontenttype=kind)).accepted == 1


BAD = {
    # case: (changes, code, field)
    "no specversion": ({"specversion": None}, "missing_field", "specversion"),
    "an older specversion": ({"specversion": "0.3"}, "not_allowed", "specversion"),
    "specversion as a number": ({"specversion": 1.0}, "wrong_type", "specversion"),
    "no id": ({"id": None}, "missing_field", "id"),
    "an empty id": ({"id": ""}, "bad_format", "id"),
    "an id too short to be unique": ({"id": "1"}, "bad_format", "event_id"),
    "an id that is a number": ({"id": 12345678}, "wrong_type", "id"),
    "no source": ({"source": None}, "missing_field", "source"),
    "an empty source": ({"source": ""}, "bad_format", "source"),
    "a source with a blank": ({"source": "exam app"}, "bad_format", "source"),
    "a source with a broken escape": ({"source": "/a%zz"}, "bad_format", "source"),
    "no type": ({"type": None}, "missing_field", "type"),
    "a type of nobody's": ({"type": "com.example.someevent"}, "unknown_contract", "contract"),
    "a table as type": ({"type": "source.users"}, "unknown_contract", "contract"),
    "an event type that the contract lacks": ({"type": "exam.events.attempt_paused"}, "unknown_event_type", "type"),
    "another event type than the data's": ({"type": "exam.events.response_given"}, "not_allowed", "type"),
    "an empty subject": ({"subject": ""}, "bad_format", "subject"),
    "a subject with a control character": ({"subject": "a\tb"}, "bad_format", "subject"),
    "a subject with no character": ({"subject": "a\ufffe"}, "bad_format", "subject"),
    "a time without offset": ({"time": "2026-04-05T17:31:00"}, "bad_format", "time"),
    "a time that is none": ({"time": "yesterday"}, "bad_format", "time"),
    "a time as a number": ({"time": 1775410260}, "wrong_type", "time"),
    "a relative schema": ({"dataschema": "/v1/contracts/exam.events"}, "bad_format", "dataschema"),
    "an empty schema": ({"dataschema": ""}, "bad_format", "dataschema"),
    "another contract's schema": ({"dataschema": "https://x.example/v1/contracts/auth.login.events"}, "not_allowed", "dataschema"),
    "data that is not JSON": ({"datacontenttype": "text/xml"}, "not_allowed", "datacontenttype"),
    "a tenant that is no number": ({"orgid": "seventeen"}, "wrong_type", "orgid"),
    "a tenant that is a boolean": ({"orgid": True}, "wrong_type", "orgid"),
    "tenant zero": ({"orgid": 0}, "out_of_range", "org_id"),
    "a tenant beyond all": ({"orgid": 2**31}, "out_of_range", "org_id"),
    "an attribute in capitals": ({"orgId": 17}, "unknown_field", None),
    "an attribute with an underscore": ({"org_id": 17}, "unknown_field", None),
    "an extension that is an object": ({"extra": {"a": 1}}, "wrong_type", None),
    "a standard attribute that is an array": ({"subject": ["a"]}, "wrong_type", "subject"),
    "data of another type than the contract's": ({"data": "text"}, "wrong_type", "payload"),
    "data that is null": ({"data": None}, "wrong_type", "payload"),
    "data that breaks the contract": ({"data": started(score=101)["payload"]}, "out_of_range", "score"),
    "data twice": ({"data_base64": "e30="}, "not_allowed", "data_base64"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_breaks_it_has_a_verdict(case: str) -> None:
    changes, code, field = BAD[case]
    admission = structured(cloud_event(**changes))
    assert admission.rejected == {0: Rejection(code, field)}
    between = structured(json.dumps([cloud_event(), cloud_event(**changes), cloud_event()]).encode(), Form.BATCHED)
    assert (between.accepted, between.rejected) == (2, {1: Rejection(code, field)})


@pytest.mark.parametrize(
    ("event", "code", "field"),
    [
        (without("data"), "missing_field", "data"),
        (b"[]", "wrong_type", None),
        (b'"text"', "wrong_type", None),
        (b'{"id": 1', "malformed_json", None),
        (b'{"id": "\xff"}', "malformed_json", None),
        (b'{"specversion": "1.0", "specversion": "1.0"}', "malformed_json", None),
        (b'{"a": ' + b"[" * 100_000, "malformed_json", None),
    ],
)
def test_what_is_no_event_at_all(event: dict | bytes, code: str, field: str | None) -> None:
    assert structured(event).rejected == {0: Rejection(code, field)}


@pytest.mark.parametrize("form", [Form.BINARY, Form.STRUCTURED, Form.BATCHED])
@pytest.mark.parametrize("body", [b"", b" \n"])
def test_nothing_is_no_event(form: Form, body: bytes) -> None:
    with pytest.raises(BodyRejectedError) as error:
        structured(body, form)
    assert error.value.code == "empty"


@pytest.mark.parametrize(
    ("body", "code"),
    [(b"[]", "empty"), (b"{}", "wrong_type"), (b"[", "malformed_json"), (b"[%b]" % b",".join([b"{}"] * 1_001), "too_large")],
)
def test_a_batch_is_an_array_of_some_events(body: bytes, code: str) -> None:
    with pytest.raises(BodyRejectedError) as error:
        structured(body, Form.BATCHED)
    assert error.value.code == code


def encoded(text: bytes, **changes: object) -> dict:
    return without("data") | {"data_base64": base64.b64encode(text).decode()} | changes


def test_base64_is_taken_where_it_is_json() -> None:
    text = json.dumps(started()["payload"], indent=1).encode()
    (kept,) = envelopes(structured(encoded(text)))
    assert bytes(kept.payload) == text.replace(b"\n", b" ")
    assert structured(encoded(text, data_base64=None) | {"data": started()["payload"]}).accepted == 1


@pytest.mark.parametrize(
    ("event", "code", "field"),
    [
        (encoded(b"\x89PNG"), "malformed_json", "data"),
        (encoded(b""), "malformed_json", "data"),
        (encoded(b"{}", data_base64="e3 0="), "bad_format", "data_base64"),
        (encoded(b"{}", data_base64="e30"), "bad_format", "data_base64"),
        (encoded(b"{}", data_base64=7), "wrong_type", "data_base64"),
        (encoded(b'{},"org_id":99,"x":{}'), "malformed_json", "data"),
        (encoded(b"{}}"), "malformed_json", "data"),
    ],
)
def test_base64_that_is_not_json_cannot_break_out(event: dict, code: str, field: str) -> None:
    assert structured(event).rejected == {0: Rejection(code, field)}


def test_a_body_in_binary_mode_cannot_break_out_either() -> None:
    for body in (b'{},"org_id":99', b'{}} {"a":1', b"nothing", b"\xff\xfe", b"[" * 100_000):
        assert binary(cloud_event(), body=body).rejected == {0: Rejection("malformed_json", "data")}


HEADERS = {
    # ce-subject as it comes: what it means, or the verdict
    b"plain": "plain",
    b"Euro%20%E2%82%AC%20%F0%9F%98%80": "Euro € 😀",
    b"%41%2fb": "A/b",
    b'"quoted \\" and \\\\"': 'quoted " and \\',
    b'"%22"': '"',
    b"": ("bad_format", "subject"),
    b"%": ("bad_format", "subject"),
    b"%4": ("bad_format", "subject"),
    b"%zz": ("bad_format", "subject"),
    b"%C3%28": ("bad_format", "subject"),
    b"%ED%A0%80": ("bad_format", "subject"),
    b"%00": ("bad_format", "subject"),
    b"caf\xe9": ("bad_format", "subject"),
}


@pytest.mark.parametrize("value", HEADERS)
def test_a_header_is_undone_as_the_binding_says(value: bytes) -> None:
    from collectors.events.cloudevents import _attributes_of_headers, _Broken

    meant = HEADERS[value]
    admission = binary(cloud_event(subject=value))
    if isinstance(meant, tuple):
        assert admission.rejected == {0: Rejection(*meant)}
    else:
        assert admission.accepted == 1
        assert _attributes_of_headers([(b"ce-subject", value)]) == {"subject": meant}
    with pytest.raises(_Broken):
        _attributes_of_headers([(b"ce-subject", b"a"), (b"ce-subject", b"a")])


@pytest.mark.parametrize(
    ("header", "code", "field"),
    [
        ((b"ce-id", b"another-id"), "bad_format", "id"),
        ((b"ce-datacontenttype", b"application/json"), "not_allowed", "datacontenttype"),
        ((b"ce-data", b"{}"), "not_allowed", "data"),
        ((b"ce-org_id", b"17"), "unknown_field", None),
        ((b"ce-kim.minsu", b"x"), "unknown_field", None),
    ],
)
def test_headers_that_are_no_attributes(header: tuple[bytes, bytes], code: str, field: str | None) -> None:
    assert binary(cloud_event(), header).rejected == {0: Rejection(code, field)}


@pytest.mark.parametrize(
    ("headers", "form"),
    [
        ({b"content-type": b"application/json"}, Form.OURS),
        ({b"content-type": b"application/json; charset=utf-8", b"ce-specversion": b"1.0"}, Form.BINARY),
        ({b"content-type": b"application/vnd.exam+json", b"ce-id": b"x"}, Form.BINARY),
        ({b"content-type": b"application/vnd.exam+json"}, None),
        ({b"content-type": b"text/xml", b"ce-specversion": b"1.0"}, None),
        ({b"ce-specversion": b"1.0"}, None),
        ({b"content-type": b"Application/CloudEvents+JSON; charset=UTF-8", b"ce-id": b"x"}, Form.STRUCTURED),
        ({b"content-type": b"application/cloudevents-batch+json"}, Form.BATCHED),
        ({b"content-type": b"application/cloudevents+avro", b"ce-specversion": b"1.0"}, None),
        ({b"content-type": b"application/cloudevents"}, None),
        ({b"content-type": b"text/plain"}, None),
        ({}, None),
    ],
)
def test_the_form_follows_from_the_headers(headers: dict[bytes, bytes], form: Form | None) -> None:
    assert form_of(headers) == form


def test_a_key_of_other_tenants_brings_none_by_this_door_either() -> None:
    events = [cloud_event(), cloud_event(orgid=18), cloud_event(orgid=None), cloud_event(specversion="2")]
    admission = structured(json.dumps(events).encode(), Form.BATCHED, frozenset({17}))
    assert [admission.rejected.get(n, (None,))[0] for n in range(4)] == [None, "forbidden_org", "forbidden_org", "not_allowed"]
    assert admission.event_ids[:3] == [e["id"] for e in events[:3]]


EVENTS = st.builds(
    lambda make, org_id, event_id, occurred_at, extra: (
        make(occurred_at=occurred_at, **extra(make)) | {"org_id": org_id, "event_id": event_id}
    ),
    st.sampled_from([started, login, ai]),
    st.none() | st.integers(1, 2**31 - 1),
    st.uuids().map(str) | st.from_regex(r"\A[A-Za-z0-9_.:-]{8,64}\Z"),
    st.just(now_text()) | st.datetimes(datetime(2001, 1, 1), datetime(2025, 1, 1), timezones=st.just(UTC)).map(lambda at: at.isoformat()),
    st.dictionaries(st.from_regex(r"\Ax_[a-z]{1,6}\Z"), st.text(max_size=20) | st.integers() | st.booleans() | st.lists(st.integers())).map(
        lambda more: lambda make: more if make is started else {}
    ),
)


@settings(max_examples=100, deadline=None)
@given(EVENTS, st.booleans(), st.sampled_from([None, 1]), st.booleans())
def test_any_event_is_the_same_in_all_four_forms(event: dict, names_its_type: bool, indent: int | None, is_ascii: bool) -> None:
    payload = json.dumps(event["payload"], indent=indent, ensure_ascii=is_ascii).encode("utf-8", "surrogatepass")
    kind = event["contract"] + (f".{event['payload']['event_type']}" if names_its_type else "")
    attributes = {"specversion": "1.0", "id": event["event_id"], "source": "/x", "type": kind, "subject": "é", "orgid": event["org_id"]}
    attributes = {k: v for k, v in attributes.items() if v is not None}
    ours = b'{"event_id":%b,"contract":%b,"org_id":%b,"payload":%b}' % (
        *(json.dumps(event[k]).encode() for k in ("event_id", "contract", "org_id")),
        payload,
    )
    ce = json.dumps(attributes)[:-1].encode() + b', "data": %b}' % payload
    headers = [(f"ce-{k}".encode(), quote(str(v), safe="").encode()) for k, v in attributes.items()]
    admissions = [
        FORMS.admit(form, sent, body, "univprep", NOW, orgs)
        for form, sent, body in (
            (Form.OURS, [], ours),
            (Form.BINARY, headers, payload),
            (Form.STRUCTURED, [], ce),
            (Form.BATCHED, [], b"[%b, %b]" % (ce, ce)),
        )
        for orgs in (None, frozenset({event["org_id"]}))
    ]
    told = [(dict.fromkeys(a.rejected.values()), dict.fromkeys(map(envelope.encode, envelopes(a)))) for a in admissions]
    assert all(one == told[0] for one in told)
    assert len(told[0][0]) + len(told[0][1]) == 1


JUNK = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text() | st.integers(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(max_examples=100, deadline=None)
@given(
    st.fixed_dictionaries(
        {}, optional={name: JUNK for name in (*cloud_event(), "time", "subject", "dataschema", "datacontenttype", "data_base64", "x")}
    ),
    st.lists(st.tuples(st.sampled_from([b"ce-id", b"ce-type", b"ce-source", b"ce-time", b"ce-x", b"ce-"]), st.binary(max_size=20))),
)
def test_nothing_makes_the_reading_fail(event: dict, headers: list[tuple[bytes, bytes]]) -> None:
    body = json.dumps(cloud_event() | event).encode()
    structured(body)
    structured(b"[%b]" % body, Form.BATCHED)
    FORMS.admit(Form.BINARY, [(b"ce-specversion", b"1.0"), *headers], body, "univprep", NOW, frozenset({1}))
