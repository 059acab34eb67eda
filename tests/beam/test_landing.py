"""Reading messages: what is an envelope of this topic, and what is kept as a dead letter instead."""

import json
from datetime import UTC, datetime

import pytest

from beam_pipelines import pulling
from beam_pipelines.landing import EnvelopeReader
from lakehouse import places
from lakehouse.contracts import registry
from lakehouse.envelope import pack
from lakehouse.storage.local import LocalFiles
from lakehouse.storage.memory import MemoryBus
from lakehouse.verdicts import Rejection

CONTRACT = registry().get("exam.events")


def line(**changes) -> bytes:
    envelope = {"event_id": "event-0001", "contract": "exam.events", "contract_version": "1.0.0", "source": "http", "zone_id": "univprep"}
    envelope |= {"org_id": None, "subject": "kim", "received_at": "2026-03-02T00:00:00Z", "payload": {"user_id": "kim"}} | changes
    return json.dumps({k: v for k, v in envelope.items() if v != "absent"}).encode()


def read(*messages: bytes):
    return EnvelopeReader(registry(), CONTRACT).read(messages)


def test_a_packed_batch_and_a_bare_envelope_are_both_taken() -> None:
    envelopes, unreadable = read(*pack([line(), line(event_id="event-0002")]), line(event_id="event-0003"))
    assert [e.event_id for e in envelopes] == ["event-0001", "event-0002", "event-0003"]
    assert unreadable == []


@pytest.mark.parametrize(
    "wrong, verdict",
    [
        (b"no envelope", ("unreadable_message", None)),
        (b"\x28\xb5\x2f\xfd torn", ("unreadable_message", None)),
        (pack([line()])[0] + pack([line()])[0], ("unreadable_message", None)),  # the second frame would be left out unseen
        (b"[1, 2]", ("bad_envelope", None)),
        (line()[:-1], ("unreadable_message", None)),
        (line().replace(b"kim", b"\xff\xfe"), ("unreadable_message", None)),
        (line(event_id="absent"), ("bad_envelope", "event_id")),
        (line(event_id="kim@example.com"), ("bad_envelope", "event_id")),
        (line(event_id="short"), ("bad_envelope", "event_id")),
        (line(zone_id="elsewhere"), ("bad_envelope", "zone_id")),
        (line(org_id=0), ("bad_envelope", "org_id")),
        (line(org_id="17"), ("bad_envelope", "org_id")),
        (line(source="HTTP!"), ("bad_envelope", "source")),
        (line(contract_version="1"), ("bad_envelope", "contract_version")),
        (line(received_at="2026-03-02T00:00:00"), ("bad_envelope", "received_at")),
        (line(clock_skew_ms=604_800_001), ("bad_envelope", "clock_skew_ms")),
        (line(clock_skew_ms="1"), ("bad_envelope", "clock_skew_ms")),
        (line(received_at="0001-01-01T00:00:00+14:00"), ("bad_envelope", "received_at")),
        (line(received_at="9999-12-31T23:59:59-14:00"), ("bad_envelope", "received_at")),
        (line(subject="k" * 129), ("bad_envelope", "subject")),
        (line(contract="no.such.contract"), ("unknown_contract", "contract")),
        (line(contract="auth.login.events"), ("bad_envelope", "contract")),  # who may publish here may not publish there
    ],
)
def test_what_is_no_envelope_of_this_topic(wrong: bytes, verdict: tuple) -> None:
    for message in (wrong, *pack([line(event_id="event-0002"), wrong])):
        envelopes, unreadable = read(message)
        if message.startswith(b"\x28\xb5\x2f\xfd") and not wrong.startswith(b"\x28"):
            assert [e.event_id for e in envelopes] == ["event-0002"], "one bad line must not take the others along"
        assert [(u.data, u.verdict) for u in unreadable] == [(wrong if envelopes else message, Rejection(*verdict))]


def sheet(*events: dict, **changes) -> bytes:
    same = json.loads(line(**changes))
    shared = {
        name: same[name] for name in ("contract", "contract_version", "source", "zone_id", "received_at", "clock_skew_ms") if name in same
    }
    return json.dumps([shared, [{"contract": "exam.events", "payload": {"user_id": "kim"}} | e for e in events]]).encode()


def test_a_sheet_holds_the_envelopes_of_its_events() -> None:
    events = [{"event_id": f"event-{n:04}", "org_id": n or None, "payload": {"user_id": f"u{n}", "n": n}} for n in range(3)]
    lines = [line(clock_skew_ms=5, subject=e["payload"]["user_id"], **e) for e in events]
    for message in pack([sheet(*events, clock_skew_ms=5)]), [sheet(*events, clock_skew_ms=5)]:
        assert read(*message) == read(*pack(lines))
    assert len(read(*lines)[0]) == 3


