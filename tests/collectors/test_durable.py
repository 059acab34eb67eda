"""Accepted means durable: whatever happens to the collector, its bus or its disk, what it accepted is there."""

import json
import os
import random
import resource
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from sample_events import login, started, text

from tests.collectors.conftest import Running, arrived
from tests.faults.unplugged import bus_away

pytestmark = pytest.mark.slow(60)


class Sender:
    """Posts batches in threads until the collector is gone; remembers what was sent and what was accepted."""

    def __init__(self, running: Running) -> None:
        self.sent: dict[str, bytes] = {}
        self.accepted: set[str] = set()
        self.answered = threading.Event()
        self._running = running
        self._threads = [threading.Thread(target=self._send_on, args=(n,)) for n in range(6)]
        for thread in self._threads:
            thread.start()

    def _send_on(self, seed: int) -> None:
        rng = random.Random(seed)
        with httpx.Client(base_url=self._running.address, headers=self._running.client.headers) as client:
            while True:
                events = [rng.choice((started, login))() for _ in range(rng.choice((1, 10, 100)))]
                body = text(*events)
                ids = [e["event_id"] for e in events]
                self.sent |= dict.fromkeys(ids, body)
                try:
                    answer = client.post("/v1/events", content=body)
                except httpx.TransportError:
                    return
                assert answer.status_code == 202, answer.text
                self.accepted.update(ids)
                self.answered.set()

    def wait(self) -> None:
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive()


def test_kill_9_in_mid_load_loses_nothing_that_was_accepted(collector: Callable[..., Running], home: Path) -> None:
    running = collector()
    sender = Sender(running)
    assert sender.answered.wait(20)
    time.sleep(0.7)
    running.kill()
    sender.wait()
    there = arrived(home)
    assert len(sender.accepted) > 100
    assert sender.accepted - set(there) == set()
    assert set(there.values()) == {1}

    # What was not answered is sent again, as a client should; at most these can be there twice.
    unanswered = {event_id: body for event_id, body in sender.sent.items() if event_id not in sender.accepted}
    assert unanswered
    again = collector()
    for body in set(unanswered.values()):
        assert again.post(body).status_code == 202
    there = arrived(home)
    assert set(there) == set(sender.sent)
    assert {event_id for event_id, times in there.items() if times > 1} <= set(unanswered)


def test_an_end_in_order_answers_what_is_in_flight(collector: Callable[..., Running], home: Path) -> None:
    running = collector(collector_linger_ms=1_500)
    events = [started() for _ in range(5)]
    with ThreadPoolExecutor(5) as threads:
        answers = [threads.submit(running.post, text(e)) for e in events]
        until_waiting(running)
        assert running.stop() == 0
        assert [a.result().status_code for a in answers] == [202] * 5
    assert arrived(home) == Counter(e["event_id"] for e in events)
    with pytest.raises(httpx.ConnectError):
        httpx.get(running.address + "/healthz")
    assert not list(home.glob("ready-*.json"))


def until_waiting(running: Running, count: int = 1) -> None:
    deadline = time.monotonic() + 10
    while running.client.get("/readyz").json()["waiting_bytes"] < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_too_much_at_once_is_turned_away(collector: Callable[..., Running], home: Path) -> None:
    running = collector(collector_queue_bytes=30_000, collector_linger_ms=1_500)
    batches = [[started(answer_text="x" * 1_000) for _ in range(10)] for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda events: running.post(text(*events)), batches))
    turned_away = [a for a in answers if a.status_code == 503]
    assert turned_away and len(turned_away) < 8
    assert {a.json()["code"] for a in turned_away} == {"busy"} and {a.headers["retry-after"] for a in turned_away} == {"1"}
    kept = [events for a, events in zip(answers, batches) if a.status_code == 202]
    assert arrived(home) == Counter(e["event_id"] for events in kept for e in events)
    assert running.client.get("/readyz").status_code == 200


def until_drained(running: Running) -> None:
    deadline = time.monotonic() + 30
    while running.client.get("/readyz").json()["spooled"]:
        assert time.monotonic() < deadline, running.errors.read_text()
        time.sleep(0.05)


