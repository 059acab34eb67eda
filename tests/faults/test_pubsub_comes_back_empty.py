"""Google's Pub/Sub emulator is killed under load and comes back empty: topics, subscriptions and messages are gone, and nothing is lost.

collector (a process, gcp profile) ─ journal ─▶ Pub/Sub ─▶ land, here ─▶ raw ─▶ refine, here ─▶ clean
"""

import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from beam_pipelines import pulling
from beam_pipelines.land import Land
from beam_pipelines.running import run
from lakehouse.access.caller import RateLimit, Scope
from lakehouse.access.keys import Key
from lakehouse.access.open import open_keys
from lakehouse.contracts import registry
from lakehouse.errors import LakehouseError
from lakehouse.settings import Settings, settings
from lakehouse.storage.gcp import PubSubBus
from tests.beam.conftest import Lake
from tests.conformance.emulators import PubSub, free_port
from tests.faults.journey import CONTRACT, Journey, Outcome, Sender, compared

PROJECT = "comes-back-empty"


class Emulator:
    """One address, at which emulators come and go."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        self._running: ExitStack | None = None

    def start(self) -> None:
        self._running = ExitStack()
        self._running.enter_context(PubSub.running(self._folder, self.port))

    def kill(self) -> None:
        if self._running:
            self._running.close()
            self._running = None

    def make(self) -> None:
        bus = PubSubBus(PROJECT)
        bus.make(CONTRACT, pulling.SUBSCRIPTION)
        bus.close()


def lake_on_this_machine() -> None:
    """Only the bus is Google's here: uploads would go to the same lake that land and refine use."""
    from collectors.media import app
    from lakehouse.storage import open as storage

    local = Settings(profile="local")
    app.open_files, app.open_vault = lambda _: storage.open_files(local), lambda _: storage.open_vault(local)


def a_key(store: str) -> str:
    """A key for everything: outside the local profile nobody comes in without one."""
    now, limit = datetime.now(UTC), RateLimit(events_per_s=100_000, bytes_per_s=100_000_000)
    return open_keys(Settings(access_url=store)).create(Key("", "test", frozenset(Scope), None, None, limit, now, now + timedelta(hours=2)))


def land(lake: Lake, times: int) -> None:
    """Land some of what waits; what is pulled and not landed dies with the emulator."""
    bus = PubSubBus(PROJECT)
    try:
        puller = pulling.Puller(bus, lake.at.files, [registry().get(CONTRACT)])
        for _ in range(times):
            run(puller.take(100, 0) or [], Land(lake.settings))
            puller.done()
    finally:
        bus.close()


def all_of_it(lake: Lake, sender: Sender) -> Outcome:
    until = time.monotonic() + 120
    while True:
        try:
            land(lake, 3)
        except LakehouseError:
            time.sleep(0.5)  # it is on its way
        lake.refine()
        out = compared(lake.settings.home, sender.accepted)
        if not out.lost or time.monotonic() > until:
            return out


@pytest.mark.timeout(1800)
def test_killed_and_restarted_empty_under_load(home: Path, tmp_path: Path, fault, is_full: bool) -> None:
    turns = 8 if is_full else 1
    folder = tmp_path / "pubsub"
    folder.mkdir()
    lake, emulator, store = Lake(settings()), Emulator(folder), f"sqlite:///{home}/keys.sqlite"
    journey = Journey(
        home,
        before=lake_on_this_machine,
        env={"PUBSUB_EMULATOR_HOST": f"127.0.0.1:{emulator.port}"},
        profile="gcp",
        gcp_project=PROJECT,
        collector_journal_watch_seconds=0.3,
        collector_behind_tls=True,
        access_url=store,
    )
    try:
        emulator.start()
        emulator.make()
        journey.start("collector")
        sender = Sender(journey, pause_s=0.05, key=a_key(store))
        for turn in range(turns):
            sender.wait_for(100)
            land(lake, 1)
            sender.wait_for(40)
            emulator.kill()
            sender.wait_for(40)
            if turn % 3 == 1:
                journey.kill("collector")  # and whoever knew that it had published is gone as well
            emulator.start()
            if turn % 3 == 1:
                journey.start("collector")
            time.sleep(turn % 2)
            emulator.make()
        sender.wait_for(40)
        sender.stop()
        journey.until_drained()
        # And once more while nobody publishes: the collector has to notice by itself.
        emulator.kill()
        emulator.start()
        emulator.make()
        out = all_of_it(lake, sender)
    finally:
        journey.end()
        emulator.kill()
    assert "bus_came_back_empty" in journey.said() + (home / "processes.log").read_text(errors="replace")
    fault("Pub/Sub killed and restarted empty", rounds=turns + 1, sent=out.sent, lost=out.lost, doubled=out.doubled)
