"""A connection may hold so much and no more."""

import contextlib
import json
import socket as sockets
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import httpx
import pytest

from lakehouse.access.caller import OpenGate
from lakehouse.contracts import registry
from lakehouse.settings import Settings
from lakehouse.storage.open import open_audit, open_files, open_vault
from live.app import Live
from live.looks import Looks
from tests.live import town as t
from tests.live.processes import Subscriber, serving

TENANT = {"zone_id": "univprep", "org_id": 1}


@pytest.fixture
def served(town: Path, redis_at: str) -> Iterator[tuple[str, str]]:
    settings = Settings(home=town, live_push_ms=20, live_subscriptions=3, live_connections_per_key=2, live_queue_messages=64)
    with serving(
        Live(settings, registry(), OpenGate(), open_vault(settings), Looks(open_audit(settings), open_files(settings)), redis_at)
    ) as address:
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


def test_a_reader_that_reads_nothing_is_dropped_and_costs_nobody_else(served, town: Path) -> None:
    t.publish(town, t.sittings(Random(1), 300, zones=("univprep",), orgs=(1,)))
    t.count_all(town)
    address = urlsplit(served[0])
    lazy = sockets.create_connection((address.hostname, address.port))
    lazy.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
    lazy.sendall(b"GET /v1/live HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n")
    lazy.sendall(b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
    asks = json.dumps({"subscribe": "exam_minutes", "keys": TENANT, "id": "a"}).encode()
    masked = bytes([0x81, 0x80 | len(asks), 0, 0, 0, 0]) + asks
    nonsense = bytes([0x81, 0x82, 0, 0, 0, 0]) + b"{}"
    lazy.sendall(masked)
    dropped, until = False, time.monotonic() + 25
    lazy.settimeout(0.2)
    while not dropped and time.monotonic() < until:
        with contextlib.suppress(OSError):
            lazy.sendall(nonsense * 5_000)  # each is answered by an error that nobody reads
        dropped = 'live_closed_total{code="4408"} 1.0' in httpx.get(f"{served[0]}/metrics").text
    assert dropped
    lazy.close()
    back = Subscriber(served[1])
    assert back.subscribe("exam_minutes", **TENANT)["rows"]
    back.close()
