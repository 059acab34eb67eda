"""The bad-input table, against a real collector: for each kind a clear verdict, and never a 500 (run with -s to see it)."""

import asyncio
import gzip
import json
import re
import zlib
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sample_events import ai, login, now_text, started, text

from collectors.events.answers import Refusal
from collectors.events.openapi import events_path
from collectors.events.request import Reader
from lakehouse.contracts import registry
from tests.collectors.conftest import Running

GOOD = json.dumps(started()).encode()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Running:
    collector = Running(tmp_path_factory.mktemp("home"))
    yield collector
    log = Path(collector.errors).read_text()
    assert collector.stop() == 0
    assert "collect_failed" not in log, log


def zstd(data: bytes) -> bytes:
    return zstandard.compress(data)


def zstd_stream(data: bytes, window_log: int = 20) -> bytes:
    """As a client writes it that does not know the size before: the frame does not tell it."""
    parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=window_log)
    stream = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    return stream.compress(data) + stream.flush()


GZIP, ZSTD = {"content-encoding": "gzip"}, {"content-encoding": "zstd"}
SKIPPABLE = b"\x50\x2a\x4d\x18\x04\0\0\0abcd"
CLOUD_EVENT = {"specversion": "1.0", "id": started()["event_id"], "source": "/x", "type": "exam.events", "data": started()["payload"]}
BINARY = {f"ce-{name}": CLOUD_EVENT[name] for name in ("specversion", "id", "source", "type")}


def deep(levels: int) -> bytes:
    return GOOD.replace(b'"exam_id"', b'"deep": ' + b"[" * levels + b"]" * levels + b', "exam_id"')