def test_while_the_bus_is_away_events_wait_in_the_spool(collector: Callable[..., Running], home: Path) -> None:
    bus_away(home, True)
    running = collector()
    events = [started(item_count=n) for n in range(20)]
    for event in events[:10]:
        assert running.post(text(event)).status_code == 202
    ready = running.client.get("/readyz")
    assert (ready.status_code, ready.json()["spooled"]) == (200, ["exam.events"])
    assert running.metrics()['pubsub_messages_published_total{sink="spool",topic="exam.events"}'] == 10

    bus_away(home, False)
    for event in events[10:]:  # some of these find the spool not yet empty, and queue up behind it
        assert running.post(text(event)).status_code == 202
    until_drained(running)
    assert list(arrived(home)) == [e["event_id"] for e in events]
    assert running.post(text(started())).status_code == 202
    assert running.stop() == 0


def test_what_a_killed_collector_left_in_the_spool_is_drained_by_the_next(collector: Callable[..., Running], home: Path) -> None:
    bus_away(home, True)
    running = collector()
    events = [started(), login(), started()]
    assert [running.post(text(e)).status_code for e in events] == [202] * 3
    running.kill()
    bus_away(home, False)
    for _ in range(2):  # the second finds nothing left to do
        next_one = collector()
        until_drained(next_one)
        assert arrived(home) == Counter(e["event_id"] for e in events)
        assert next_one.stop() == 0


def test_without_bus_and_spool_nothing_is_accepted(collector: Callable[..., Running], home: Path) -> None:
    bus_away(home, True)
    (home / "spool").write_text("away")
    running = collector()
    answer = running.post(text(started()))
    assert (answer.status_code, answer.json()["code"]) == (503, "not_durable")
    assert answer.headers["retry-after"] == "5"
    bus_away(home, False)
    (home / "spool").unlink()
    deadline = time.monotonic() + 20
    while running.post(text(event := started())).status_code != 202:
        assert time.monotonic() < deadline
    until_drained(running)
    assert event["event_id"] in arrived(home)


def incompressible(count: int) -> list[dict]:
    return [started(answer_text=os.urandom(1_000).hex()) for _ in range(count)]


def test_a_full_disk_is_a_507_and_heals(collector: Callable[..., Running], home: Path) -> None:
    """The limit on a process's files stands for the disk: the kernel refuses the write, as it does on a full one."""
    running = collector()
    first, batch = started(), incompressible(100)
    assert running.post(text(first)).status_code == 202
    unlimited = resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (20_000, unlimited[1]))
    answer = running.post(text(*batch))
    assert (answer.status_code, answer.json()["code"]) == (507, "disk_full")
    resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, unlimited)
    assert running.post(text(*batch)).status_code == 202
    until_drained(running)
    assert arrived(home) == Counter([first["event_id"], *(e["event_id"] for e in batch)])


def test_a_full_file_system_is_a_507_and_heals(collector: Callable[..., Running], home: Path) -> None:
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(home)], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"needs to mount a tmpfs: {mounted.stderr.strip()}")
    try:
        running = collector(collector_spool_reserve_bytes=0)
        filler = home / "filler"
        with filler.open("wb") as file, pytest.raises(OSError):
            while True:
                os.write(file.fileno(), b"\0" * 4096)
        events = incompressible(100)
        assert running.post(text(*events)).status_code == 507
        filler.unlink()
        assert running.post(text(*events)).status_code == 202
        until_drained(running)
        assert arrived(home) == Counter(e["event_id"] for e in events)
        assert running.stop() == 0
    finally:
        subprocess.run(["umount", "-l", str(home)], check=True)


def test_a_taken_port_is_explained(collector: Callable[..., Running], home: Path) -> None:
    running = collector()
    port = running.address.rsplit(":", 1)[1]
    lakehouse = Path(running.process.args[0]).parent / "lakehouse"
    second = subprocess.run([lakehouse, "collect", "--port", port], capture_output=True, text=True, timeout=30)
    assert second.returncode == 11
    assert "--port 0" in second.stderr or "0 takes a free one" in second.stderr


def test_the_command_prints_where_it_listens(home: Path) -> None:
    import sys

    lakehouse = Path(sys.executable).parent / "lakehouse"
    with subprocess.Popen([lakehouse, "collect", "--port", "0"], stdout=subprocess.PIPE, text=True) as process:
        told = json.loads(process.stdout.readline())
        assert httpx.get(told["address"] + "/readyz").status_code == 200
        assert told["pid"] == process.pid
        process.terminate()
        assert process.wait(30) == 0
