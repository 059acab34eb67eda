"""Replay of any window of raw: over an intact table nothing changes, and where rows are missing the same rows come back."""

import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from beam_pipelines import replay
from beam_pipelines import stores as opened_stores
from beam_pipelines.sources import RawBatch
from lakehouse.errors import CorruptError
from lakehouse.settings import Settings
from tests.beam.conftest import Lake
from tests.replay.conftest import EXAM, LOGIN, NOW, erase, exam, lakehouse, listed, login, replayed, sent

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three days of arrivals in several batches and refinements, with copies that arrived in another order than they were refined."""
    lake = Lake(Settings(home=tmp_path_factory.mktemp("filled")))
    days = [NOW - 2 * DAY, NOW - DAY, NOW]
    copy = exam(1, received_at=NOW, score=11.0)
    sent(lake, EXAM, [copy, *(exam(n, user=f"u-{n % 5}", received_at=days[n % 3], score=float(n)) for n in range(2, 30))])
    # A copy of exam-00001 that arrived earlier, and was landed later: the one that was refined first stands.
    sent(lake, EXAM, [exam(1, received_at=NOW - DAY, score=99.0)], refine=False)
    sent(lake, EXAM, [exam(40, received_at=days[0]), exam(41, received_at=NOW, score=999), exam(1, received_at=NOW - 2 * DAY, score=98.0)])
    return lake.settings.home


@pytest.fixture
def filled(base: Path, home: Path, lake: Lake) -> Lake:
    shutil.copytree(base, home, dirs_exist_ok=True)
    return lake


def bytes_of(files: list[str]) -> list[tuple]:
    """Every value of every row, with its partition, in an order of its own: all there is but the files' names."""
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'UTC'")
        read = "SELECT * FROM read_parquet(?, union_by_name = true, hive_partitioning = true) ORDER BY event_id"
        return database.execute(read, [files]).fetchall()


def clean_folder(lake: Lake) -> Path:
    return lake.settings.home / "lake" / "exams" / "clean" / "exam_events"


def files(lake: Lake, root: str = "") -> list[str]:
    return lake.at.tables.files(f"{root}exams/clean/exam_events")


def test_over_an_intact_table_nothing_changes(filled: Lake) -> None:
    before, version, letters = bytes_of(files(filled)), filled.at.tables.version("exams/clean/exam_events"), listed("--all")
    assert replayed("--from", "2026-01-01") == {EXAM: {"records": 33, "duplicates": 32, "still_failing": 1}}
    assert (bytes_of(files(filled)), listed("--all")) == (before, letters)
    assert filled.at.tables.version("exams/clean/exam_events") == version


def test_into_a_fresh_root_it_gives_the_same_rows(filled: Lake) -> None:
    before = bytes_of(files(filled))
    assert replayed("--into", "check") == {EXAM: {"records": 33, "replayed": 30, "duplicates": 2, "still_failing": 1}}
    assert bytes_of(files(filled, "rebuilt/check/")) == before
    assert replayed("--into", "check")[EXAM]["duplicates"] == 32, "twice is the same as once"
    assert bytes_of(files(filled, "rebuilt/check/")) == before == bytes_of(files(filled))


def test_lost_partitions_come_back(filled: Lake) -> None:
    from deltalake import DeltaTable

    before = bytes_of(files(filled))
    DeltaTable(str(clean_folder(filled))).delete("dt = '2026-03-03'")
    gone = len(before) - len(bytes_of(files(filled)))
    assert 0 < gone < len(before)
    assert replayed("--from", "2026-01-01")[EXAM]["replayed"] == gone
    assert bytes_of(files(filled)) == before


def test_a_lost_table_comes_back(filled: Lake) -> None:
    before = bytes_of(files(filled))
    shutil.rmtree(clean_folder(filled))
    opened_stores.stores.cache_clear()
    assert replayed("--from", "2026-01-01", "--dry-run")[EXAM]["replayed"] == len(before)
    assert not clean_folder(filled).exists()
    replayed("--from", "2026-01-01")
    assert bytes_of(files(filled)) == before
    shutil.rmtree(clean_folder(filled))  # and again: no name of a run may stand in the way of the next
    opened_stores.stores.cache_clear()
    replayed("--from", "2026-01-01")
    assert bytes_of(files(filled)) == before


def test_only_the_window_is_read(filled: Lake) -> None:
    shutil.rmtree(clean_folder(filled))
    opened_stores.stores.cache_clear()
    counts = replayed("--from", "2026-03-01T16:30", "--to", "2026-03-02T16:30")[EXAM]
    assert {row["received_at"] for row in filled.clean(EXAM)} == {NOW - DAY}
    assert counts["records"] == sum(n % 3 == 1 for n in range(2, 30)) + 1


def test_a_field_that_the_contract_gained_is_filled_where_rows_are_made_anew(filled: Lake, fix: Callable) -> None:
    """Raw has kept what producers sent before the contract knew it. Rows that are there stay as they are."""
    sent(filled, EXAM, [exam(50, theme="green")])
    line = '      - {name: theme, logicalType: string, classification: internal, description: "Colours."}\n'
    fix("exams/events.odcs.yaml", "      - {name: session_id}\n", f"      - {{name: session_id}}\n{line}")
    sent(filled, EXAM, [exam(51, theme="blue")])
    themes = lambda root="": {r["event_id"]: r["theme"] for r in filled._rows(files(filled, root)) if r["theme"]}  # noqa: E731
    assert themes() == {"exam-00051": "blue"}
    assert replayed("--from", "2026-01-01")[EXAM].get("replayed", 0) == 0
    assert themes() == {"exam-00051": "blue"}
    replayed("--into", "with-theme", "--contract", EXAM)
    assert themes("rebuilt/with-theme/") == {"exam-00050": "green", "exam-00051": "blue"}
    without = [{k: v for k, v in row.items() if k != "theme"} for row in filled._rows(files(filled, "rebuilt/with-theme/"))]
    assert without == [{k: v for k, v in row.items() if k != "theme"} for row in filled.clean(EXAM)]


