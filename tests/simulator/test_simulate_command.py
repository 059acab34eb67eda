"""`lakehouse simulate` against a real collector: what was sent is on the bus, whatever happens to the collector."""

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from small_city import Sent, good_events, sent

from lakehouse import envelope
from lakehouse.contracts import registry
from lakehouse.errors import BadInputError
from lakehouse.places import Home
from lakehouse.storage.local import LocalBus
from simulator import run, truth
from simulator.calendar import Calendar
from simulator.city import City

LAKEHOUSE = str(Path(sys.executable).with_name("lakehouse"))
SMALL = ("--scale", "0.05", "--days", "2", "--seed", "8", "--json")
LIMIT_S = 60


@pytest.fixture
def port() -> int:
    """One that nobody listens on, so that a collector can come back under the same address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Collector:
    """A collector on `port`, to be killed and started again."""

    def __init__(self, home: Path, port: int) -> None:
        self._home, self._port = home, port

    def start(self) -> None:
        ready = self._home / f"ready-{time.monotonic_ns()}"
        command = [LAKEHOUSE, "collect", "--port", str(self._port), "--ready-file", str(ready)]
        with (self._home / "collector.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        until = time.monotonic() + LIMIT_S
        while not ready.exists():
            assert self.process.poll() is None and time.monotonic() < until, (self._home / "collector.log").read_text()
            time.sleep(0.05)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def collector(home: Path, port: int) -> Iterator[Collector]:
    one = Collector(home, port)
    yield one
    if hasattr(one, "process"):
        one.kill()


def simulate(port: int, *more: str) -> subprocess.CompletedProcess:
    return subprocess.run([LAKEHOUSE, "simulate", "--port", str(port), *SMALL, *more], capture_output=True, text=True, timeout=LIMIT_S * 2)


def on_the_bus(home: Path) -> Counter:
    """(contract, event_id) → how often, of everything on the bus that is an envelope."""
    bus, found = LocalBus(Home(home).bus), Counter()
    for contract in registry().ingested:
        while messages := bus.pull(contract.topic, "test", 1_000, 0.05):
            for message in messages:
                found.update(_ids(message.data))
            bus.ack(contract.topic, "test", messages)
    bus.close()
    return found


def _ids(message: bytes) -> Iterator[tuple[str, str]]:
    try:
        for read in envelope.read(message):
            yield read.contract, read.event_id
    except ValueError:  # the partner's rubbish, which land makes dead letters of
        return


def good_ids(everything: Sent) -> set[tuple[str, str]]:
    return {(event["contract"], event["event_id"]) for _, event in good_events(everything)}


def truths(home: Path) -> dict[str, bytes]:
    """The truth's files, but for how often something had to be tried again."""
    return {file.name: re.sub(rb'"retries": \d+', b"", file.read_bytes()) for file in Home(home).truth.iterdir()}


def test_everything_arrives_and_twice_is_the_same(home: Path, port: int, collector: Collector):
    collector.start()
    first = simulate(port)
    assert first.returncode == 0, first.stderr
    told = json.loads(first.stdout)
    everything = sent(City(seed=8, scale=0.05, calendar=Calendar(days=2)))
    good = good_ids(everything)
    rows = {(row.contract, row.event_id) for row in everything.rows}
    bad = {(m.topic, m.event["event_id"]) for m in everything.messages if m.event and m.code}
    assert told["events"] == len(good) and told["accepted"] == told["events"] + told["duplicates"]
    assert told["sent"] == told["accepted"] + sum(told["rejected"].values())
    arrived = on_the_bus(home)
    assert good | rows <= arrived.keys()
    assert {event_id for _, event_id in arrived.keys() - good - rows} <= {event_id for _, event_id in bad}
    assert sum(arrived[key] for key in good) == told["accepted"] + told["duplicates_past_the_door"]

    uploaded = Counter(u.kind for u in everything.uploads)
    assert (
        told["media_objects"] == uploaded
        and len(list((Home(home).lake / "kzone" / "raw" / "media" / "_records").rglob("*.json"))) == uploaded.total()
    )

    kept = truths(home)
    again = simulate(port)
    assert again.returncode == 0, again.stderr
    assert truths(home) == kept
    assert on_the_bus(home).keys() == arrived.keys()


def test_it_waits_for_a_collector_that_is_away_and_survives_its_kill(home: Path, port: int, collector: Collector):
    waiting = subprocess.Popen(
        [LAKEHOUSE, "simulate", "--port", str(port), "--scale", "0.5", "--days", "3", "--seed", "8", "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    time.sleep(2)
    collector.start()
    time.sleep(0.3)
    collector.kill()
    collector.start()
    out, _ = waiting.communicate(timeout=LIMIT_S * 2)
    assert waiting.returncode == 0
    told = json.loads(out)
    assert told["retries"] > 0 and told["unexpected_verdicts"] == 0
    assert good_ids(sent(City(seed=8, scale=0.5, calendar=Calendar(days=3)))) <= on_the_bus(home).keys()


def test_patience_ends_with_13(home: Path, port: int):
    ended = simulate(port, "--patience", "0.5")
    assert ended.returncode == 13
    assert "lakehouse collect" in ended.stderr
    assert not (Home(home).truth / "run.json").exists()


def test_a_home_holds_one_city(home: Path):
    city = City(seed=8)
    truth.write(Home(home).truth, {}, {"city": run.parameters(city)})
    run.require_same_city(Home(home).truth, city)
    with pytest.raises(BadInputError, match="another city already"):
        run.require_same_city(Home(home).truth, City(seed=9))


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (lambda: Calendar(days=90), "1 to 62"),
        (lambda: Calendar(end_on=date(2999, 1, 1)), "or earlier"),
        (lambda: City(scale=0), "takes 0.01"),
    ],
)
def test_what_cannot_be_simulated(wrong, hint: str):
    with pytest.raises(BadInputError) as refused:
        wrong()
    assert hint in refused.value.hint