BAD_INPUT = {
    # case: (body, headers, status, code, field)
    "malformed JSON": (b'[{"event_id": ', {}, 400, "malformed_json", None),
    "trailing comma": (GOOD[:-1] + b",}", {}, 400, "malformed_json", None),
    "two documents": (GOOD + GOOD, {}, 400, "malformed_json", None),
    "NaN": (GOOD.replace(b'"exam-1"', b'"exam-1", "score": NaN'), {}, 400, "malformed_json", None),
    "Infinity": (GOOD.replace(b'"exam-1"', b'"exam-1", "score": -Infinity'), {}, 400, "malformed_json", None),
    "infinite float": (GOOD.replace(b'"exam-1"', b'"exam-1", "score": 1e999'), {}, 400, "out_of_range", "score"),
    "huge integer": (text(started(item_count=10**400)), {}, 400, "out_of_range", "item_count"),
    "not UTF-8": (GOOD.replace(b"exam-1", b"exam-\xff"), {}, 400, "malformed_json", None),
    "UTF-16": (GOOD.decode().encode("utf-16"), {}, 400, "malformed_json", None),
    "lone surrogate": (GOOD.replace(b"exam-1", b"exam-\\ud800"), {}, 400, "malformed_json", None),
    "duplicate key": (GOOD.replace(b'"exam_id"', b'"exam_id": "exam-2", "exam_id"'), {}, 400, "malformed_json", "payload"),
    "nesting without end": (b"[" * 1_000_000, {}, 400, "malformed_json", None),
    "deep nesting inside": (deep(50_000), {}, 400, "malformed_json", None),
    "wrong type": (text(started(score="high")), {}, 400, "wrong_type", "score"),
    "wrong type of payload": (text(started() | {"payload": "x"}), {}, 400, "wrong_type", "payload"),
    "wrong type of event": (b"[17]", {}, 400, "wrong_type", None),
    "neither object nor array": (b'"hello"', {}, 400, "wrong_type", None),
    "missing field": (text(started(exam_id=None)), {}, 400, "missing_field", "exam_id"),
    "unknown stream": (text(started() | {"contract": "exam.evenst"}), {}, 400, "unknown_contract", "contract"),
    "table, not stream": (text(started() | {"contract": "source.users"}), {}, 400, "unknown_contract", "contract"),
    "unknown event type": (text(started(event_type="attempt_paused")), {}, 400, "unknown_event_type", "event_type"),
    "value not listed": (text(started(device_type="fridge")), {}, 400, "not_allowed", "device_type"),
    "time without offset": (text(started(occurred_at="2026-01-01T00:00:00")), {}, 400, "bad_format", "occurred_at"),
    "far future": (text(started(occurred_at="2999-01-01T00:00:00Z")), {}, 400, "in_the_future", "occurred_at"),
    "end of time": (text(started(occurred_at="9999-12-31T23:59:59.999999-23:59")), {}, 400, "in_the_future", "occurred_at"),
    "clock two hours ahead": (text(started(occurred_at=now_text(hours=2))), {}, 400, "in_the_future", "occurred_at"),
    "far past": (text(started(occurred_at="1970-01-01T00:00:00Z")), {}, 400, "too_long_ago", "occurred_at"),
    "NUL byte": (GOOD.replace(b"exam-1", b"exam\x00"), {}, 400, "malformed_json", None),
    "NUL character": (text(started(skill="a\0b")), {}, 400, "nul_character", "skill"),
    "decimal NaN": (text(ai(cost_usd="NaN")), {}, 400, "bad_format", "cost_usd"),
    "bad event_id": (text(started() | {"event_id": "x"}), {}, 400, "bad_format", "event_id"),
    "bad tenant": (text(started() | {"org_id": -1}), {}, 400, "out_of_range", "org_id"),
    "unknown field, kept": (text(started(shoe_size=42)), {}, 202, None, None),
    "unknown field, refused": (text(login(shoe_size=42)), {}, 400, "unknown_field", "shoe_size"),
    "mixed batch": (text(started(), started(score="high"), login()), {}, 207, "wrong_type", "score"),
    "empty array": (b"[]", {}, 400, "empty", None),
    "empty body": (b"", {}, 400, "empty", None),
    "1,000 events": (text(*[started()] * 1_000), {}, 202, None, None),
    "1,001 events": (text(*[started()] * 1_001), {}, 413, "too_large", None),
    "payload of 1.1 MB": (text(started(answer_text="x" * 1_100_000)), {}, 400, "too_large", "payload"),
    "10 MB body": (b"[" + b" " * 10_000_000 + b"]", {}, 413, "too_large", None),
    "gzip": (gzip.compress(text(started())), {"content-encoding": "gzip"}, 202, None, None),
    "gzip in two members": (gzip.compress(b"[") + gzip.compress(GOOD + b"]"), {"content-encoding": "gzip"}, 202, None, None),
    "gzip bomb": (gzip.compress(b" " * 200_000_000, 1), {"content-encoding": "gzip"}, 413, "too_large", None),
    "cut gzip": (gzip.compress(text(started()))[:-9], {"content-encoding": "gzip"}, 400, "malformed_json", None),
    "no gzip": (GOOD, {"content-encoding": "gzip"}, 400, "malformed_json", None),
    "zlib for gzip": (zlib.compress(GOOD), {"content-encoding": "gzip"}, 400, "malformed_json", None),
    "gzip of 1,000 empty members": (gzip.compress(b"") * 1_000 + gzip.compress(GOOD), GZIP, 400, "malformed_json", None),
    "zstd": (zstd(text(started())), ZSTD, 202, None, None),
    "zstd of unknown size": (zstd_stream(text(started())), ZSTD, 202, None, None),
    "zstd in two frames": (zstd(b"[") + zstd_stream(GOOD + b"]"), ZSTD, 202, None, None),
    "zstd after an empty and a skippable frame": (zstd(b"") + SKIPPABLE + zstd(text(started())), ZSTD, 202, None, None),
    "zstd bomb that says so": (zstd(b" " * 200_000_000), ZSTD, 413, "too_large", None),
    "zstd bomb that does not": (zstd_stream(b" " * 200_000_000), ZSTD, 413, "too_large", None),
    "zstd bomb in frames": (zstd(b" " * 4_000_000) * 3, ZSTD, 413, "too_large", None),
    "zstd with a window of 128 MB": (zstd_stream(text(started()), 27), ZSTD, 400, "malformed_json", None),
    "zstd of 1,000 empty frames": (zstd(b"") * 1_000 + zstd(GOOD), ZSTD, 400, "malformed_json", None),
    "cut zstd": (zstd(text(started()))[:-2], ZSTD, 400, "malformed_json", None),
    "cut second frame": (zstd(b"[") + zstd_stream(GOOD + b"]")[:-2], ZSTD, 400, "malformed_json", None),
    "zstd and junk": (zstd(GOOD) + b"junk", ZSTD, 400, "malformed_json", None),
    "no zstd": (GOOD, ZSTD, 400, "malformed_json", None),
    "gzip for zstd": (gzip.compress(GOOD), ZSTD, 400, "malformed_json", None),
    "CloudEvent": (json.dumps(CLOUD_EVENT).encode(), {"content-type": "application/cloudevents+json"}, 202, None, None),
    "CloudEvent in zstd": (
        zstd(json.dumps(CLOUD_EVENT).encode()),
        ZSTD | {"content-type": "application/cloudevents+json"},
        202,
        None,
        None,
    ),
    "CloudEvents": (json.dumps([CLOUD_EVENT] * 3).encode(), {"content-type": "application/cloudevents-batch+json"}, 202, None, None),
    "CloudEvents, some bad": (
        json.dumps([CLOUD_EVENT, CLOUD_EVENT | {"specversion": "2"}]).encode(),
        {"content-type": "application/cloudevents-batch+json"},
        207,
        "not_allowed",
        "specversion",
    ),
    "CloudEvents, not an array": (
        json.dumps(CLOUD_EVENT).encode(),
        {"content-type": "application/cloudevents-batch+json"},
        400,
        "wrong_type",
        None,
    ),
    "binary CloudEvent": (json.dumps(CLOUD_EVENT["data"]).encode(), BINARY, 202, None, None),
    "binary CloudEvent without an id": (
        b"{}",
        {"ce-specversion": "1.0", "ce-source": "/x", "ce-type": "exam.events"},
        400,
        "missing_field",
        "id",
    ),
    "CloudEvent in XML": (b"<x/>", {"content-type": "application/cloudevents+xml"}, 415, "unsupported_media_type", None),
    "unknown encoding": (GOOD, {"content-encoding": "br"}, 415, "unsupported_encoding", None),
    "wrong content type": (GOOD, {"content-type": "text/plain"}, 415, "unsupported_media_type", None),
    "unknown host": (GOOD, {"host": "example.org"}, 421, "unknown_site", None),
    "host in capitals, www and port": (GOOD, {"host": "WWW.UnivPrepAI.com:8080"}, 202, None, None),
    "Sent-At that is no time": (GOOD, {"sent-at": "yesterday"}, 400, "bad_sent_at", None),
    "Sent-At without offset": (GOOD, {"sent-at": "2026-01-01T00:00:00"}, 400, "bad_sent_at", None),
    "Sent-At of a clock never set": (GOOD, {"sent-at": "0"}, 202, None, None),
    "wrong method": (None, {}, 405, "method_not_allowed", None),
}


