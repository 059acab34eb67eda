"""The bus delivers everything twice and out of order, under the old ids and under new ones: the same rows, each once."""

from collections import Counter
from pathlib import Path
from random import Random

import pytest

from beam_pipelines import pulling
from beam_pipelines.land import Land
from beam_pipelines.running import run
from lakehouse.contracts import registry
from lakehouse.envelope import encode, pack
from lakehouse.settings import settings
from lakehouse.storage.local import LocalBus
from lakehouse.storage.open import open_bus
from lakehouse.storage.protocols import Message
from tests.beam.conftest import Lake
from tests.replay.conftest import EXAM, NOW, exam

EVENTS = 400


class Forgetful(LocalBus):
    """Gives out in no order, forgets half of the acknowledgements, and gives again what was acknowledged."""

    def __init__(self, root: Path, random: Random) -> None:
        super().__init__(root)
        self._random = random
        self._done: list[Message] = []
        self.again = 0

    def pull(self, topic: str, subscription: str, max_messages: int, timeout_s: float) -> list[Message]:
        found = super().pull(topic, subscription, max_messages, timeout_s)
        if found:
            repeated = self._random.sample(self._done, len(self._done) // 2)
            self.again += len(repeated)
            found += repeated
        self._random.shuffle(found)
        return found

    def ack(self, topic: str, subscription: str, messages) -> None:
        self._done += messages
        super().ack(topic, subscription, [m for m in messages if self._random.random() < 0.5])


@pytest.mark.timeout(900)
def test_everything_twice_and_out_of_order(home: Path, fault, is_full: bool) -> None:
    turns = 20 if is_full else 2
    lake, again = Lake(settings()), 0
    for turn in range(turns):
        random = Random(turn)
        events = [exam(turn * EVENTS + n, user=f"student-{n % 9}", received_at=NOW) for n in range(EVENTS)]
        lines = [encode(e) for e in events] * 2  # new ids on the bus, for the publisher tried again
        random.shuffle(lines)
        publisher = open_bus(lake.settings)
        publisher.publish(EXAM, [pack(lines[at : at + 7])[0] for at in range(0, len(lines), 7)])
        publisher.close()
        for _ in range(2):  # the second finds what was not acknowledged
            bus = Forgetful(lake.settings.home / "bus", random)
            puller = pulling.Puller(bus, lake.at.files, [registry().get(EXAM)])
            for _ in range(3):
                run(puller.take(300, 0) or [], Land(lake.settings))
                puller.done()
            again += bus.again
            bus.close()
        lake.refine(most_rows=random.choice([50, 1_000]))
    lake.land()
    lake.refine()
    there = Counter(row["event_id"] for row in lake.clean(EXAM))
    sent = {f"exam-{n:05d}" for n in range(turns * EVENTS)}
    assert again > 0
    fault(
        "bus delivers twice and out of order",
        rounds=turns,
        sent=len(sent),
        lost=len(sent - there.keys()),
        doubled=sum(there.values()) - len(there),
    )
