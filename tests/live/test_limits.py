"""A connection may hold so much and no more."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lakehouse.access.caller import OpenGate
from lakehouse.contracts import registry
from lakehouse.settings import Settings
from lakehouse.storage.open import open_vault
from live.app import Live
from tests.live.processes import Subscriber, serving

TENANT = {"zone_id": "univprep", "org_id": 1}


@pytest.fixture
def served(town: Path, redis_at: str) -> Iterator[tuple[str, str]]:
    settings = Settings(home=town, live_push_ms=20, live_subscriptions=3, live_connections_per_key=2, live_queue_messages=64)
    with serving(Live(settings, registry(), OpenGate(), open_vault(settings), redis_at)) as address:
        yield address, address.replace("http", "ws") + "/v1/live"


def test_limits_are_said_and_kept(served) -> None:
    first = Subscriber(served[1])
    for org in (1, 2, 3):
        assert first.subscribe("exam_minutes", str(org), zone_id="univprep", org_id=org)["type"] == "snapshot"
    assert "too many subscriptions" in first.subscribe("exam_minutes", "4", zone_id="univprep", org_id=4)["message"]
    first.say(unsubscribe="3")
    assert "subscription of this id" in first.subscribe("exam_minutes", "1", **TENANT)["message"]
    for said in (
        {"subscribe": "exam_minutes", "keys": {"zone_id": "univprep"} | {"org_id": "1"}},
        {"shout": 1},
        {"subscribe": "no view", "keys": {}},
    ):
        first.say(**said)
        assert first.until(lambda m: m["type"] == "error")["code"] == "bad_request"
    second, third = Subscriber(served[1]), Subscriber(served[1])
    assert third.closed_with() == 4429
    second.say(subscribe="x" * 20_000)
    assert second.closed_with() == 1009
    first.close()
