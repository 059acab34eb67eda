"""kill -9 of the collector, of land and of refine at random moments under load: nothing lost, nothing doubled."""

import time
from pathlib import Path
from random import Random

import pytest

from tests.faults.journey import Journey, Sender

pytestmark = pytest.mark.slow(25)

NAMES = ("collector", "land", "refine")


@pytest.mark.timeout(1800)
def test_kill_9_of_each_process_at_random_moments(home: Path, fault, rounds: int) -> None:
    random, journey = Random(rounds), Journey(home, refine_batch_rows=5_000)
    try:
        journey.start(*NAMES)
        sender = Sender(journey)
        sender.wait_for(100)
        for turn in range(rounds := max(rounds, len(NAMES))):
            victim = NAMES[turn % len(NAMES)] if turn < len(NAMES) else random.choice(NAMES)
            time.sleep(random.uniform(0.0, 1.5))
            journey.kill(victim)
            time.sleep(random.uniform(0.0, 0.3))
            journey.start(victim)
            sender.wait_for(40)
        out = journey.finished(sender)
    finally:
        journey.end()
    fault("kill -9 of collector, land and refine", rounds=rounds, sent=out.sent, lost=out.lost, doubled=out.doubled)
