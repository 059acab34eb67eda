"""`lakehouse live watch` in a terminal: figures that were accepted are on the screen; what is refused is told."""

import subprocess
from pathlib import Path
from random import Random

import redis

from lakehouse.settings import Settings, child_environment
from lakehouse.storage.open import open_vault
from tests.live import town as t
from tests.live.processes import LAKEHOUSE, running
from tests.live.test_live_serving import of_tenant


def _watch(town: Path, *words: str) -> subprocess.CompletedProcess:
    wide = child_environment(LAKEHOUSE_HOME=str(town), COLUMNS="200")
    return subprocess.run([LAKEHOUSE, "live", "watch", *words], env=wide, capture_output=True, text=True, timeout=60, check=False)


def test_the_terminal_shows_what_was_accepted_and_says_what_is_refused(town: Path, client: redis.Redis) -> None:
    events = t.sittings(Random(6), 60)
    t.publish(town, events)
    t.count_all(town)
    right = of_tenant(t.expected(events, open_vault(Settings(home=town)))["live.exam_minutes"], "univprep", 1)
    with running(town, "live", "serve", "--port", "0") as server:
        there = ("--address", server.told["address"], "--key", "zone_id=univprep")
        shown = _watch(town, "exam_minutes", *there, "--key", "org_id=1", "--rows", str(len(right)))
        refused = _watch(town, "exam_minutes", *there, "--key", "exam_id=none")
        unknown = _watch(town, "exam_moons", *there)
    assert shown.returncode == 0, shown.stderr
    assert f"{len(right):,} rows" in shown.stdout
    assert all(row["exam_id"] in shown.stdout for row in right)
    assert refused.returncode == 11 and "org_id" in refused.stderr
    assert unknown.returncode == 11 and "exam_minutes" in unknown.stderr
