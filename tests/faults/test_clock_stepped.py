"""The clocks of collector, land and refine step backward and forward under load: nothing lost or doubled, every partition right."""

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import duckdb
import pytest

from lakehouse import places
from lakehouse.contracts import registry
from lakehouse.places import Home
from lakehouse.storage.delta import DeltaTables
from tests.faults import clock
from tests.faults.journey import CONTRACT, Journey, Sender

pytestmark = pytest.mark.slow(45)

STEPS_S = (-1_800.0, 7_200.0, -86_400.0, 0.0, 86_400.0, -5.0)


def clean(home: Path, root: str = "") -> list[tuple]:
    contract = registry().get(CONTRACT)
    files = DeltaTables(str(Home(home).lake), Home(home).locks).files(root + places.clean_table(contract.domain, contract.table))
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'Asia/Seoul'")
        read = "SELECT *, dt = occurred_at::DATE AS is_right FROM read_parquet(?, hive_partitioning = true) ORDER BY event_id"
        return database.execute(read, [files]).fetchall()


def raw_days(home: Path) -> tuple[int, int]:
    """Raw rows in the partition of their arrival, and in another."""
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'UTC'")
        files = [str(path) for path in (Home(home).lake / "auth" / "raw" / "login_events").glob("dt=*/*.parquet")]
        counted = "SELECT count(*) FILTER (dt = received_at::DATE), count(*) FILTER (dt <> received_at::DATE) FROM read_parquet(?, hive_partitioning = true)"
        return database.execute(counted, [files]).fetchone()


@pytest.mark.timeout(900)
def test_stepped_backward_and_forward(home: Path, fault, is_full: bool) -> None:
    steps = STEPS_S * (5 if is_full else 1)
    file = home / "clock"
    clock.step(file, 0.0)
    journey = Journey(home, before=partial(clock.install, str(file)))
    try:
        journey.start("collector", "land", "refine")
        sender = Sender(journey, ago=timedelta(days=3))  # so that no event is ahead of a clock that is behind
        for number, seconds in enumerate(steps):
            sender.wait_for(40)
            clock.step(file, seconds)
            if number % 2:  # and a process that starts, and finds what one with another clock has begun
                for name in ("land", "refine"):
                    journey.kill(name)
                    journey.start(name)
        out = journey.finished(sender)
        there = clean(home)
        assert there and all(row[-1] for row in there), "dt is the business day of the event, whatever our clocks say"
        right, wrong = raw_days(home)
        assert right == len(there) and wrong == 0
        days = {row[0] for row in duckdb.connect().execute("SELECT unnest(?)", [sorted(arrival_days(home))]).fetchall()}
        assert len(days) >= 3, "the clocks did step"
        journey.run("replay", "--from", "2000-01-01")
        journey.run("replay", "--into", "again", "--contract", CONTRACT)
        assert clean(home) == there
        assert [row[:-1] for row in clean(home, "rebuilt/again/")] == [row[:-1] for row in there]
    finally:
        journey.end()
    fault("clock stepped under collector, land and refine", rounds=len(steps), sent=out.sent, lost=out.lost, doubled=out.doubled)


def arrival_days(home: Path) -> set[str]:
    return {path.name for path in (Home(home).lake / "auth" / "raw" / "login_events").glob("dt=*")}


def test_the_wrong_clock_is_wrong(home: Path) -> None:
    """The shim does what the proof above relies on."""
    file = home / "clock"
    clock.step(file, -86_400.0)
    journey = Journey(home, before=partial(clock.install, str(file)))
    try:
        journey.start("collector")
        sender = Sender(journey, threads=1, ago=timedelta(days=3))
        sender.wait_for(20)
        journey.finished(sender)
    finally:
        journey.end()
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
    assert arrival_days(home) == {f"dt={yesterday}"}
