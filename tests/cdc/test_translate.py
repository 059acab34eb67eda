"""Debezium's JSON into envelopes: the rules, on lines as Debezium 3.6.3 writes them."""

import base64
import json
from datetime import UTC, datetime

import pytest

from collectors.cdc.publishing import Position, confirmable
from collectors.cdc.translate import Setting, Translated, Translator
from lakehouse import envelope
from lakehouse.contracts import registry

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
TS_US = 1_795_608_000_123_456  # 2026-11-25T12:00:00.123456Z
EPOCH, FLOOR = 1_795_000_000, 500
MARK = "unchanged:0123456789abcdef"
TOLD = {"public.attempts": {"attempt_id", "started_at"}, "public.users": {"user_id", "zone_id", "org_id", "role", "updated_at"}}
ATTEMPT = {
    "attempt_id": "a-1", "exam_id": "e-1", "user_id": "u-1", "attempt_status": "finished", "started_at": "2025-11-23T01:00:00.000000Z",
    "finished_at": None, "score": "88.50", "theta": 0.25, "zone_id": "kzone", "org_id": 7, "updated_at": "2025-11-23T01:00:00.123456Z",
}  # fmt: skip


def translator(secret: bytes = b"s" * 32, epoch: int = EPOCH) -> Translator:
    names = ("organizations", "users", "attempts", "ai_requests")
    tables = {f"public.{n}": registry().get(f"source.{n}") for n in names}
    told = {f"public.{n}": {"org_id", "ai_request_id"} for n in names} | TOLD
    zones = [z.zone_id for z in registry().zones]
    return Translator(
        Setting(tables, told, registry().get("source.table_floors"), registry().here, zones, zones[0], epoch, FLOOR, secret, MARK)
    )


def line(op: str, table: str, after: dict | None = None, before: dict | None = None, lsn: int = 1_000) -> bytes:
    source = {"version": "3.6.3.Final", "schema": "public", "table": table, "lsn": lsn, "ts_us": TS_US, "txId": 9, "snapshot": "false"}
    return json.dumps(
        {"before": before, "after": after, "source": source, "transaction": None, "op": op, "ts_ms": 1}, separators=(",", ":")
    ).encode()


def one(*lines: bytes, **how) -> tuple[envelope.Envelope, dict]:
    done = translator(**how).translate(lines, NOW)
    (made,) = (x for lines in done.lines.values() for x in lines)
    read = envelope.decode(made)
    return read, json.loads(bytes(read.payload))


def test_a_change_is_an_envelope_with_a_position() -> None:
    read, payload = one(line("u", "attempts", ATTEMPT))
    assert (read.contract, read.zone_id, read.org_id, read.subject, read.source) == ("source.attempts", "kzone", 7, "u-1", "cdc")
    assert payload == {
        "op": "u", "changed_at": "2025-11-23T01:00:00.123456Z", "source_lsn": 1_000, "source_epoch": EPOCH, "attempt_id": "a-1",
        "exam_id": "e-1", "user_id": "u-1", "attempt_status": "finished", "started_at": "2025-11-23T01:00:00.000000Z", "score": 88.5,
        "theta": 0.25,
    }  # fmt: skip


def test_rows_of_tenants_of_another_region_are_left_to_it_and_counted() -> None:
    abroad = ATTEMPT | {"org_id": registry().region("tokyo").first_org_id}
    done = translator().translate([line("u", "attempts", ATTEMPT), line("c", "attempts", abroad), line("d", "users", None, abroad)], NOW)
    assert sum(map(len, done.lines.values())) == 1 and done.counts.total() == 1
    assert done.abroad == {"attempts": 1, "users": 1} and len(done.lsns) == 3


def test_an_event_id_follows_from_the_change_and_tells_nobody() -> None:
    again = one(line("u", "attempts", ATTEMPT | {"score": "1.00"}))[0].event_id
    ids = {
        one(line("u", "attempts", ATTEMPT))[0].event_id,
        one(line("c", "attempts", ATTEMPT))[0].event_id,
        one(line("u", "attempts", ATTEMPT, lsn=1_001))[0].event_id,
        one(line("u", "attempts", ATTEMPT | {"attempt_id": "a-2"}))[0].event_id,
        one(line("u", "attempts", ATTEMPT), epoch=EPOCH + 1)[0].event_id,
        one(line("u", "attempts", ATTEMPT), secret=b"t" * 32)[0].event_id,  # without the secret nobody can try out keys
    }
    assert len(ids) == 6 and again in ids
    assert all(len(i) == 36 and i.startswith("cdc.") and "a-1" not in i for i in ids)


@pytest.mark.parametrize(
    "when", ["infinity", "+294247-01-10T04:00:25.2Z", "1970-01-01T00:00:00.000000Z", "2031-01-01T00:00:00.000000Z", None]
)
def test_a_time_that_cannot_be_is_replaced_by_that_of_the_commit(when: str | None) -> None:
    assert one(line("u", "attempts", ATTEMPT | {"updated_at": when}))[1]["changed_at"] == "2026-11-25T12:00:00.123456Z"


def test_what_a_snapshot_reads_lies_at_the_floor() -> None:
    """A transaction that was open while the slot was made commits later, with changes that lie before the slot's own place."""
    assert one(line("r", "attempts", ATTEMPT, lsn=9_999))[1]["source_lsn"] == FLOOR


