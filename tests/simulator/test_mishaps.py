"""0.5 % again, 1 % late, 0.1 % malformed, nothing lost; and the door answers what was foreseen."""

import gzip
import json
from collections import Counter
from datetime import datetime

import msgspec
import pytest
from small_city import NOW, Sent, good_events, texts

from lakehouse import envelope, verdicts
from lakehouse.contracts import registry
from lakehouse.door import Admitted, BodyRejectedError, Door
from lakehouse.judge import Judge
from lakehouse.verdicts import Rejection
from simulator import mishaps
from simulator.calendar import Calendar, milliseconds
from simulator.city import City
from simulator.lines import EXPERIMENT_FIELD, write
from simulator.mishaps import DUPLICATE, LATE, MALFORMED, NORMAL, Mishaps
from simulator.slices import generate


@pytest.fixture(scope="module")
def records() -> tuple[list[str], list]:
    """All lines that were written, and all records in order of sending, of about 75,000 events."""
    city = City(seed=2, scale=1.3, calendar=Calendar(days=4))
    keeper, written, out = Mishaps(city), [], []
    for part in generate(city):
        lines = write(city, part)
        written += lines.text
        out += keeper.records(part, lines)
    return written, out + keeper.rest()


def occurred_ms(text: str) -> int:
    return milliseconds(datetime.fromisoformat(json.loads(text)["payload"]["occurred_at"]))


def test_each_mishap_has_its_rate(records):
    written, out = records
    counts = Counter(record.kind for record in out)
    for kind, share in ((DUPLICATE, 0.005), (LATE, 0.01), (MALFORMED, 0.001)):
        expected = share * len(written)
        assert abs(counts[kind] - expected) < 4 * expected**0.5, (kind, counts[kind], expected)


def test_nothing_is_lost_and_nothing_but_duplicates_comes_twice(records):
    written, out = records
    assert Counter(r.text for r in out if r.kind in (NORMAL, LATE)) == Counter(written)
    assert Counter(r.text for r in out if r.kind == DUPLICATE) <= Counter(written)


def test_late_events_are_sent_hours_to_days_after_they_occurred(records):
    delays = [record.send_ms - occurred_ms(record.text) for record in records[1] if record.kind == LATE]
    assert min(delays) >= mishaps.LEAST_LATE_MS > 3_600_000
    assert max(delays) > 2 * 24 * 3_600_000


def test_some_duplicates_come_at_once_and_some_days_later(records):
    delays = [record.send_ms - occurred_ms(record.text) for record in records[1] if record.kind == DUPLICATE]
    assert delays.count(0) > 0.4 * len(delays)
    assert sum(delay > 12 * 3_600_000 for delay in delays) > 0.1 * len(delays)


def test_records_leave_in_order_of_sending(records):
    """Those that are due after the last day come last, whatever their order."""
    due = [record.send_ms for record in records[1]]
    assert due == sorted(due)


@pytest.mark.parametrize("number", range(len(mishaps.KINDS)))
def test_the_door_refuses_every_kind_as_foreseen(number: int, records, door: Door):
    spoil, allowed = mishaps.KINDS[number]
    event = next(e for e in map(json.loads, records[0]) if allowed(e))
    text, code, alone = spoil(event | {"event_id": "a-fresh-event-id"})
    assert code in verdicts.CODES
    if alone:
        with pytest.raises(BodyRejectedError) as refused:
            door.admit_body(text.encode(), "univprep", NOW)
        assert refused.value.code == code
    else:
        verdict = door.admit(text.encode(), "univprep", NOW)
        assert isinstance(verdict, Rejection) and verdict.code == code


def test_the_door_admits_everything_else(small: Sent, door: Door):
    for request in small.requests:
        if request.refused_whole:
            continue
        admission = door.admit_body(gzip.decompress(request.body) if request.is_gzip else request.body, "univprep", NOW)
        assert {n: r.code for n, r in admission.rejected.items()} == request.expected
        assert admission.size == request.events == len(texts(request))


def test_requests_are_batches_singles_and_some_are_compressed(small: Sent):
    sizes = [request.events for request in small.requests]
    assert max(sizes) <= 250 and sizes.count(1) > 5
    assert 0.05 < sum(request.is_gzip for request in small.requests) / len(sizes) < 0.4
    assert {request.host for request in small.requests} == {zone.site_host for zone in registry().zones}


def test_the_only_field_that_no_contract_knows_is_the_experiment(small: Sent):
    unknown = Counter()
    partners = [message.event for message in small.messages if message.code is None]
    for event in [event for _, event in good_events(small)] + partners:
        unknown.update(event["payload"].keys() - set(registry().get(event["contract"]).names))
    assert unknown == Counter({EXPERIMENT_FIELD: small.simulation.unknown_fields}) and unknown


def test_snapshot_rows_are_good_and_their_ids_name_nobody(small: Sent):
    tables = Door(registry(), "snapshot", ("table",))
    for row in small.rows:
        event = f'{{"event_id":"{row.event_id}","contract":"{row.contract}","payload":{row.payload}}}'
        assert isinstance(tables.admit(event.encode(), row.zone_id, NOW), Admitted), row
        assert row.subject is None or row.subject not in row.event_id
    assert len({row.event_id for row in small.rows}) == len(small.rows)
    assert {row.contract for row in small.rows} == {
        f"source.{name}" for name in ("attempts", "exams", "items", "organizations", "responses", "users")
    }


def test_what_the_partner_sends_is_as_bad_as_foreseen(small: Sent):
    """In the words of the step that meets it first: land of messages and envelopes, refine of payloads."""
    contracts, zones = registry(), {zone.zone_id for zone in registry().zones}

    def code(message) -> str | None:
        try:
            (read,) = envelope.read(message.encoded(NOW))
        except msgspec.ValidationError:
            return verdicts.BAD_ENVELOPE
        except (ValueError, msgspec.DecodeError):
            return verdicts.UNREADABLE_MESSAGE
        if contracts.find(read.contract) is None:
            return verdicts.UNKNOWN_CONTRACT
        if read.zone_id not in zones:
            return verdicts.BAD_ENVELOPE
        verdict = Judge(contracts.get(read.contract)).judge(read.payload, NOW)
        return verdict.code if isinstance(verdict, Rejection) else None

    assert [code(message) for message in small.messages] == [message.code for message in small.messages]
    assert len({message.code for message in small.messages}) == 7
