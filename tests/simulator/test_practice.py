"""K-Zone's traffic: in proportion, every reference has its object, and each object is what its content type says."""

import io
import json
import wave
from collections import Counter

import pytest
from small_city import Sent, good_events

from collectors.media.sniff import begins_as
from lakehouse.contracts import registry
from simulator.calendar import Calendar
from simulator.city import City
from simulator.media import recorded
from simulator.practice import MOTION, VOICE, practise
from simulator.slices import generate


def events(small: Sent) -> dict[str, dict]:
    """event_id → event of those that are good, once each."""
    return {event["event_id"]: event for _, event in good_events(small)}


def test_every_reference_has_one_object_and_every_object_one_reference(small: Sent) -> None:
    referred = {
        (e["payload"]["user_id"], e["payload"]["media_id"]): e["contract"] for e in events(small).values() if "media_id" in e["payload"]
    }
    uploaded = {(u.user_id, u.media_id): registry().media_kind(u.kind)[0].id for u in small.uploads}
    assert referred == uploaded and len(uploaded) == len(small.uploads) > 50
    assert small.simulation.ledger.media == Counter(u.kind for u in small.uploads)


def test_objects_are_what_they_say_and_all_different(small: Sent) -> None:
    for upload in small.uploads:
        _, kind = registry().media_kind(upload.kind)
        assert upload.content_type in kind.content_types and begins_as(upload.content_type, upload.data[:64])
        assert len(upload.data) < 20_000
    assert len({u.data for u in small.uploads}) == len(small.uploads)


def test_recordings_last_as_long_as_their_events_say() -> None:
    with wave.open(io.BytesIO(recorded(VOICE, 5, 257))) as tone:
        assert (tone.getframerate(), tone.getnframes()) == (8_000, 257 * 8)
    frames = json.loads(recorded(MOTION, 5, 400))["frames"]
    assert [len(f["landmarks"]) for f in frames] == [33] * 4


def test_every_stream_has_traffic_in_proportion() -> None:
    """Of 25 million events a day: 300,000 voice and 120,000 motion takes, 40,000 videos; at scale 1 a 250th of that in seven days."""
    city = City(seed=3, calendar=Calendar(days=7))
    takes, videos, consents = Counter(), 0, 0
    for part in generate(city):
        did = practise(city, part)
        takes.update(did.takes.kind.tolist())
        videos += int((did.videos.type == 0).sum())
        consents += len(did.consents.visit)
    for count, a_day in ((takes[VOICE], 300_000), (takes[MOTION], 120_000), (videos, 40_000)):
        assert count == pytest.approx(a_day / 250, rel=0.25)
    assert consents > 100


def test_it_changes_nothing_of_what_was_there_before(small: Sent) -> None:
    """The streams of old are made from random numbers of their own: a city without practice has the same ones."""
    from simulator import lines

    before = {json.loads(text)["event_id"] for part in generate(small.city) for text in lines.write(small.city, part).text}
    now = {i for i, e in events(small).items() if e["contract"].split(".")[0] in ("web", "exam", "auth", "ai")}
    assert before == now