def test_a_deleted_row_tells_its_identity_alone() -> None:
    """Debezium fills the other columns with the defaults of their types, which are not true."""
    filled = ATTEMPT | {"user_id": "", "zone_id": "", "org_id": None, "score": None}
    read, payload = one(line("d", "attempts", None, filled))
    assert payload == {
        "op": "d", "changed_at": "2026-11-25T12:00:00.123456Z", "source_lsn": 1_000, "source_epoch": EPOCH, "attempt_id": "a-1",
        "started_at": "2025-11-23T01:00:00.000000Z",
    }  # fmt: skip
    assert (read.zone_id, read.org_id, read.subject) == ("univprep", None, None)
    whole, _ = one(line("d", "users", None, {"user_id": "u-1", "zone_id": "kzone", "org_id": 4, "role": "student", "updated_at": None}))
    assert (whole.zone_id, whole.org_id, whole.subject) == ("kzone", 4, "u-1")


@pytest.mark.parametrize("value", [MARK, [MARK], base64.b64encode(MARK.encode()).decode()])
def test_an_unchanged_toasted_value_is_named_and_left_out(value: object) -> None:
    _, payload = one(line("u", "attempts", ATTEMPT | {"exam_id": value}))
    assert payload["unchanged_fields"] == ["exam_id"] and "exam_id" not in payload


def test_a_column_in_no_contract_goes_along_and_is_counted() -> None:
    done = translator().translate([line("u", "attempts", ATTEMPT | {"proctor": "x", "op": "y"})] * 2, NOW)
    payload = json.loads(bytes(envelope.decode(done.lines["source.attempts"][0]).payload))
    assert (payload["proctor"], payload["column_op"], payload["op"]) == ("x", "y", "u")
    assert done.drift == {("attempts", "proctor"): 2, ("attempts", "op"): 2}


def test_the_key_of_an_organization_is_on_its_envelope() -> None:
    row = {
        "org_id": 3,
        "zone_id": "kzone",
        "org_name": "A",
        "org_type": "school",
        "country_code": None,
        "created_at": "2025-01-01T00:00:00.000000Z",
    }
    read, payload = one(line("c", "organizations", row))
    assert read.org_id == 3 and "org_id" not in payload and "zone_id" not in payload


def test_truncate_and_the_end_of_a_snapshot_are_floors() -> None:
    done = translator().translate([line("t", "attempts", lsn=77)], NOW)
    floors = [envelope.decode(f) for f in done.floors + translator().floors(["users"], FLOOR, "snapshot", NOW)]
    told = [json.loads(bytes(f.payload)) for f in floors]
    assert {f.contract for f in floors} == {"source.table_floors"}
    assert [(t["table_name"], t["source_lsn"], t["floor_reason"]) for t in told] == [
        ("attempts", 77, "truncate"),
        ("users", FLOOR, "snapshot"),
    ]


def test_only_rows_are_published() -> None:
    others = [b'{"ts_ms":1795623079843}', line("m", ""), line("c", "spatial_ref_sys", {"a": 1}), b'{"status":"BEGIN","id":"9","ts_ms":1}']
    done = translator().translate(others, NOW)
    assert (done.lines, done.unreadable, done.floors, len(done.lsns)) == ({}, [], [], 4)


@pytest.mark.parametrize(
    "broken",
    [
        line("c", "attempts", {k: v for k, v in ATTEMPT.items() if k != "attempt_id"}),
        line("c", "attempts", ATTEMPT | {"attempt_id": None}),
        line("c", "attempts", None),
        line("c", "attempts", ATTEMPT)[:-20],
        b"\xff\xfe",
    ],
)
def test_what_cannot_be_read_goes_on_as_it_is(broken: bytes) -> None:
    done = translator().translate([broken], NOW)
    assert done.lines == {} and [x for _, x in done.unreadable] == [broken]
    assert done.unreadable[0][0] == ("source.table_floors" if broken.startswith(b"\xff") else "source.attempts")


def test_counts_by_tenant() -> None:
    done: Translated = translator().translate([line("c", "attempts", ATTEMPT), line("d", "attempts", None, ATTEMPT)], NOW)
    assert done.counts == {("attempts", "kzone", 7, "c"): 1, ("attempts", "univprep", None, "d"): 1}


@pytest.mark.parametrize(
    ("lsns", "position", "count"),
    [
        ([10, 20, 20], Position(20, False, "INSERT"), 1),  # a third row at 20 may be in the next batch
        ([10, 20, None], Position(20, False, "INSERT"), 1),  # a heartbeat between two rows of one record
        ([20, 20, 20], Position(20, False, "INSERT"), 0),
        ([10, 20, 20, None], Position(25, False, "COMMIT"), 4),
        ([100, 110, 90], Position(90, False, "UPDATE"), 2),  # a transaction that began earlier ends later
        ([None, None], Position(20, False, "INSERT"), 0),
        ([5, 5], Position(5, False, ""), 2),  # a snapshot's end: nothing was streamed yet
    ],
)
def test_a_change_with_company_waits(lsns: list, position: Position, count: int) -> None:
    assert confirmable(lsns, position) == count