@pytest.mark.parametrize("case", BAD_INPUT)
def test_each_kind_has_a_verdict(running: Running, case: str) -> None:
    body, headers, status, code, field = BAD_INPUT[case]
    answer = running.client.get("/v1/events") if body is None else running.client.post("/v1/events", content=body, headers=headers)
    told = answer.json()
    verdict = told if "code" in told else next((r for r in told.get("results", ()) if r["status"] == "rejected"), {})
    print(f"{case:32} {answer.status_code} {verdict.get('code') or 'accepted':20} {verdict.get('field') or ''}")
    assert (answer.status_code, verdict.get("code"), verdict.get("field")) == (status, code, field)


def test_a_mixed_batch_has_a_verdict_an_event(running: Running) -> None:
    events = [started(), started(score=101), login(colour="red"), login()]
    answer = running.post(text(*events))
    assert answer.status_code == 207
    assert answer.json() == {
        "accepted": 2,
        "rejected": 2,
        "results": [
            {"index": 0, "event_id": events[0]["event_id"], "status": "accepted"},
            {"index": 1, "event_id": events[1]["event_id"], "status": "rejected", "code": "out_of_range", "field": "score"},
            {"index": 2, "event_id": events[2]["event_id"], "status": "rejected", "code": "unknown_field", "field": "colour"},
            {"index": 3, "event_id": events[3]["event_id"], "status": "accepted"},
        ],
    }


def test_a_clock_ahead_is_corrected_where_it_says_so(running: Running) -> None:
    ahead = started(occurred_at=now_text(hours=2))
    before = running.metrics()
    assert running.post(text(ahead)).status_code == 400
    assert running.post(text(ahead), sent_at=now_text(hours=2)).status_code == 202
    assert running.post(text(ahead), sent_at=now_text(hours=2, minutes=-11)).status_code == 400
    assert running.post(text(ahead), sent_at=now_text(days=8)).status_code == 400
    gained = {k: v - before.get(k, 0) for k, v in running.metrics().items() if k.startswith("requests_clock_skewed_total")}
    assert gained == {
        'requests_clock_skewed_total{verdict="corrected"}': 2,
        'requests_clock_skewed_total{verdict="implausible"}': 1,
    }


