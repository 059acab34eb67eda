"""Change data capture under every fault that the source, its slot, the engine and the bus can have, while somebody works on
the database all the time: in the end the bus says exactly what the database holds.

One database and one `lakehouse cdc run` go through all of it, in this order; the last test moves them to another cluster.
"""

import contextlib
import time
from pathlib import Path
from random import Random

import psycopg
import pytest

from collectors.cdc.ledger import Ledger
from collectors.cdc.source import Source
from source_database.server import Server
from tests.cdc import town
from tests.cdc.running import Cdc, caught_up, execute

SMALL_BATCHES = 64  # so that rows which share an LSN are often divided between two batches
BUS_FAULT = """
import pathlib, sys
if "collectors.cdc.child" in " ".join(sys.orig_argv):
    from lakehouse.errors import NotDurableError
    from lakehouse.storage.local import LocalBus
    publish = LocalBus.publish
    def failing(self, topic, messages):
        if pathlib.Path({flag!r}).exists():
            raise NotDurableError("the bus is away", hint="a test took it away")
        publish(self, topic, messages)
    LocalBus.publish = failing
"""
MAKE_SLOT = "select pg_create_logical_replication_slot('megacity_cdc', 'pgoutput')"
pytestmark = [pytest.mark.timeout(1_800), pytest.mark.slow(170)]


