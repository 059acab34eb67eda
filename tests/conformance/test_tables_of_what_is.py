"""What tables of a row a key promise, and what a table says of itself to those who read on in it."""

from datetime import date

import duckdb
import pyarrow as pa
import pytest

from lakehouse.errors import LakehouseError
from lakehouse.storage.tiers import TIERS
from tests.conformance.test_tables_promises import EXAMS, MONDAY, TUESDAY, WEDNESDAY, read, rows

CURRENT = "source/current/exams"


def states(*pairs: tuple[str, int], **more: pa.Array) -> pa.Table:
    return pa.table({"exam_id": [k for k, _ in pairs], "score": pa.array([n for _, n in pairs], pa.int64())} | more)


def current(tables) -> dict[str, int]:
    files = tables.files(CURRENT)
    if not files:
        return {}
    found = duckdb.execute("select exam_id, score from read_parquet($files, union_by_name = true)", {"files": files}).fetchall()
    assert len(dict(found)) == len(found), "a row a key"
    return dict(found)


def test_a_row_takes_the_place_of_the_one_with_its_key(tables, reopen_tables):
    assert tables.replace(CURRENT, states(("a", 1), ("b", 2)), "exam_id", {"history": 3}, -1)
    assert tables.replace(CURRENT, states(("b", 3), ("c", 4)), "exam_id", {"history": 5}, tables.version(CURRENT))
    again = reopen_tables()
    assert current(again) == {"a": 1, "b": 3, "c": 4}
    assert (again.seen(CURRENT, "history"), again.seen(CURRENT, "floors"), again.count(CURRENT)) == (5, -1, 3)


def test_numbers_are_seen_without_a_row(tables, reopen_tables):
    tables.replace(CURRENT, states(("a", 1)), "exam_id", {"history": 3, "floors": 1}, -1)
    tables.replace(CURRENT, states(), "exam_id", {"history": 4}, tables.version(CURRENT))
    assert (reopen_tables().seen(CURRENT, "history"), reopen_tables().seen(CURRENT, "floors")) == (4, 1)
    assert current(reopen_tables()) == {"a": 1}


def test_an_absent_table_has_seen_nothing(tables):
    assert (tables.seen(CURRENT, "history"), tables.count(CURRENT), tables.added_since(CURRENT, -1)) == (-1, 0, [])


def test_who_looked_at_an_older_version_replaces_nothing(tables):
    tables.replace(CURRENT, states(("a", 1)), "exam_id", {"history": 1}, -1)
    looked_at = tables.version(CURRENT)
    assert tables.replace(CURRENT, states(("a", 2)), "exam_id", {"history": 2}, looked_at)
    assert tables.replace(CURRENT, states(("a", 9)), "exam_id", {"history": 9}, looked_at) is False
    assert (current(tables), tables.seen(CURRENT, "history")) == ({"a": 2}, 2)


def test_a_current_row_may_get_a_column_and_none_changes_its_type(tables):
    tables.replace(CURRENT, states(("a", 1)), "exam_id", {}, -1)
    tables.replace(CURRENT, states(("b", 2), device_type=pa.array(["phone"])), "exam_id", {}, tables.version(CURRENT))
    assert "device_type" in tables.schema(CURRENT).names and current(tables) == {"a": 1, "b": 2}
    wrong = pa.table({"exam_id": ["a"], "score": ["high"]})
    with pytest.raises(LakehouseError):
        tables.replace(CURRENT, wrong, "exam_id", {}, tables.version(CURRENT))
    assert current(tables) == {"a": 1, "b": 2}


def test_many_replacements_leave_few_files(tables):
    for number in range(40):
        tables.replace(CURRENT, states((f"new-{number}", number), ("a", number)), "exam_id", {}, tables.version(CURRENT))
    assert current(tables) == {f"new-{n}": n for n in range(40)} | {"a": 39}
    assert len(tables.files(CURRENT)) <= 17


def test_what_was_added_since_can_be_read_on(tables):
    tables.append(EXAMS, rows((1, MONDAY)), "b1", {})
    seen = tables.version(EXAMS)
    assert tables.added_since(EXAMS, seen) == []
    tables.append(EXAMS, rows((2, MONDAY), (3, TUESDAY)), "b2", {})
    assert [key for key, _ in read(tables.added_since(EXAMS, seen))] == [2, 3]
    assert [key for key, _ in read(tables.added_since(EXAMS, -1))] == [1, 2, 3]


def test_compaction_changes_no_row_and_is_no_change(tables, reopen_tables):
    for number in range(6):
        tables.append(EXAMS, rows((number, MONDAY), (10 + number, TUESDAY)), f"b{number}", {"valid": 2})
    before, version = read(tables.files(EXAMS)), tables.version(EXAMS)
    tables.compact(EXAMS, least_files=4, closed_before=TUESDAY, keep_hours=24)
    again = reopen_tables()
    assert read(again.files(EXAMS)) == before and again.count(EXAMS) == 12
    assert again.days_changed_since(EXAMS, version) == set()
    assert again.days_changed_since(EXAMS, -1) == {MONDAY, TUESDAY}
    assert [key for key, _ in read(again.added_since(EXAMS, version - 1))] == [5, 15]
    assert again.counts(EXAMS, "b3") == {"valid": 2}
    assert again.append(EXAMS, rows((1, MONDAY)), "b1", {}) is False
    again.append(EXAMS, rows((99, WEDNESDAY)), "b99", {})
    assert again.days_changed_since(EXAMS, version) == {WEDNESDAY}


def test_settling_changes_no_row_and_is_no_change(tables, reopen_tables):
    for number in range(6):
        tables.append(EXAMS, rows((number, MONDAY), (10 + number, TUESDAY)), f"b{number}", {"valid": 2})
    before, version = read(tables.files(EXAMS)), tables.version(EXAMS)
    tables.settle(EXAMS, ("event_key",), TIERS, WEDNESDAY, keep_hours=24)
    again = reopen_tables()
    assert read(again.files(EXAMS)) == before and again.count(EXAMS) == 12
    assert again.days_changed_since(EXAMS, version) == set()
    assert [key for key, _ in read(again.added_since(EXAMS, version - 1))] == [5, 15]
    assert again.counts(EXAMS, "b3") == {"valid": 2} and again.append(EXAMS, rows((1, MONDAY)), "b1", {}) is False
    assert tables.settle("exams/clean/absent", (), TIERS, WEDNESDAY, keep_hours=24) == []


def test_an_open_day_with_few_small_files_is_left_alone(tables):
    for number in range(3):
        tables.append(EXAMS, rows((number, TUESDAY)), f"b{number}", {})
    before = tables.files(EXAMS)
    assert tables.compact(EXAMS, least_files=4, closed_before=TUESDAY, keep_hours=24) == 0
    assert tables.files(EXAMS) == before


def test_of_what_was_tidied_away_it_says_so(tables):
    for number in range(3):
        tables.append(EXAMS, rows((number, MONDAY)), f"b{number}", {})
    tables.compact(EXAMS, least_files=2, closed_before=date(2027, 1, 1), keep_hours=0)
    since = tables.added_since(EXAMS, -1)
    assert since is None or [key for key, _ in read(since)] == [0, 1, 2]
    assert read(tables.files(EXAMS)) == [(0, "2026-01-05"), (1, "2026-01-05"), (2, "2026-01-05")]
