"""The index of event ids against a set: the same answers, whatever was added, merged, dropped, lost or damaged."""

import hashlib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_pipelines import event_keys, key_runs
from beam_pipelines.event_keys import EventKeys
from lakehouse.storage.delta import DeltaTables

TABLE = "exams/clean/events"
START = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture(autouse=True)
def small(monkeypatch) -> None:
    """Runs of a few keys, so that a few batches make several, and merge them."""
    monkeypatch.setattr(event_keys, "_TAIL_KEYS", 30)
    monkeypatch.setattr(key_runs, "_WINDOW", 50)
    monkeypatch.setattr(key_runs, "_MERGED_AT_ONCE", 40)


def rows(ids: list[str], received_at: datetime = START, days=(date(2026, 3, 2),)) -> pa.Table:
    return pa.table(
        {
            "event_id": ids,
            "event_key": pa.array(map(key_of, ids), pa.int64()),
            "received_at": pa.array([received_at] * len(ids), pa.timestamp("us", "UTC")),
            "dt": pa.array([days[n % len(days)] for n in range(len(ids))], pa.date32()),
        }
    )


def key_of(event_id: str) -> int:
    """With so few keys that some ids share one."""
    return int(hashlib.md5(event_id.encode()).hexdigest()[:8], 16) % 5_000


class Lake:
    def __init__(self, folder: Path) -> None:
        self.folder, self.batches = folder, 0
        self.tables = DeltaTables(str(folder / "lake"), folder / "locks")
        self.index = self.opened()
        self.ids: set[str] = set()

    def opened(self) -> EventKeys:
        return EventKeys(self.tables, TABLE, self.folder / "index")

    def append(self, ids: list[str], **how) -> None:
        self.batches += 1
        self.tables.append(TABLE, rows(ids, **how), f"batch-{self.batches}", {})
        self.ids |= set(ids)

    def known(self, ids: list[str]) -> set[str]:
        found = self.index.known(pa.chunked_array([pa.array(map(key_of, ids), pa.int64())]))
        return {event_id for some in found.values() for event_id in some} & set(ids)


ids = st.lists(st.integers(0, 400).map(lambda n: f"event-{n:05d}"), max_size=40, unique=True)
acts = st.lists(st.tuples(st.sampled_from(["append", "append", "append", "reopen", "lose", "spoil", "compact"]), ids), max_size=25)


