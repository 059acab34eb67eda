"""The bus goes away under load and comes back: accepted events wait in the spool, and all of them arrive once."""

import time
from pathlib import Path

import pytest

from tests.faults.journey import Journey, Sender
from tests.faults.unplugged import bus_away

pytestmark = pytest.mark.slow(25)

FOR_S = {False: 1.5, True: 120.0}


@pytest.mark.timeout(900)
def test_the_bus_is_away_for_a_while_under_load(home: Path, fault, rounds: int, is_full: bool) -> None:
    journey = Journey(home)
    bus_away(home, False)
    try:
        journey.start("collector")
        sender = Sender(journey)
        times = 3 if is_full else 2
        for _ in range(times):
            sender.wait_for(60)
            bus_away(home, True)
            time.sleep(FOR_S[is_full])
            sender.wait_for(100)
            bus_away(home, False)
            journey.until_drained()
        out = journey.finished(sender)
    finally:
        journey.end()
    fault("bus away under load", rounds=times, sent=out.sent, lost=out.lost, doubled=out.doubled)
