"""The live path under kill -9, of the counter, of Redis, of the server, and under deliveries twice and out of order.

In the end live figures are the recount of everything that was accepted: nothing lost, nothing doubled.
"""

import contextlib
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from websockets.exceptions import ConnectionClosed

from lakehouse.places import Home
from lakehouse.settings import Settings
from lakehouse.storage.open import open_vault
from live.redis_server import Server
from live.store import connect
from tests.faults import dying
from tests.live import town as t
from tests.live.processes import Subscriber, running
from tests.live.test_live_serving import of_tenant, ordered

pytestmark = [pytest.mark.timeout(900), pytest.mark.slow(120)]


@pytest.fixture
def redis_server(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The one that every process of this home finds by itself."""
    monkeypatch.delenv("LAKEHOUSE_LIVE_REDIS_URL", raising=False)
    monkeypatch.delenv("LAKEHOUSE_REDIS_URL", raising=False)
    with Server(Home(home).redis) as server:
        yield server


def _compared(home: Path, server: Server, events: list[dict], limit_s: float = 60) -> tuple[int, int]:
    """(lost, doubled), once nothing is lost any more, or at the limit."""
    client, until = connect(server.url), time.monotonic() + limit_s
    right = t.expected(events, open_vault(Settings(home=home)))
    with contextlib.closing(client):
        while time.monotonic() < until:
            # One view after the other is read, and the counter counts between two of them: until the limit that is no contradiction.
            with contextlib.suppress(AssertionError):
                lost, doubled = t.lost_and_doubled(right, t.shown(client, right))
                if not lost:
                    return lost, doubled
            time.sleep(0.2)
        return t.lost_and_doubled(right, t.shown(client, right))


class _Sender(threading.Thread):
    """Publishes events over some seconds, each in some message, some of them in two."""

    def __init__(self, home: Path, events: list[dict], seconds: float, random: Random) -> None:
        super().__init__()
        self._home, self._random = home, random
        self._parts = [events[at : at + 20] for at in range(0, len(events), 20)]
        self._pause_s = seconds / len(self._parts)

    def run(self) -> None:
        for place, part in enumerate(self._parts):
            again = self._parts[self._random.randrange(place + 1)] if self._random.random() < 0.3 else []
            t.publish(self._home, [*part, *again], at_once=self._random.randrange(1, 25))
            time.sleep(self._pause_s)


def test_the_counter_killed_at_any_moment(home: Path, redis_server: Server, fault, rounds: int) -> None:
    random = Random(1)
    events = t.sittings(random, 150 * rounds, minutes=20)
    sender = _Sender(home, events, 1.5 * rounds, random)
    sender.start()
    for _ in range(rounds):
        with running(home, "live", "count") as counter:
            time.sleep(random.random() * 1.5)
            counter.kill()
    sender.join()
    with running(home, "live", "count"):
        lost, doubled = _compared(home, redis_server, events)
    fault("kill -9 of live count", rounds=rounds, sent=len(events), lost=lost, doubled=doubled)


@pytest.mark.parametrize("comes_back", ["as it was", "empty"])
def test_redis_killed_and_back(comes_back: str, home: Path, redis_server: Server, fault, rounds: int) -> None:
    """Empty, the last hour is rebuilt: from raw, where land has taken it off the bus, and from the bus."""
    random, events = Random(2), []
    with running(home, "live", "count"):
        for turn in range(rounds):
            more = t.sittings(random, 150, minutes=20)
            events += more
            sender = _Sender(home, more, 1.0, random)
            sender.start()
            time.sleep(random.random())
            redis_server.kill()
            if comes_back == "empty":
                (redis_server.folder / "appendonly.aof").unlink(missing_ok=True)
                shutil.rmtree(redis_server.folder / "appendonlydir", ignore_errors=True)
                if turn % 3 == 0:
                    dying.run("land", home)
            time.sleep(random.random())
            redis_server.start()
            sender.join()
        lost, doubled = _compared(home, redis_server, events)
    fault(f"kill -9 of Redis, {comes_back} again", rounds=rounds, sent=len(events), lost=lost, doubled=doubled)


def test_everything_twice_and_out_of_order(home: Path, redis_server: Server, fault, rounds: int) -> None:
    random = Random(3)
    events = t.sittings(random, 200 * rounds, minutes=20)
    for _ in range(2):
        random.shuffle(events)
        t.publish(home, events, at_once=random.randrange(1, 40))
    with running(home, "live", "count"):
        lost, doubled = _compared(home, redis_server, events)
    fault("live path: everything twice and out of order", rounds=rounds, sent=2 * len(events), lost=lost, doubled=doubled)


def test_the_server_killed_under_a_subscriber(home: Path, redis_server: Server, fault, rounds: int) -> None:
    """The subscriber comes back, gets a snapshot, and holds what the recount says."""
    random, events = Random(4), []
    with running(home, "live", "count"), running(home, "live", "serve", "--port", "0") as server:
        for _ in range(rounds):
            more = t.sittings(random, 120, minutes=20, zones=("univprep",), orgs=(1,))
            events += more
            watcher = Subscriber(server.socket_address)
            watcher.subscribe("exam_minutes", zone_id="univprep", org_id=1)
            sender = _Sender(home, more, 1.0, random)
            sender.start()
            time.sleep(random.random())
            server.kill()
            with pytest.raises(ConnectionClosed):
                watcher.settle(lambda: False)
            server.start()
            watcher = Subscriber(server.socket_address)
            watcher.subscribe("exam_minutes", zone_id="univprep", org_id=1)
            sender.join()
            right = t.expected(events, open_vault(Settings(home=home)))
            wanted = ordered(of_tenant(right["live.exam_minutes"], "univprep", 1))
            watcher.settle(lambda: ordered(watcher.rows["exam_minutes"].values()) == wanted)  # noqa: B023
            watcher.close()
        lost, doubled = t.lost_and_doubled(
            {"live.exam_minutes": wanted}, {"live.exam_minutes": ordered(watcher.rows["exam_minutes"].values())}
        )
    fault("kill -9 of live serve", rounds=rounds, sent=len(events), lost=lost, doubled=doubled)
