"""Closed days written anew: in order, in few files, by tier; not a row else; the second time not a byte."""

import hashlib
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakehouse.errors import CorruptError
from lakehouse.storage import delta_compaction, delta_settling
from lakehouse.storage.delta import DeltaTables
from lakehouse.storage.tiers import TIERS, tier_of
from tests.conformance.test_tables_promises import MONDAY, TUESDAY, read, rows

TABLE, ORDER = "exams/clean/events", ("zone_id", "org_id")
LATER = date(2026, 1, 20)


def opened(folder: Path) -> DeltaTables:
    return DeltaTables(str(folder / "lake"), folder / "locks")


def scattered(tables: DeltaTables) -> None:
    for number in range(6):
        zones = {"zone_id": pa.array(["b", "a"]), "org_id": pa.array([7 - number, number], pa.int64())}
        tables.append(TABLE, rows((number, MONDAY), (10 + number, TUESDAY), **zones), f"b{number}", {"valid": 2})


def settle(tables: DeltaTables, today: date = LATER, keep_hours: float = 24):
    return tables.settle(TABLE, ORDER, TIERS, today, keep_hours)


def bytes_of(folder: Path) -> dict[str, str]:
    files = (file for file in (folder / "lake").rglob("*") if file.is_file())
    return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_a_day_becomes_one_file_in_the_order_that_readers_ask_for(tmp_path: Path) -> None:
    tables = opened(tmp_path)
    scattered(tables)
    before, version = read(tables.files(TABLE)), tables.version(TABLE)
    (figures,) = settle(tables)
    assert (figures.tier, figures.days, figures.files_before, figures.files_after) == ("hot", 2, 12, 2)
    assert figures.rows_before == figures.rows_after == 12
    assert read(tables.files(TABLE)) == before and tables.days_changed_since(TABLE, version) == set()
    for file in tables.files(TABLE):
        written = pq.read_table(file, partitioning=None)
        assert written.to_pylist() == sorted(written.to_pylist(), key=lambda row: (row["zone_id"], row["org_id"]))


def test_the_second_time_changes_no_byte(tmp_path: Path) -> None:
    scattered(opened(tmp_path))
    settle(opened(tmp_path))
    settled = bytes_of(tmp_path)
    (figures,) = settle(opened(tmp_path))
    assert (figures.days, figures.files_freed) == (0, 0)
    assert bytes_of(tmp_path) == settled


def test_a_day_is_written_anew_only_when_late_rows_come_or_its_tier_changes(tmp_path: Path) -> None:
    tables = opened(tmp_path)
    scattered(tables)
    settle(tables)
    tables.append(TABLE, rows((99, TUESDAY), zone_id=pa.array(["a"]), org_id=pa.array([3], pa.int64())), "late", {})
    (figures,) = settle(tables)
    assert (figures.days, figures.files_before, figures.files_after, figures.rows_after) == (1, 3, 2, 13)
    (warm,) = settle(tables, date(2026, 3, 1))
    assert (warm.tier, warm.days) == ("warm", 2)
    assert all(file.endswith(".warm.parquet") for file in tables.files(TABLE))
    (cold,) = settle(tables, date(2027, 3, 1))
    assert (cold.tier, cold.days) == ("cold", 2) and len(read(tables.files(TABLE))) == 13


def test_today_is_left_alone(tmp_path: Path) -> None:
    tables = opened(tmp_path)
    scattered(tables)
    (figures,) = settle(tables, today=TUESDAY)
    assert (figures.days, figures.files_after) == (1, 7)


def test_what_was_replaced_can_be_read_until_it_is_freed(tmp_path: Path) -> None:
    tables = opened(tmp_path)
    scattered(tables)
    listed = tables.files(TABLE)
    (first,) = settle(tables)
    assert first.files_freed == 0 and len(read(listed)) == 12
    (second,) = settle(tables, keep_hours=0)
    assert second.files_freed == 12 and not any(Path(file).exists() for file in listed)
    assert len(read(tables.files(TABLE))) == 12


def test_rows_that_are_not_the_rows_read_are_refused_and_nothing_is_changed(tmp_path: Path, monkeypatch) -> None:
    tables = opened(tmp_path)
    scattered(tables)
    before, parquet = tables.files(TABLE), delta_settling.parquet
    monkeypatch.setattr(delta_settling, "parquet", lambda rows, level: parquet(rows.slice(1), level))
    with pytest.raises(CorruptError):
        settle(tables)
    assert tables.files(TABLE) == before and len(read(before)) == 12


def test_killed_between_writing_and_commit_the_next_one_makes_good_for_it(tmp_path: Path, monkeypatch) -> None:
    quiet, killed = tmp_path / "quiet", tmp_path / "killed"
    for folder in (quiet, killed):
        scattered(opened(folder))
    settle(opened(quiet))

    def dies(*_) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(delta_compaction, "commit", dies)
    with pytest.raises(KeyboardInterrupt):
        settle(opened(killed))
    monkeypatch.undo()
    assert len(read(opened(killed).files(TABLE))) == 12
    settle(opened(killed))
    names = [sorted(Path(file).name for file in opened(folder).files(TABLE)) for folder in (quiet, killed)]
    assert names[0] == names[1] and read(opened(quiet).files(TABLE)) == read(opened(killed).files(TABLE))


def test_what_an_eraser_took_meanwhile_is_not_brought_back(tmp_path: Path, monkeypatch) -> None:
    tables, other = opened(tmp_path), opened(tmp_path)
    scattered(tables)
    settled = delta_settling.settled

    def settled_and_overtaken(*args):
        monkeypatch.setattr(delta_settling, "settled", settled)
        other._open(TABLE).delete("event_key = 1")
        return settled(*args)

    monkeypatch.setattr(delta_settling, "settled", settled_and_overtaken)
    settle(tables)
    assert 1 not in [key for key, _ in read(opened(tmp_path).files(TABLE))]


@pytest.mark.parametrize(
    ("day", "tier"),
    [(LATER, "hot"), (date(2025, 12, 21), "hot"), (date(2025, 12, 20), "warm"), (date(2025, 1, 20), "warm"), (date(2025, 1, 19), "cold")],
)
def test_tiers_begin_where_the_product_says(day: date, tier: str) -> None:
    assert tier_of(day, LATER).name == tier
