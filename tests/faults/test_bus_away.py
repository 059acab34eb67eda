"""The bus goes away under load and comes back: accepted events wait in the spool, and all of them arrive once."""

import time
from pathlib import Path

import pytest

from tests.faults.journey import Journey, Sender

pytestmark = pytest.mark.slow(25)

FOR_S = {False: 1.5, True: 120.0}


@pytest.mark.timeout(900)
def test_the_bus_is_away_for_a_while_under_load(home: Path, fault, rounds: int, is_full: bool) -> None:
    """Its folder is moved away and a file stands in its place: every publish fails, as with an unplugged disk."""
    journey = Journey(home)
    bus, aside = home / "bus", home / "bus.aside"
    try:
        journey.start("collector")
        sender = Sender(journey)
        times = 3 if is_full else 2
        for _ in range(times):
            sender.wait_for(60)
            bus.rename(aside)
            bus.write_text("away")
            time.sleep(FOR_S[is_full])
            sender.wait_for(100)
            bus.unlink()
            aside.rename(bus)
            journey.until_drained()
        out = journey.finished(sender)
    finally:
        journey.end()
    fault("bus away under load", rounds=times, sent=out.sent, lost=out.lost, doubled=out.doubled)