@given(acts=acts)
@settings(max_examples=12, deadline=None)
def test_it_answers_as_a_set_would(tmp_path_factory, acts) -> None:
    lake = Lake(tmp_path_factory.mktemp("keys"))
    days, random = [date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 4)], Random(1)
    for number, (act, some) in enumerate(acts):
        if act == "append" and (new := [i for i in some if i not in lake.ids]):
            lake.append(new, received_at=START + timedelta(days=number // 4), days=days)
        elif act == "lose":
            for path in (lake.folder / "index").glob("*"):
                path.unlink()
            lake.index = lake.opened()
        elif act == "spoil" and (there := sorted((lake.folder / "index").glob("*"))):
            spoilt = random.choice(there)
            spoilt.write_bytes(spoilt.read_bytes()[: random.randrange(40)] + b"?")
            lake.index = lake.opened()
        elif act == "compact":
            lake.tables.compact(TABLE, 2, date(2026, 3, 3), keep_hours=0)
        elif act == "reopen":
            lake.index = lake.opened()
        assert lake.known(some) == set(some) & lake.ids
    everything = [f"event-{n:05d}" for n in range(401)]
    assert lake.known(everything) == lake.ids


def test_small_batches_write_nothing_and_runs_stay_few(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    for number in range(60):
        lake.append([f"event-{number:03d}-{n}" for n in range(9)])
        before = lake.index._runs.runs if lake.index._runs else []
        lake.known(["event-000-1"])
        assert number % 4 == 3 or lake.index._runs.runs == before or len(lake.index._keys) == 0
    assert 1 <= len(lake.index._runs.runs) <= 8
    assert lake.index._runs.count + len(lake.index._keys) == 540


def test_two_processes_in_turn_see_what_the_other_added(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    other = lake.opened()
    for number in range(30):
        lake.append([f"event-{number:03d}-{n}" for n in range(20)])
        lake.index, other = other, lake.index
        assert lake.known([f"event-{n:03d}-3" for n in range(31)]) == {f"event-{n:03d}-3" for n in range(number + 1)}


def test_a_table_that_was_put_back_to_before_makes_it_anew(tmp_path: Path) -> None:
    lake, other = Lake(tmp_path), Lake(tmp_path / "other")
    for number in range(5):
        lake.append([f"event-{number}-{n}" for n in range(20)])
        other.append([f"other-{number}-{n}" for n in range(19)])
    lake.known(["event-0-1"])
    restored = EventKeys(other.tables, TABLE, tmp_path / "index")
    keys = pa.chunked_array([pa.array([key_of("other-2-3"), key_of("event-2-3")], pa.int64())])
    assert "other-2-3" in {i for some in restored.known(keys).values() for i in some}


def test_what_is_beyond_the_window_is_dropped_and_a_clock_that_runs_ahead_drops_nothing(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.append([f"old-{n}" for n in range(50)])
    lake.append([f"new-{n}" for n in range(50)], received_at=START + timedelta(days=45))
    assert lake.index.drop_expired(60, date(2030, 1, 1)) == 0
    assert lake.index.drop_expired(30, START.date() + timedelta(days=45)) == 50
    assert (lake.known(["old-1", "new-1"]), lake.index._runs.dropped) == ({"new-1"}, 50)
    lake.index = lake.opened()
    assert lake.known(["old-1", "new-1"]) == {"new-1"}


def test_runs_hold_what_was_added(tmp_path: Path) -> None:
    runs, random = key_runs.KeyRuns(tmp_path), np.random.default_rng(3)
    every = []
    for number in range(40):
        keys = random.integers(0, 2**62, 100)
        every.append(keys)
        runs.add(keys, np.full(100, number, np.int32), week=number // 20, covers=number)
    asked = np.unique(np.concatenate([*every, random.integers(0, 2**62, 500)]))
    found, days = key_runs.KeyRuns(tmp_path).find(asked)
    assert sorted(found.tolist()) == sorted(np.concatenate(every).tolist())
    assert {(int(k), int(d)) for k, d in zip(found, days)} == {(int(k), n) for n, keys in enumerate(every) for k in keys}


def test_after_a_power_cut_what_was_lost_of_a_run_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = Lake(tmp_path)
    lake.append([f"event-{n}" for n in range(50)])
    assert lake.known(["event-1"]) == {"event-1"}
    (run,) = (tmp_path / "index").glob("*.keys")
    run.write_bytes(bytes(run.stat().st_size))  # its length reached the disk, its pages did not
    boot = tmp_path / "boot_id"
    boot.write_text("another")
    monkeypatch.setattr(key_runs, "_BOOT_ID", boot)
    lake.index = lake.opened()
    assert lake.known(["event-1"]) == {"event-1"}


def test_within_one_boot_a_run_is_read_through_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = key_runs.KeyRuns(tmp_path)
    runs.add(np.arange(100), np.full(100, 7, np.int32), week=1, covers=1)
    for boot, reads in (("first", 1), ("first", 0), ("second", 1), ("", 1), ("", 1)):
        read: list[Path] = []
        monkeypatch.setattr(key_runs, "_boot", lambda boot=boot: boot)
        monkeypatch.setattr(key_runs, "_crc", lambda path, read=read, crc=runs.runs[0].crc: read.append(path) or crc)
        key_runs.KeyRuns(tmp_path)
        assert len(read) == reads, boot


def test_a_new_process_goes_on_where_the_last_one_ended_also_after_the_end_of_a_week(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, again = Lake(tmp_path), []
    monkeypatch.setattr(event_keys._log, "info", lambda event, **said: again.append((event, said["why"])))
    for day in range(20):
        lake.append([f"day-{day}-{n}" for n in range(9)], received_at=START + timedelta(days=day))
        if day >= 10:  # the first ten days at once
            lake.index = lake.opened()
            assert lake.known([f"day-{n}-3" for n in range(20)]) == {f"day-{n}-3" for n in range(day + 1)}
    assert again == []