class City:
    """The database, the capture, and what was sent so far."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.home.mkdir()
        self.flag = folder / "bus-is-away"
        self.server = Server(folder / "source")
        self.server.start()
        self.url = town.found(self.server)
        with psycopg.connect(self.server.url(), autocommit=True) as connection:
            town.settle(connection)
        self.cdc = Cdc(self.home, self.url, before=BUS_FAULT.format(flag=str(self.flag)), cdc_batch_rows=SMALL_BATCHES)
        self.cdc.start()
        self.seed = 0

    def captured(self) -> None:
        """Wait until a snapshot is through."""
        self.cdc.told()
        until = time.monotonic() + 400
        while not ((standing := Ledger(self.home / "cdc").standing()) and standing.is_complete):
            assert time.monotonic() < until, self.cdc.log.read_text()[-2_000:]
            time.sleep(0.1)

    def published(self, after: int) -> None:
        """Wait until the ledger has more batches than `after`."""
        until = time.monotonic() + 400
        while Ledger(self.home / "cdc").batches() <= after:
            assert time.monotonic() < until, self.cdc.log.read_text()[-2_000:]
            time.sleep(0.05)

    def writer(self) -> town.Writer:
        self.seed += 1
        return town.Writer(self.server.url(), self.seed)

    def alerts(self) -> list[str]:
        return [a["kind"] for a in Ledger(self.home / "cdc").rows("alert")]


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    city = City(tmp_path_factory.mktemp("cdc"))
    try:
        city.captured()
        yield city
    finally:
        city.cdc.__exit__()
        city.server.stop()


def _fast(rounds: int) -> int:
    """Strikes that take long: one in the short form."""
    return max(1, rounds // 5)


def test_engine_killed_in_the_stream(city: City, fault, rounds: int) -> None:
    random, batches = Random(7), 0
    with city.writer() as writer:
        for turn in range(rounds):
            city.cdc.told()
            if turn % 3:  # or else in the seconds in which it looks for its place in the log: then the next start waits longer
                city.published(batches)
            time.sleep(random.uniform(0.0, 1.0))
            city.cdc.kill_engine()
            batches = Ledger(city.home / "cdc").batches()
        city.cdc.told()
    lost, doubled, bus = caught_up(city.home, city.server)
    fault("Debezium killed in the stream (kill -9)", rounds=rounds, sent=writer.changes, lost=lost, doubled=doubled)
    assert not bus.bare


def test_supervisor_killed(city: City, fault, rounds: int) -> None:
    """At any moment, also before its engine captures anything; whoever starts it again may have to wait for that engine to end."""
    random = Random(8)
    with city.writer() as writer:
        for _ in range(rounds):
            if random.random() < 0.7:
                city.cdc.told()
            time.sleep(random.uniform(0.0, 1.5))
            city.cdc.kill()
            city.cdc.start()
        city.cdc.told()
    lost, doubled, _ = caught_up(city.home, city.server)
    fault("lakehouse cdc run killed (kill -9)", rounds=rounds, sent=writer.changes, lost=lost, doubled=doubled)


def test_postgres_killed(city: City, fault, rounds: int) -> None:
    with city.writer() as writer:
        for _ in range(_fast(rounds)):
            city.cdc.told()
            time.sleep(0.7)
            city.server.kill()
            city.cdc.ready.unlink(missing_ok=True)
            city.server.start()
            time.sleep(0.7)
        city.cdc.told()
    lost, doubled, _ = caught_up(city.home, city.server)
    fault("PostgreSQL killed and restarted under CDC", rounds=_fast(rounds), sent=writer.changes, lost=lost, doubled=doubled)


def test_bus_away(city: City, fault, rounds: int) -> None:
    with city.writer() as writer:
        for _ in range(_fast(rounds)):
            city.cdc.told()
            city.flag.touch()
            time.sleep(2)
            city.flag.unlink()
            time.sleep(0.5)
    lost, doubled, _ = caught_up(city.home, city.server)
    fault("bus away under CDC", rounds=_fast(rounds), sent=writer.changes, lost=lost, doubled=doubled)


def test_slot_lost(city: City, fault, rounds: int) -> None:
    """Every fifth time from a stream; otherwise from the snapshot that the loss before it made necessary."""
    known = len(city.alerts())
    with city.writer() as writer:
        for turn in range(_fast(rounds)):
            if turn % 5 == 0:
                city.captured()
            if turn % 3 == 2:  # five epochs within ten minutes would end it, and rightly: somebody restarts it before
                city.cdc.stop()
                city.cdc.start()
            city.cdc.told()
            time.sleep(0.5)
            city.cdc.kill_engine()
            _drop(city.server)
        city.cdc.told()
    lost, doubled, _ = caught_up(city.home, city.server)
    fault("replication slot lost (failed over)", rounds=_fast(rounds), sent=writer.changes, lost=lost, doubled=doubled)
    told = [kind for kind in city.alerts()[::-1][known:] if kind != "slot_inactive"]  # an engine that is slow to start: no loss
    assert len(told) == _fast(rounds) and set(told[::5]) == {"slot_missing"} and set(told) <= {"slot_missing", "snapshot_cut_off"}


@pytest.mark.long  # `make faults` runs it; two snapshots of everything take a minute or two
def test_slot_made_anew_behind_our_back(city: City, fault) -> None:
    """A slot of the same name is there, and starts after what was written meanwhile: made while nothing ran, and made in the
    moment in which the supervisor takes it for missing and an engine is about to make it."""
    with city.writer() as writer:
        city.captured()
        city.cdc.stop()
        _drop(city.server)
        time.sleep(0.2)
        execute(city.server, MAKE_SLOT)
        city.cdc.start()
        city.captured()
        city.cdc.kill_engine()
        _drop(city.server)
        time.sleep(1)
        with contextlib.suppress(psycopg.errors.DuplicateObject):
            execute(city.server, MAKE_SLOT)
        city.cdc.told()
    lost, doubled, _ = caught_up(city.home, city.server)
    fault("replication slot made anew", rounds=2, sent=writer.changes, lost=lost, doubled=doubled)
    assert "slot_moved" in city.alerts()


@pytest.mark.long  # `make faults` runs it; two snapshots of everything take a minute or two
def test_migrated_in_mid_stream(city: City, fault, tmp_path: Path) -> None:
    """Another cluster, with a shorter log, takes the address; what was deleted on the way is deleted downstream."""
    with city.writer() as writer:
        city.cdc.told()
        time.sleep(0.7)
    other = Server(tmp_path / "other")
    other.start()
    town.found(other)
    _copy(city.server, other)
    execute(other, "delete from attempts where attempt_id like '%7'", "update users set role = 'tutor' where user_id = 'u-2'")
    port, before = city.server.port, Source(city.url, "megacity_cdc", town.PUBLICATION).sighting()
    city.server.stop()
    other.stop()
    other.port, city.server = port, other
    other.start()
    assert Source(city.url, "megacity_cdc", town.PUBLICATION).sighting().wal_lsn < before.wal_lsn
    with city.writer() as after:
        time.sleep(1)
    lost, doubled, _ = caught_up(city.home, other)
    fault("source migrated in mid-stream", rounds=1, sent=writer.changes + after.changes, lost=lost, doubled=doubled)
    assert "another_cluster" in city.alerts()
    assert not Ledger(city.home / "cdc").broken_links()


def _drop(server: Server) -> None:
    until = time.monotonic() + 30
    while True:
        try:
            execute(server, "select pg_drop_replication_slot('megacity_cdc')")
            return
        except psycopg.errors.ObjectInUse:
            assert time.monotonic() < until
            time.sleep(0.02)


def _copy(from_: Server, to: Server) -> None:
    with psycopg.connect(from_.url()) as reading, psycopg.connect(to.url()) as writing:
        for table in town.TABLES:
            with (
                reading.cursor().copy(f"copy (select * from {table}) to stdout") as read,
                writing.cursor().copy(f"copy {table} from stdin") as written,
            ):
                for block in read:
                    written.write(block)
