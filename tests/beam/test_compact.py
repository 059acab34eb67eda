"""Compaction beside appends: nobody waits long, nothing is lost or doubled, and who holds an old list of files can read on."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pyarrow as pa

from lakehouse.storage.delta import DeltaTables
from tests.conformance.test_tables_promises import MONDAY, TUESDAY, read, rows

TABLE, APPENDS = "exams/clean/events", 40


def opened(folder: Path) -> DeltaTables:
    return DeltaTables(str(folder / "lake"), folder / "locks")


def test_appends_go_on_while_small_files_are_merged(tmp_path: Path) -> None:
    """Two objects over one table, as two processes have; the lock is a file's."""
    appending, compacting, merged = opened(tmp_path), opened(tmp_path), 0

    def append() -> None:
        for number in range(APPENDS):
            appending.append(TABLE, rows((number, MONDAY), (1_000 + number, TUESDAY)), f"b{number}", {})

    with ThreadPoolExecutor(1) as thread:
        all_of_them = thread.submit(append)
        while not all_of_them.done():
            merged += compacting.compact(TABLE, 4, TUESDAY, keep_hours=24)
        all_of_them.result()
    merged += compacting.compact(TABLE, 4, date(2027, 1, 1), keep_hours=24)
    assert merged > APPENDS
    keys = [key for key, _ in read(opened(tmp_path).files(TABLE))]
    assert keys == [*range(APPENDS), *range(1_000, 1_000 + APPENDS)]
    assert len(opened(tmp_path).files(TABLE)) == 2


def test_who_listed_the_files_before_can_still_read_them_until_they_are_freed(tmp_path: Path) -> None:
    tables = opened(tmp_path)
    for number in range(5):
        tables.append(TABLE, rows((number, MONDAY)), f"b{number}", {})
    listed = tables.files(TABLE)
    tables.compact(TABLE, 2, TUESDAY, keep_hours=24)
    assert [key for key, _ in read(listed)] == list(range(5)) and len(tables.files(TABLE)) == 1
    tables.compact(TABLE, 2, TUESDAY, keep_hours=0)
    assert not any(Path(path).exists() for path in listed)
    assert [key for key, _ in read(tables.files(TABLE))] == list(range(5))


def test_what_an_eraser_took_meanwhile_is_not_brought_back(tmp_path: Path, monkeypatch) -> None:
    """A file that goes between the reading and the commit of a compaction: then that compaction does not count."""
    from lakehouse.storage import delta_compaction

    tables, other = opened(tmp_path), opened(tmp_path)
    for number in range(3):
        tables.append(TABLE, rows((number, MONDAY)), f"b{number}", {})
    read_together = delta_compaction.read_together

    def read_and_be_overtaken(files) -> pa.Table:
        monkeypatch.setattr(delta_compaction, "read_together", read_together)
        other._open(TABLE).delete("event_key = 1")
        return read_together(files)

    monkeypatch.setattr(delta_compaction, "read_together", read_and_be_overtaken)
    assert tables.compact(TABLE, 2, TUESDAY, keep_hours=24) == 0
    assert [key for key, _ in read(opened(tmp_path).files(TABLE))] == [0, 2]