def test_a_window_after_a_fix_closes_its_letters(filled: Lake, fix: Callable) -> None:
    fix(
        "vocabulary.yaml",
        "score: {type: float, classification: internal, min: 0, max: 100",
        "score: {type: float, classification: internal, min: 0, max: 1000",
    )
    assert [letter["event_id"] for letter in listed()] == ["exam-00041"]
    assert replayed("--from", "2026-03-02")[EXAM]["replayed"] == 1
    assert (listed(), [letter["redrive_state"] for letter in listed("--all")]) == ([], ["replayed"])


def test_a_rule_that_became_narrower_takes_nothing_away_and_loses_nothing(filled: Lake, fix: Callable) -> None:
    before = len(filled.clean(EXAM))
    fix(
        "vocabulary.yaml",
        "score: {type: float, classification: internal, min: 0, max: 100",
        "score: {type: float, classification: internal, min: 0, max: 20",
    )
    counts = replayed("--from", "2026-01-01")[EXAM]
    failing = sum(row["score"] > 20 for row in filled.clean(EXAM)) + 3  # the letter, and the copies of exam-00001
    assert counts["still_failing"] == failing and len(filled.clean(EXAM)) == before
    assert len(listed()) == failing, "what fails today and had no letter has one now"
    replayed("--from", "2026-01-01")
    assert len(listed()) == failing


def test_what_is_gone_or_waits_is_counted(filled: Lake) -> None:
    sent(filled, EXAM, [exam(60), exam(61)], refine=False)
    erase(filled, "u-1")
    [oldest, *_] = sorted((filled.settings.home / "lake" / "exams" / "raw" / "exam_events").glob("dt=2026-02-28/*.parquet"))
    rows = len(filled._rows([str(oldest)]))
    oldest.unlink()
    counts = replayed("--from", "2026-01-01")[EXAM]
    assert (counts["expired"], counts["waiting"]) == (rows, 2)
    assert counts["records"] == 33 - rows and counts["forgotten"] > 0
    assert counts["records"] == sum(counts.get(n, 0) for n in ("replayed", "duplicates", "still_failing", "forgotten"))
    filled.refine()
    assert {"exam-00060", "exam-00061"} < {row["event_id"] for row in filled.clean(EXAM)}


def test_the_erased_are_in_no_rebuilt_table(filled: Lake) -> None:
    before = {row["event_id"]: row["user_pid"] for row in filled.clean(EXAM)}
    pid = filled.at.vault.subjects(["u-1"])["u-1"].pid
    erase(filled, "u-1")
    replayed("--into", "after")
    after = {row["event_id"]: row["user_pid"] for row in filled._rows(files(filled, "rebuilt/after/"))}
    assert after == {event_id: known for event_id, known in before.items() if known != pid}


def test_damaged_raw_stops_it(filled: Lake) -> None:
    [first, *_] = sorted((filled.settings.home / "lake" / "exams" / "raw" / "exam_events").glob("dt=*/*.parquet"))
    first.write_bytes(first.read_bytes()[:-1])
    assert CorruptError.exit_code == 14
    lakehouse("replay", "--from", "2026-01-01", code=14)


def test_contracts_are_kept_apart(filled: Lake) -> None:
    sent(filled, LOGIN, [login(1)])
    assert set(replayed("--from", "2026-01-01")) == {EXAM, LOGIN}
    assert set(replayed("--from", "2026-01-01", "--contract", LOGIN)) == {LOGIN}


# ------------------------------------------------------------------------------------------------------------- planning


def batch(name: str, first: str, *days: str) -> RawBatch:
    return RawBatch(name, first, tuple({"path": f"x/dt={day}/{name}.parquet", "rows": 1, "bytes": 1} for day in days))


@pytest.mark.parametrize(
    "since, until, chosen",
    [
        (None, None, ["a", "b"]),
        ("2026-03-02T00:00", None, ["b"]),
        ("2026-03-01T23:59", None, ["a", "b"]),
        (None, "2026-03-02T00:00", ["a"]),
        (None, "2026-03-02T00:01", ["a", "b"]),
        ("2026-03-03T00:00", None, []),
    ],
)
def test_files_are_chosen_by_their_day(since, until, chosen) -> None:
    at = lambda text: datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None  # noqa: E731
    batches = [batch("a", "1", "2026-03-01"), batch("b", "2", "2026-03-02")]
    assert [b.batch_id for b in replay.chosen(batches, replay.Window(at(since), at(until)))] == chosen


def test_batches_go_in_the_order_of_the_first_time() -> None:
    batches = [batch("a", "1", "2026-03-01"), batch("b", "2", "2026-03-01"), batch("c", "3", "2026-03-01"), batch("d", "0", "2026-03-01")]
    ordered, ranks = replay.in_their_order(batches, {"a": "t2", "b": "t1", "c": "t1", "d": ""})
    assert [b.batch_id for b in ordered] == ["d", "b", "c", "a"]
    assert ranks == {"d": 0, "b": 1, "c": 1, "a": 2}


def test_a_day_is_read_from_the_path() -> None:
    assert replay.day_of("exams/raw/exam_events/dt=2026-03-01/x.parquet") == date(2026, 3, 1)
