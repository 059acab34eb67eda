"""However often a message is delivered, in whatever order and in however many runs: the same clean rows."""

import json
import shutil
from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from lakehouse.contracts import registry
from lakehouse.door import Admitted, Door
from lakehouse.envelope import pack
from lakehouse.settings import Settings
from tests.beam.conftest import Lake
from tests.beam.payloads import NOW, good

CONTRACT, EVENTS = "exam.events", 100


def _messages() -> list[bytes]:
    """Of five events each, by nine people."""
    door, lines, random = Door(registry(), "test"), [], Random(1)
    for number in range(EVENTS):
        payload = good(registry().get(CONTRACT), random) | {"user_id": f"student-{random.randrange(9)}"}
        event = {"event_id": f"event-{number:04d}", "contract": CONTRACT, "org_id": 3, "payload": payload}
        admitted = door.admit(json.dumps(event).encode(), "univprep", NOW)
        assert isinstance(admitted, Admitted), admitted
        lines.append(admitted.line)
    return [pack(lines[at : at + 5])[0] for at in range(0, len(lines), 5)]


@pytest.fixture(scope="module")
def once(tmp_path_factory) -> Lake:
    """Everything once, in order."""
    lake = Lake(Settings(home=tmp_path_factory.mktemp("once")))
    lake.publish(CONTRACT, _messages())
    lake.land()
    lake.refine()
    assert [row["event_id"] for row in lake.clean(CONTRACT)] == [f"event-{n:04d}" for n in range(EVENTS)]
    return lake


@given(seed=st.integers(0, 2**32))
@examples(max_examples=4, deadline=None)
def test_twice_delivered_and_shuffled_over_several_runs_it_is_the_same(once: Lake, tmp_path_factory, seed: int) -> None:
    random = Random(seed)
    lake = Lake(Settings(home=tmp_path_factory.mktemp("twice")))
    shutil.copytree(once.settings.home / "vault", lake.settings.home / "vault")  # so that pseudonyms are the same
    messages = _messages() * 2
    random.shuffle(messages)
    cuts = sorted(random.sample(range(len(messages)), 3))
    for start, end in zip([0, *cuts], [*cuts, None]):
        lake.publish(CONTRACT, messages[start:end])
        lake.land()
        if random.random() < 0.7:
            lake.refine(most_rows=random.choice([7, 60, 1000]))
    lake.refine()
    assert lake.clean(CONTRACT) == once.clean(CONTRACT)
    counts = Counter()
    for marker in lake.markers(CONTRACT):
        counts.update({name: n for name, n in marker.items() if isinstance(n, int)})
    assert (counts["rows"], counts["valid"], counts["duplicates"]) == (2 * EVENTS, EVENTS, EVENTS)
