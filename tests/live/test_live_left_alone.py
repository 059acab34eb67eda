"""Live figures of a person whose data is restricted, in a real Redis: gone at once, not counted for as long as that lasts, and then again; and
what a person gets to see of theirs."""

import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
import redis

from lakehouse.contracts import registry
from lakehouse.privacy.hidden import Restriction, hide, restrict
from lakehouse.privacy.requests import Whom
from lakehouse.settings import Settings
from lakehouse.storage.open import open_files, open_vault
from live import keys, store
from live.copies import LiveFigures
from live.store import LiveStore
from tests.live import town as t

USER, OTHER = "student-1", "student-2"


@pytest.fixture
def place(town: Path) -> LiveFigures:
    return LiveFigures(Settings(home=town))


@pytest.fixture
def people(town: Path) -> tuple[Whom, Whom]:
    known = open_vault(Settings(home=town)).subjects([USER, OTHER])
    return Whom(USER, pid=known[USER].pid), Whom(OTHER, pid=known[OTHER].pid)


@pytest.fixture
def sits(town: Path) -> Callable[..., list[dict]]:
    """Somebody sits exams now, and it is counted: the events."""

    def sit(seed: int) -> list[dict]:
        events = [e for e in t.sittings(Random(seed), 600) if e["payload"]["user_id"] in (USER, OTHER)]
        t.publish(town, events)
        t.count_all(town)
        return events

    return sit


def rows(place: LiveFigures, whom: Whom) -> int:
    return sum(len(held.rows) for held in place.held(whom))


def restricted(home: Path, place: LiveFigures, *people: Whom) -> None:
    """As the privacy office does it: on the list, then every place."""
    restrict(open_files(Settings(home=home)), {one.pid: Restriction("objection_pending", datetime.now(UTC), "r-1") for one in people})
    place.restrict(people)


def test_what_is_held_is_what_is_counted_of_a_person_and_of_nobody_else(town: Path, place: LiveFigures, people, sits) -> None:
    whom, other = people
    events = sits(1)
    (held,) = place.held(whom)
    text = json.dumps(held.rows)
    assert whom.pid not in text and other.pid not in text and OTHER not in text and all(None in row["of"] for row in held.rows)
    right = t.expected(events, open_vault(Settings(home=town)))
    views = {c.table: [r for r in right[c.id] if r[c.subject] == whom.pid] for c in registry().layer("live") if c.subject}
    assert len(views) == 3 and {row["view"] for row in held.rows} == {view for view, found in views.items() if found} == set(views)
    mine = [row["figures"] for row in held.rows if row["view"] == "person_attempts"]
    total = sum(row["response_count"] for row in views["person_attempts"])
    assert sum(figures.get("response_count|n", 0) for figures in mine) == total > 0
    correct = sum(e["payload"].get("is_correct", False) for e in events if e["payload"]["user_id"] == USER)
    assert sum(figures.get("correct_ratio|sum", 0) for figures in mine) == correct > 0
    begun = {e["payload"]["occurred_at"] for e in events if e["payload"]["event_type"] == "attempt_started"}
    told = {datetime.fromisoformat(at) for figures in mine for at in figures.get("started_at|last", [])}
    assert told and told <= begun | {e["payload"].get("started_at") for e in events}


def test_nothing_of_theirs_is_counted_until_it_is_lifted(town: Path, place: LiveFigures, people, sits, client: redis.Redis) -> None:
    whom, other = people
    sits(1)
    before = rows(place, other)
    assert rows(place, whom) > 0
    restricted(town, place, whom)
    assert rows(place, whom) == 0 and rows(place, other) == before > 0
    sits(2)
    assert rows(place, whom) == 0 and rows(place, other) > before

    later = time.time() + timedelta(days=40).total_seconds()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "time", lambda: later)
        LiveStore(client, t.WINDOW).forget("0" * 32)
    sits(3)
    assert rows(place, whom) == 0, "somebody else was forgotten forty days later"

    client.flushall()
    sits(4)
    assert rows(place, whom) == 0 and rows(place, other) > 0, "Redis lost everything, the list too"

    restrict(open_files(Settings(home=town)), {})
    place.release([whom])
    assert client.zscore(keys.FORGOTTEN, whom.pid) is None
    sits(5)
    assert rows(place, whom) > 0


def test_whoever_is_being_erased_stays_out_when_a_restriction_is_lifted(
    town: Path, place: LiveFigures, people, sits, client: redis.Redis
) -> None:
    whom, other = people
    restricted(town, place, whom, other)
    restrict(open_files(Settings(home=town)), {})
    hide(open_files(Settings(home=town)), {whom.pid})
    place.release([whom, other])
    assert client.zrange(keys.FORGOTTEN, 0, -1) == [whom.pid.encode()]
    sits(1)
    assert rows(place, whom) == 0 and rows(place, other) > 0


def test_a_file_that_is_being_written_anew_is_written_once_more(place: LiveFigures, people, client: redis.Redis) -> None:
    """What is being written began while the person was on the list."""
    whom, _ = people
    client.mset({f"filler-{n}": "x" for n in range(100)})
    client.config_set("rdb-key-save-delay", 5_000)  # microseconds: the first takes half a second
    try:
        place.restrict([whom])
        client.bgrewriteaof()
        assert client.info("persistence")["aof_rewrite_in_progress"] == 1
        threading.Timer(0.2, client.config_set, ("rdb-key-save-delay", 0)).start()
        place.release([whom])
        assert client.info("persistence")["aof_rewrite_in_progress"] == 0
    finally:
        client.config_set("rdb-key-save-delay", 0)
    held = (Path(client.config_get("dir")["dir"]) / "appendonly.aof").read_bytes()
    assert b"filler-99" in held and whom.pid.encode() not in held
