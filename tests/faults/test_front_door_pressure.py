"""The front door when there is too much of everything: killed under load, the spool full, the disk full, strangers who
send slowly or all at once. What was answered with 202 is there in the end; memory stays flat.
"""

import json
import os
import random
import re
import socket
import subprocess
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from lakehouse import envelope
from lakehouse.contracts import registry
from lakehouse.storage.local import LocalBus
from tests.collectors.conftest import Running
from tests.collectors.sample_events import HOST, login, started, text
from tests.faults.unplugged import bus_away

pytestmark = pytest.mark.slow(70)

HEADERS = {"Host": HOST, "Content-Type": "application/json"}


@pytest.fixture
def collector(home: Path) -> Callable[..., Running]:
    running: list[Running] = []

    def start(**options: object) -> Running:
        running.append(Running(home, **options))
        return running[-1]

    yield start
    for one in running:
        one.client.close()
        if one.process.poll() is None:
            one.kill()


class Load:
    """Threads that post batches until stopped, or until nobody answers. Each event is in one body."""

    def __init__(self, address: str, threads: int = 4, again: dict[bytes, list[str]] | None = None) -> None:
        self.accepted: set[str] = set()
        self.unanswered: dict[bytes, list[str]] = {}
        self.statuses: Counter[int] = Counter()
        self.sent = 0
        self._address = address
        self._again = list((again or {}).items())
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._send_on) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def _send_on(self) -> None:
        with httpx.Client(base_url=self._address, headers=HEADERS, timeout=30) as client:
            while not self._stop.is_set():
                body, ids = self._next()
                self.unanswered[body] = ids
                try:
                    answer = client.post("/v1/events", content=body)
                except httpx.TransportError:
                    return
                self.statuses[answer.status_code] += 1
                if answer.status_code == 202:
                    self.accepted.update(ids)
                    del self.unanswered[body]
                else:
                    assert answer.status_code in (503, 507) and "retry-after" in answer.headers, answer.text
                    time.sleep(0.01)

    def _next(self) -> tuple[bytes, list[str]]:
        try:
            return self._again.pop()
        except IndexError:
            events = [random.choice((started, login))(session_id=os.urandom(16).hex()) for _ in range(random.choice((1, 10, 100)))]
            self.sent += len(events)
            return text(*events), [e["event_id"] for e in events]

    def stop(self) -> "Load":
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()
        self.unanswered |= dict(self._again)
        return self


def found(home: Path) -> dict[str, set[bytes]]:
    """event_id → the payloads it came with, wherever they wait: on the bus, or in the spool."""
    payloads: dict[str, set[bytes]] = defaultdict(set)
    for folder in ("bus", "spool"):
        bus, reader = LocalBus(home / folder), f"test-{time.monotonic_ns()}"
        for topic in {c.topic for c in registry().layer("stream")} & set(bus.topics()):
            while messages := bus.pull(topic, reader, 1_000, 0):
                for read in (e for m in messages for e in envelope.read(m.data)):
                    payloads[read.event_id].add(bytes(read.payload))
                bus.ack(topic, reader, messages)
        bus.close()
    return payloads


def settle(home: Path, accepted: set[str]) -> tuple[int, int]:
    """How many of what was accepted are lost; and how many events came in two versions, which no event_id would mend."""
    there = found(home)
    return len(accepted - set(there)), sum(len(versions) > 1 for versions in there.values())


def until(what: Callable[[], bool], running: Running, within_s: float = 60) -> None:
    deadline = time.monotonic() + within_s
    while not what():
        assert time.monotonic() < deadline, running.errors.read_text()[-2_000:]
        time.sleep(0.05)


def test_kill_9_at_any_moment_under_load(collector: Callable[..., Running], home: Path, fault: Callable[..., None], rounds: int) -> None:
    """Every other round the bus is away for a part of it, so that the spool and its draining are struck as well."""
    accepted: set[str] = set()
    again: dict[bytes, list[str]] = {}
    sent = 0
    for number in range(rounds):
        bus_away(home, number % 2 == 1)
        running = collector()
        load = Load(running.address, again=again)
        time.sleep(random.uniform(0.05, 0.5))
        bus_away(home, False)
        time.sleep(random.uniform(0.0, 0.3))
        running.kill()
        load.stop()
        accepted |= load.accepted
        again, sent = load.unanswered, sent + load.sent
        assert not accepted - set(found(home)), f"round {number}"
    last = collector()
    for body, ids in again.items():  # under the same ids, as whoever gets no answer should
        assert last.post(body).status_code == 202
        accepted.update(ids)
    until(lambda: not last.client.get("/readyz").json()["spooled"], last)
    assert last.stop() == 0
    lost, doubled = settle(home, accepted)
    assert len(accepted) == sent
    fault("kill -9 of the collector under load", rounds=rounds, sent=sent, lost=lost, doubled=doubled)


