"""What tables promise about people who are taken out of them."""

import duckdb
import pyarrow as pa

from lakehouse.storage.protocols import Forgotten
from lakehouse.storage.tiers import TIERS
from tests.conformance.test_tables_of_what_is import CURRENT
from tests.conformance.test_tables_promises import EXAMS, MONDAY, TUESDAY, WEDNESDAY, read, rows

WHOSE = {"user_pid": True}
WHOSE_AND_MENTIONED = {"user_pid": True, "requester_pid": False}


def days_of(*people: str | None, asked_by: tuple[str | None, ...] = ()) -> pa.Table:
    """A row a person; Monday's and Tuesday's in turn."""
    named = {"user_pid": pa.array(people, pa.string())}
    named |= {"requester_pid": pa.array(asked_by, pa.string())} if asked_by else {}
    return rows(*((n, (MONDAY, TUESDAY)[n % 2]) for n in range(len(people))), **named)


def people(tables, table: str = EXAMS, column: str = "user_pid") -> list[str]:
    files = tables.files(table)
    if not files:
        return []
    query = f"select {column} from read_parquet($files, union_by_name = true) where {column} is not null order by 1"
    return [name for (name,) in duckdb.execute(query, {"files": files}).fetchall()]


def test_rows_of_people_go_and_others_stay(tables, reopen_tables):
    tables.append(EXAMS, days_of("ann", "bob", "ann", None), "b1", {"valid": 4})
    tables.append(EXAMS, days_of("cat", "bob"), "b2", {"valid": 2})
    done = tables.forget(EXAMS, WHOSE, {"ann", "nobody"})
    assert (done.rows, done.mentions, done.days) == (2, 0, {MONDAY})
    again = reopen_tables()
    assert people(again) == ["bob", "bob", "cat"] and again.count(EXAMS) == 4
    assert again.counts(EXAMS, "b1") == {"valid": 4} and again.append(EXAMS, days_of("ann"), "b1", {}) is False


def test_their_days_have_changed_and_nothing_was_added(tables):
    tables.append(EXAMS, days_of("ann", "bob"), "b1", {})
    before = tables.version(EXAMS)
    tables.forget(EXAMS, WHOSE, {"bob"})
    assert tables.days_changed_since(EXAMS, before) == {TUESDAY}
    assert not tables.added_since(EXAMS, before)
    tables.append(EXAMS, days_of("cat"), "b2", {})
    assert [key for key, _ in read(tables.added_since(EXAMS, before))] == [0]


def test_a_second_time_changes_nothing(tables):
    tables.append(EXAMS, days_of("ann", "bob"), "b1", {})
    tables.forget(EXAMS, WHOSE, {"ann"})
    version = tables.version(EXAMS)
    assert tables.forget(EXAMS, WHOSE, {"ann"}) == tables.forget(EXAMS, WHOSE, set()) == Forgotten()
    assert tables.forget("exams/clean/absent", WHOSE, {"ann"}) == Forgotten()
    assert tables.version(EXAMS) == version


def test_a_mention_goes_and_its_row_stays(tables, reopen_tables):
    tables.append(EXAMS, days_of("ann", "bob", "cat", asked_by=("dan", "dan", None)), "b1", {})
    done = tables.forget(EXAMS, WHOSE_AND_MENTIONED, {"dan", "cat"})
    assert (done.rows, done.mentions) == (1, 2)
    assert people(reopen_tables()) == ["ann", "bob"] and people(reopen_tables(), column="requester_pid") == []


def test_files_from_before_a_column_existed_name_nobody_in_it(tables):
    tables.append(EXAMS, rows((1, MONDAY)), "b1", {})
    tables.append(EXAMS, days_of("ann", "bob"), "b2", {})
    assert tables.forget(EXAMS, WHOSE_AND_MENTIONED, {"ann"}).rows == 1
    assert len(read(tables.files(EXAMS))) == 2


def test_everybody_may_go(tables, reopen_tables):
    tables.append(EXAMS, days_of("ann", "bob"), "b1", {})
    assert tables.forget(EXAMS, WHOSE, {"ann", "bob"}).rows == 2
    assert reopen_tables().count(EXAMS) == 0 and people(reopen_tables()) == []
    assert reopen_tables().append(EXAMS, days_of("cat"), "b2", {}) and people(reopen_tables()) == ["cat"]


def test_from_a_table_of_what_is_too(tables, reopen_tables):
    state = pa.table({"user_pid": ["ann", "bob"], "score": pa.array([1, 2], pa.int64())})
    assert tables.replace(CURRENT, state, "user_pid", {"history": 7}, -1)
    done = tables.forget(CURRENT, WHOSE, {"ann"})
    assert (done.rows, done.days) == (1, frozenset())
    assert people(reopen_tables(), CURRENT) == ["bob"] and reopen_tables().seen(CURRENT, "history") == 7
    new = pa.table({"user_pid": ["bob"], "score": pa.array([3], pa.int64())})
    assert reopen_tables().replace(CURRENT, new, "user_pid", {"history": 8}, reopen_tables().version(CURRENT))
    assert people(reopen_tables(), CURRENT) == ["bob"]


def test_a_day_that_was_settled_stays_so(tables):
    tables.append(EXAMS, days_of("ann", "bob", "cat"), "b1", {})
    tables.settle(EXAMS, ("event_key",), TIERS, WEDNESDAY, keep_hours=24)
    tables.forget(EXAMS, WHOSE, {"ann"})
    before = tables.files(EXAMS)
    tables.settle(EXAMS, ("event_key",), TIERS, WEDNESDAY, keep_hours=24)
    assert tables.files(EXAMS) == before and people(tables) == ["bob", "cat"]
