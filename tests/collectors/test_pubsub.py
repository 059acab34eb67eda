"""The same collector in the gcp profile, against Google's Pub/Sub emulator where its jar is found."""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sample_events import started, text

from lakehouse import envelope
from tests.access.giving import a_key
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


def received(pubsub: PubSub, project: str, wanted: set[str]) -> set[str]:
    """event_ids that have come once all of these have. A publish that is tried again on a busy machine may come twice: the bus
    promises at least once."""
    bus, ids, until = pubsub.bus(project, ack_deadline_s=60), set(), time.monotonic() + 60
    while not wanted <= ids:
        assert time.monotonic() < until, f"{len(wanted & ids)} of {len(wanted)} came"
        messages = bus.pull(TOPIC, "land", 100, 1)
        ids |= {e.event_id for m in messages for e in envelope.read(m.data)}
        bus.ack(TOPIC, "land", messages)
    bus.close()
    return ids


def test_events_reach_pubsub_and_wait_in_the_spool_while_it_has_no_room_for_them(
    pubsub: PubSub, collector: Callable[..., Running], home: Path
) -> None:
    project = pubsub.new_project()
    access_url = f"sqlite:///{home}/keys.sqlite"
    running = collector(profile="gcp", gcp_project=project, access_url=access_url, collector_behind_tls=True)
    running.client.headers["Authorization"] = a_key(access_url)
    assert running.client.put("/v1/media/m-1").status_code == 404  # nobody has said where the lake is
    spooled = [started() for _ in range(3)]
    for event in spooled:  # the topic is not there: to the collector that is a bus which is away
        assert running.post(text(event)).status_code == 202
    assert running.client.get("/readyz").json()["spooled"] == [TOPIC]

    pubsub.maker(project)(TOPIC, "land")
    sent = {e["event_id"] for e in spooled}
    assert received(pubsub, project, sent) == sent
    until = time.monotonic() + 30
    while running.client.get("/readyz").json()["spooled"]:
        assert time.monotonic() < until
        time.sleep(0.05)

    direct = [started() for _ in range(100)]
    assert running.post(text(*direct)).status_code == 202
    assert running.metrics()[f'pubsub_messages_published_total{{sink="bus",topic="{TOPIC}"}}'] >= 4
    sent_later = {e["event_id"] for e in direct}
    assert received(pubsub, project, sent_later) <= sent | sent_later
    assert running.stop() == 0
