"""What clean tables promise: a batch is in once and whole, with its counts, and files say what rows there are."""

from datetime import date

import duckdb
import pyarrow as pa
import pytest

from lakehouse.errors import LakehouseError

EXAMS = "exams/clean/events"
MONDAY, TUESDAY, WEDNESDAY = date(2026, 1, 5), date(2026, 1, 6), date(2026, 1, 7)


def rows(*pairs: tuple[int, date], **more: list) -> pa.Table:
    columns = {"event_key": pa.array([k for k, _ in pairs], pa.int64()), "dt": pa.array([d for _, d in pairs], pa.date32())}
    return pa.table(columns | more)


def read(files: list[str]) -> list[tuple[int, str]]:
    if not files:
        return []
    query = "select event_key, dt::varchar from read_parquet($files, hive_partitioning=true, hive_types={dt: date}, union_by_name=true) order by all"
    return duckdb.execute(query, {"files": files}).fetchall()


def test_an_absent_table(tables):
    assert (tables.version(EXAMS), tables.schema(EXAMS), tables.files(EXAMS), tables.counts(EXAMS, "b1")) == (-1, None, [], None)
    assert tables.days_changed_since(EXAMS, -1) == set()


def test_rows_can_be_read_by_day(tables):
    tables.append(EXAMS, rows((1, MONDAY), (2, TUESDAY)), "b1", {"valid": 2})
    tables.append(EXAMS, rows((3, TUESDAY)), "b2", {"valid": 1})
    assert read(tables.files(EXAMS)) == [(1, "2026-01-05"), (2, "2026-01-06"), (3, "2026-01-06")]
    assert read(tables.files(EXAMS, [TUESDAY])) == [(2, "2026-01-06"), (3, "2026-01-06")]
    assert tables.files(EXAMS, [WEDNESDAY]) == tables.files(EXAMS, []) == []


def test_a_batch_is_in_once(tables, reopen_tables):
    assert tables.append(EXAMS, rows((1, MONDAY)), "b1", {"valid": 1, "duplicates": 4}) is True
    version = tables.version(EXAMS)
    assert reopen_tables().append(EXAMS, rows((1, MONDAY)), "b1", {"valid": 99}) is False
    assert reopen_tables().version(EXAMS) == version
    assert reopen_tables().counts(EXAMS, "b1") == {"valid": 1, "duplicates": 4}
    assert read(reopen_tables().files(EXAMS)) == [(1, "2026-01-05")]


def test_a_batch_without_rows_is_remembered(tables, reopen_tables):
    assert tables.append(EXAMS, rows((1, MONDAY)), "b1", {"valid": 1})
    assert tables.append(EXAMS, rows(), "b2", {"valid": 0, "rejected": 7})
    assert reopen_tables().counts(EXAMS, "b2") == {"valid": 0, "rejected": 7}
    assert reopen_tables().append(EXAMS, rows(), "b2", {}) is False
    assert read(reopen_tables().files(EXAMS)) == [(1, "2026-01-05")]


def test_the_first_batch_may_be_empty(tables, reopen_tables):
    assert tables.append(EXAMS, rows(), "b1", {"rejected": 3})
    assert reopen_tables().counts(EXAMS, "b1") == {"rejected": 3}
    assert read(reopen_tables().files(EXAMS)) == []
    assert set(reopen_tables().schema(EXAMS).names) == {"event_key", "dt"}


def test_the_version_grows_with_every_batch(tables):
    versions = [tables.version(EXAMS)]
    for number in range(3):
        tables.append(EXAMS, rows((number, MONDAY)), f"b{number}", {})
        versions.append(tables.version(EXAMS))
    assert versions == sorted(set(versions))


def test_days_changed_since_a_version(tables):
    tables.append(EXAMS, rows((1, MONDAY)), "b1", {})
    seen = tables.version(EXAMS)
    assert tables.days_changed_since(EXAMS, -1) == {MONDAY}
    assert tables.days_changed_since(EXAMS, seen) == set()
    tables.append(EXAMS, rows((2, TUESDAY), (3, WEDNESDAY)), "b2", {})
    tables.append(EXAMS, rows((4, TUESDAY)), "b3", {})
    assert tables.days_changed_since(EXAMS, seen) == {TUESDAY, WEDNESDAY}
    assert tables.days_changed_since(EXAMS, -1) == {MONDAY, TUESDAY, WEDNESDAY}


def test_a_new_column_is_added(tables, reopen_tables):
    tables.append(EXAMS, rows((1, MONDAY)), "b1", {})
    tables.append(EXAMS, rows((2, MONDAY), device_type=pa.array(["phone"])), "b2", {})
    tables.append(EXAMS, rows((3, MONDAY)), "b3", {})
    assert reopen_tables().schema(EXAMS).field("device_type").type == pa.string()
    assert len(read(reopen_tables().files(EXAMS))) == 3


def test_a_column_keeps_its_type(tables):
    tables.append(EXAMS, rows((1, MONDAY), score=pa.array([1.5])), "b1", {})
    with pytest.raises(LakehouseError):
        tables.append(EXAMS, rows((2, MONDAY), score=pa.array(["high"])), "b2", {})
    assert tables.counts(EXAMS, "b2") is None
    assert read(tables.files(EXAMS)) == [(1, "2026-01-05")]


def test_tables_do_not_mix(tables):
    tables.append(EXAMS, rows((1, MONDAY)), "b1", {"valid": 1})
    assert tables.append("web/clean/behaviour_events", rows((2, MONDAY)), "b1", {"valid": 2})
    assert read(tables.files(EXAMS)) == [(1, "2026-01-05")]
    assert tables.counts(EXAMS, "b1") == {"valid": 1}


def test_whole_days_are_replaced_others_stay_and_an_emptied_day_has_changed(tables, reopen_tables):
    tables.replace_days(EXAMS, rows((1, MONDAY), (2, TUESDAY)), {MONDAY, TUESDAY}, {"monday": 7, "tuesday": 8})
    looked_at = tables.version(EXAMS)
    tables.replace_days(EXAMS, rows((3, TUESDAY), (4, TUESDAY)), {TUESDAY}, {"tuesday": 9})
    again = reopen_tables()
    assert read(again.files(EXAMS)) == [(1, "2026-01-05"), (3, "2026-01-06"), (4, "2026-01-06")]
    assert (again.seen(EXAMS, "monday"), again.seen(EXAMS, "tuesday"), again.seen(EXAMS, "friday")) == (7, 9, -1)
    assert again.days_changed_since(EXAMS, looked_at) == {TUESDAY}
    again.replace_days(EXAMS, rows(), {MONDAY}, {"monday": 0})
    assert read(reopen_tables().files(EXAMS)) == [(3, "2026-01-06"), (4, "2026-01-06")]
    assert reopen_tables().days_changed_since(EXAMS, looked_at) == {MONDAY, TUESDAY}


def test_emptied_days_of_an_absent_table_leave_it_empty(tables, reopen_tables):
    tables.replace_days(EXAMS, rows(), {MONDAY}, {"monday": 1})
    assert (reopen_tables().files(EXAMS), reopen_tables().seen(EXAMS, "monday")) == ([], 1)