def test_the_spool_is_bounded_and_heals(collector: Callable[..., Running], home: Path, fault: Callable[..., None]) -> None:
    bus_away(home, True)
    running = collector(collector_spool_bytes=400_000)
    load = Load(running.address)
    until(lambda: load.statuses[507] > 3, running)
    assert load.statuses[202]
    busy = running.client.get("/readyz")
    assert (busy.status_code, busy.json()["status"]) == (503, "busy")
    refused = running.post(text(*(started(answer_text=os.urandom(2_000).hex()) for _ in range(100))))
    assert (refused.status_code, refused.json()["code"], refused.headers["retry-after"]) == (507, "spool_full", "30")
    assert running.metrics()["collector_spool_bytes"] <= 400_000
    assert sum(p.stat().st_size for p in (home / "spool").rglob("*.seg")) <= 400_000
    bus_away(home, False)
    before = load.statuses[202]
    until(lambda: load.statuses[202] > before + 50, running)
    until(lambda: not running.client.get("/readyz").json()["spooled"], running)
    load.stop()
    until(
        lambda: (
            running.client.get("/readyz").json() | {"waiting_bytes": 0}
            == {"status": "ready", "waiting_bytes": 0, "spooled": [], "spool_bytes": 0}
        ),
        running,
    )
    assert running.stop() == 0
    lost, doubled = settle(home, load.accepted)
    fault("the bus away until the spool is full", rounds=1, sent=load.sent, lost=lost, doubled=doubled)


def test_the_spool_leaves_a_reserve_of_its_disk(collector: Callable[..., Running], home: Path) -> None:
    bus_away(home, True)
    running = collector(collector_spool_reserve_bytes=2**60)
    refused = running.post(text(started()))
    assert (refused.status_code, refused.json()["code"]) == (507, "spool_full")
    bus_away(home, False)
    until(lambda: running.post(text(started())).status_code == 202, running)


def test_the_disk_full_under_load_and_freed(collector: Callable[..., Running], home: Path, fault: Callable[..., None], rounds: int) -> None:
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(home)], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"needs to mount a tmpfs: {mounted.stderr.strip()}")
    try:
        running = collector(collector_spool_reserve_bytes=0)
        accepted, sent, times = set(), 0, min(rounds, 10)
        for _ in range(times):
            load = Load(running.address)
            until(lambda load=load: load.statuses[202] > 5, running)
            with (home / "filler").open("wb", buffering=0) as filler:
                while not load.statuses[507]:
                    try:
                        filler.write(bytes(65_536))
                    except OSError:
                        time.sleep(0.01)
            (home / "filler").unlink()
            before = load.statuses[202]
            until(lambda load=load, before=before: load.statuses[202] > before + 5, running)
            load.stop()
            accepted, sent = accepted | load.accepted, sent + load.sent
        until(lambda: not running.client.get("/readyz").json()["spooled"], running)
        assert running.stop() == 0
        lost, doubled = settle(home, accepted)
        fault("the collector's disk full and freed, under load", rounds=times, sent=sent, lost=lost, doubled=doubled)
    finally:
        subprocess.run(["umount", "-l", str(home)], check=True)


def rss_bytes(running: Running, what: str = "VmRSS") -> int:
    return int(re.search(rf"{what}:\s+(\d+) kB", Path(f"/proc/{running.process.pid}/status").read_text())[1]) * 1024


def test_a_flood_does_not_fill_the_memory(collector: Callable[..., Running], home: Path) -> None:
    """Many bodies that are announced and come slowly, more connections than allowed, and good requests between them."""
    running = collector(
        collector_bodies_bytes=8_000_000, collector_connections=150, collector_queue_bytes=4_000_000, collector_request_seconds=5
    )
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: running.post(text(*(started() for _ in range(1_000)))), range(8)))
    before = rss_bytes(running)
    host, port = running.address.removeprefix("http://").split(":")
    head = f"POST /v1/events HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\nContent-Length: 4500000\r\n\r\n".encode()
    piece, flood, codes = b" " * 100_000, [], Counter()
    for _ in range(300):
        flood.append(socket.create_connection((host, int(port))))
        flood[-1].setblocking(False)
    left = dict.fromkeys(flood, head + piece * 40)
    deadline = time.monotonic() + 4
    while time.monotonic() < deadline:
        for one in list(left):
            try:
                left[one] = left[one][one.send(left[one][:200_000]) :]
            except BlockingIOError:
                continue
            except OSError:
                del left[one]
        time.sleep(0.01)
    for one in flood:
        try:
            codes[json.loads(one.recv(10_000).partition(b"\r\n\r\n")[2])["code"]] += 1
        except (OSError, ValueError):
            codes["none"] += 1
        one.close()
    assert codes["busy"] >= 150, codes
    assert rss_bytes(running, "VmHWM") - before < 90_000_000, (before, rss_bytes(running, "VmHWM"))
    until(lambda: running.post(text(started())).status_code == 202, running)
    assert running.client.get("/readyz").json()["status"] == "ready"
    assert running.stop() == 0