def peak_bytes(running: Running) -> int:
    status = Path(f"/proc/{running.process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024


def test_neither_a_large_body_nor_a_bomb_is_held_in_memory(running: Running) -> None:
    assert running.post(text(*[started()] * 1_000)).status_code == 202
    before = peak_bytes(running)
    for body in (b" " * 35_000_000, (b" " * 1_000_000 for _ in range(35))):  # announced by Content-Length; in chunks
        assert running.client.post("/v1/events", content=body).status_code == 413
    assert running.post(gzip.compress(b" " * 200_000_000, 1), content_encoding="gzip").status_code == 413
    assert running.post(zstd_stream(b" " * 200_000_000), content_encoding="zstd").status_code == 413
    assert peak_bytes(running) - before < 25_000_000


def test_malformed_json_names_the_byte(running: Running) -> None:
    assert running.post(b'[{"a": 1}, {"b": NaN}]').json()["position"] == 17


def test_the_body_is_never_told_back(running: Running) -> None:
    for event in (started(user_id="Kim Minsu"), started(device_type="Kim Minsu"), login(**{"Kim Minsu": 1}), {"event_id": "Kim Minsu"}):
        assert "Kim" not in running.post(text(event)).text
    assert "Kim" not in running.client.get("/metrics").text
    assert "Kim" not in running.errors.read_text()


BODIES = st.binary(max_size=200) | st.builds(
    lambda at, junk: GOOD[:at] + junk + GOOD[at + len(junk) :], st.integers(0, len(GOOD)), st.binary(max_size=4)
)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "content-encoding": st.sampled_from(["gzip", "identity", "", "zstd"]),
        "content-type": st.sampled_from(["application/json", "application/json; charset=utf-8", "", "text/csv"]),
        "host": st.sampled_from(["kzone", "my-ktube.ai", "[::1]:80", "univprepai.com:1:2"]),
    },
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=BODIES, headers=HEADERS)
def test_nothing_that_is_sent_makes_the_collector_fail(running: Running, body: bytes, headers: dict) -> None:
    answer = running.client.post("/v1/events", content=body, headers=headers)
    assert answer.status_code in (202, 207, 400, 415, 421), answer.text


def test_health_figures_and_description(running: Running) -> None:
    running.post(text(started(), started(score=-1)))
    assert running.client.get("/healthz").json() == {"status": "alive"}
    assert running.client.get("/readyz").json() == {"status": "ready", "waiting_bytes": 0, "spooled": [], "spool_bytes": 0}
    figures = running.metrics()
    assert figures['events_received_total{contract="exam.events",status="accepted",zone_id="univprep"}'] >= 1
    assert figures['events_rejected_total{code="out_of_range"}'] >= 1
    assert figures['request_latency_seconds_count{status="207"}'] >= 1
    assert figures['pubsub_messages_published_total{sink="bus",topic="exam.events"}'] >= 1
    assert figures['pubsub_publish_latency_seconds_count{sink="bus"}'] >= 1
    described = running.client.get("/openapi.json").json()["paths"]
    assert described["/v1/events"] == json.loads(json.dumps(events_path()))  # which conftest.py holds every answer to
    streams = [c["contract"] for c in running.client.get("/v1/contracts").json()]
    assert "exam.events" in streams and "source.users" not in streams
    assert running.client.get("/v1/contracts/exam.events").json()["properties"]["score"]["maximum"] == 100
    assert running.client.get("/v1/contracts/source.users").status_code == 404


def test_a_body_that_is_too_large_with_its_last_piece_is_refused_at_once() -> None:
    """The server has no more to give after it: who asks waits until the client leaves."""

    async def ask() -> None:
        coming = asyncio.Queue()
        coming.put_nowait({"type": "http.request", "body": b"12345", "more_body": True})
        coming.put_nowait({"type": "http.request", "body": b"67890", "more_body": False})
        await asyncio.wait_for(Reader(registry(), 8, 100).body({}, coming.get), timeout=5)

    with pytest.raises(Refusal) as refused:
        asyncio.run(ask())
    assert (refused.value.status, refused.value.code) == (413, "too_large")
