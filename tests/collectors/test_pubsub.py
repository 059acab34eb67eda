"""The same collector in the gcp profile, against Google's Pub/Sub emulator where its jar is found."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sample_events import started, text

from lakehouse import envelope
from lakehouse.access.caller import RateLimit, Scope
from lakehouse.access.keys import Key
from lakehouse.access.open import open_keys
from lakehouse.settings import Settings
from tests.collectors.conftest import Running

sys.path.append(str(Path(__file__).parent.parent / "conformance"))
from emulators import PubSub

TOPIC = "exam.events"


@pytest.fixture
def pubsub(tmp_path: Path) -> Iterator[PubSub]:
    folder = tmp_path / "pubsub"
    folder.mkdir()
    with PubSub.running(folder) as emulator:
        yield emulator


def a_key(home: Path) -> str:
    """A key for everything: outside the local profile nobody comes in without one."""
    keys, now = open_keys(Settings(access_url=f"sqlite:///{home}/keys.sqlite")), datetime.now(UTC)
    limit = RateLimit(events_per_s=1_000, bytes_per_s=1_000_000)
    return keys.create(Key("", "test", frozenset(Scope), None, None, limit, now, now + timedelta(hours=1)))


def received(pubsub: PubSub, project: str, least: int) -> list[str]:
    """event_ids in the order in which they come, until there are `least`."""
    bus, ids, until = pubsub.bus(project, ack_deadline_s=60), [], time.monotonic() + 60
    while len(ids) < least:
        assert time.monotonic() < until, f"{len(ids)} of {least} came"
        messages = bus.pull(TOPIC, "land", 100, 1)
        ids += [envelope.decode(line).event_id for m in messages for line in envelope.unpack(m.data)]
        bus.ack(TOPIC, "land", messages)
    bus.close()
    return ids


def test_events_reach_pubsub_and_wait_in_the_spool_while_it_has_no_room_for_them(
    pubsub: PubSub, collector: Callable[..., Running], home: Path
) -> None:
    project = pubsub.new_project()
    running = collector(profile="gcp", gcp_project=project, access_url=f"sqlite:///{home}/keys.sqlite", collector_behind_tls=True)
    running.client.headers["Authorization"] = f"Bearer {a_key(home)}"
    spooled = [started() for _ in range(3)]
    for event in spooled:  # the topic is not there: to the collector that is a bus which is away
        assert running.post(text(event)).status_code == 202
    assert running.client.get("/readyz").json()["spooled"] == [TOPIC]

    pubsub.maker(project)(TOPIC, "land")
    assert Counter(received(pubsub, project, 3)) == Counter(e["event_id"] for e in spooled)
    until = time.monotonic() + 30
    while running.client.get("/readyz").json()["spooled"]:
        assert time.monotonic() < until
        time.sleep(0.05)

    direct = [started() for _ in range(100)]
    assert running.post(text(*direct)).status_code == 202
    assert running.metrics()[f'pubsub_messages_published_total{{sink="bus",topic="{TOPIC}"}}'] >= 4
    assert Counter(received(pubsub, project, 100)) == Counter(e["event_id"] for e in direct)
    assert running.stop() == 0