def test_an_event_of_a_sheet_that_is_wrong_takes_no_other_along_and_can_come_again_alone() -> None:
    envelopes, [wrong] = read(*pack([sheet({"event_id": "event-0001"}, {"event_id": "short"}, {"event_id": "event-0003"})]))
    assert [(e.event_id, e.subject) for e in envelopes] == [("event-0001", "kim"), ("event-0003", "kim")]
    assert wrong.verdict == Rejection("bad_envelope", "event_id")
    (again,), [] = read(wrong.data.replace(b"short", b"event-0002"))
    assert (again.event_id, again.subject, again.received_at) == ("event-0002", "kim", envelopes[0].received_at)


@pytest.mark.parametrize(
    "changes, verdict",
    [({"zone_id": "elsewhere"}, ("bad_envelope", "zone_id")), ({"contract": "auth.login.events"}, ("bad_envelope", "contract"))],
)
def test_what_a_sheet_says_of_all_is_held_against_each(changes: dict, verdict: tuple) -> None:
    events = [{"event_id": "event-0001"}, {"event_id": "event-0002"}]
    envelopes, unreadable = read(*pack([line(event_id="event-0003"), sheet(*events, **changes)]))
    assert [e.event_id for e in envelopes] == ["event-0003"]
    assert [u.verdict for u in unreadable] == [Rejection(*verdict)] * 2


def test_a_sheet_that_cannot_be_read_is_kept_whole() -> None:
    for torn in (sheet({"event_id": "event-0001"})[:-1], sheet({"payload": {}}), b"[1, 2]"):
        envelopes, [kept] = read(*pack([line(event_id="event-0003"), torn]))
        assert (len(envelopes), kept.data) == (1, torn)


def test_whom_a_record_is_about_is_read_from_its_payload_where_the_publisher_left_it_out() -> None:
    envelopes, _ = read(line(subject=None), line(subject=None, payload={}), line(subject=None, payload="{"), line(subject="lee"))
    assert [e.subject for e in envelopes] == ["kim", None, None, "lee"]


def test_what_the_contract_of_the_envelope_does_not_ask_for_may_be_absent() -> None:
    optional = [f.name for f in registry().get("platform.envelope").fields if not f.required]
    envelopes, unreadable = read(line(**dict.fromkeys(optional, "absent")))
    assert (len(envelopes), unreadable) == (1, [])
    assert {n: getattr(envelopes[0], n) for n in optional} == dict.fromkeys(optional) | {"subject": "kim"}


class _Puller:
    """A bus that outlives its lander, and landers that are killed at will."""

    def __init__(self, folder, messages: int) -> None:
        self.bus, self.files = MemoryBus(), LocalFiles(folder)
        self.bus.publish(CONTRACT.topic, [b"message %03d" % n for n in range(messages)])

    def start(self) -> pulling.Puller:
        self.bus = MemoryBus(self.bus.kept)
        return pulling.Puller(self.bus, self.files, [CONTRACT])

    def commit(self, pulled) -> None:
        told = {"batch_id": pulled.batch_id, "first_received_at": "", "files": [], "messages": [*pulled.messages]}
        self.files.put(places.raw_commit(CONTRACT.domain, CONTRACT.table, pulled.batch_id), json.dumps(told).encode())


def _taken(puller: pulling.Puller) -> list[tuple[str, list[bytes]]]:
    return [(p.batch_id, list(p.messages.values())) for p in puller.take(1000, 0) or []]


def test_killed_before_the_commit_the_same_messages_make_the_same_batch(tmp_path) -> None:
    world = _Puller(tmp_path, messages=5)
    first = _taken(world.start())
    world.bus.publish(CONTRACT.topic, [b"one more"])
    again = _taken(world.start())
    assert sorted(again) == sorted([*first, (again[0][0], [b"one more"])])


def test_killed_after_the_commit_messages_are_only_acknowledged(tmp_path) -> None:
    world = _Puller(tmp_path, messages=5)
    [pulled] = world.start().take(1000, 0)
    world.commit(pulled)
    successor = world.start()
    assert successor.take(1000, 0) == []
    successor.done()
    assert successor.take(1000, 0) is None


def test_killed_in_the_middle_of_the_acknowledgement_the_commit_stands(tmp_path) -> None:
    """The rest must not be landed under the old name: that would overwrite the whole with a part."""
    world = _Puller(tmp_path, messages=5)
    [pulled] = world.start().take(1000, 0)
    world.commit(pulled)
    world.bus.kept.acked |= {(CONTRACT.topic, pulling.SUBSCRIPTION, number) for number in (0, 2)}
    assert world.start().take(1000, 0) == []


def test_a_batch_is_named_by_its_messages_alone(tmp_path) -> None:
    names = {_taken(_Puller(tmp_path / str(n), messages=3).start())[0][0] for n in range(2)}
    assert len(names) == 1


def test_with_a_wait_it_gathers_and_without_it_takes_what_is_there(tmp_path) -> None:
    world = _Puller(tmp_path, messages=450)  # more than one pull brings
    [(_, messages)] = _taken(world.start())
    assert len(messages) == 450
    idle = _Puller(tmp_path / "idle", messages=0).start()
    began = datetime.now(UTC)
    assert idle.take(1000, within_s=5, wait_s=0.2) is None
    assert 0.2 <= (datetime.now(UTC) - began).total_seconds() < 3
