"""Whatever comes, however often and in whatever order, Redis holds the recount."""

from pathlib import Path
from random import Random

import redis

from lakehouse.settings import Settings
from lakehouse.storage.open import open_vault
from tests.live import town as t


def test_the_counter_gives_the_recount(town: Path, client: redis.Redis) -> None:
    events = t.sittings(Random(1), 400)
    t.publish(town, events)
    t.count_all(town)
    right = t.expected(events, open_vault(Settings(home=town)))
    assert all(right.values())
    assert t.shown(client, right) == right
