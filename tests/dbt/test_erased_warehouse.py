"""A warehouse from which people were purged is the one that would be there had they never come: table by table, row by row.

everybody's rows ─▶ build ─▶ restrict two ─▶ lift ─▶ purge two ─▶ exported, each time ┐
the others' rows ─▶ build ──────────────────────────────────────▶ exported ┴▶ equal
"""

from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from clean_rows import Row, exam, exported, web, write
from lakes import NewLake
from small_town import town

from lakehouse.contracts import registry
from lakehouse.model.build import build
from lakehouse.places import Home
from lakehouse.privacy.erasure.clean import Clean
from lakehouse.privacy.erasure.copies import Purged
from lakehouse.privacy.erasure.scan import scan
from lakehouse.privacy.erasure.warehouse import Warehouse
from lakehouse.privacy.hidden import Restriction, restrict
from lakehouse.privacy.naming import naming_in_clean, pseudonyms
from lakehouse.privacy.requests import Whom
from lakehouse.settings import settings
from lakehouse.storage.open import open_files

pytestmark = pytest.mark.slow(90)

GONE = ("pid-3", "pid-7")
STAYS = "pid-1"
# What only they did, and what they did first: an exam, a content and a visit that others came to after them.
_FIRSTS = [
    exam("attempt_started", "2025-11-03 00:00:01", event_id="first-exam", attempt_id="first-1", exam_id="exam-late", user_pid=GONE[0]),
    exam("attempt_started", "2025-11-06 12:00", event_id="second-exam", attempt_id="first-2", exam_id="exam-late", user_pid=STAYS),
    exam("attempt_started", "2025-11-05 12:00", event_id="only-exam", attempt_id="only-1", exam_id="exam-only", user_pid=GONE[1]),
    web("page_view", "2025-11-03 00:00:01", event_id="first-view", content_id="content-late", user_pid=GONE[1]),
    web("page_view", "2025-11-08 12:00", event_id="second-view", content_id="content-late", user_pid=STAYS),
]


def names_somebody_gone(row: Row) -> bool:
    columns = naming_in_clean(registry().get(row.contract), registry().vocabulary)
    return any(row.values.get(name) in GONE for name in columns)


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return [*town(seed=4), *_FIRSTS]


@pytest.fixture(scope="module")
def never_there(rows: list[Row], new_lake: NewLake) -> dict[str, bytes]:
    with new_lake() as home:
        write([row for row in rows if not names_somebody_gone(row)], "everything")
        build(settings(), is_tested=False)
        return exported(home)


@pytest.fixture(scope="module")
def purged(never_there, rows: list[Row], new_lake: NewLake):
    """The home, what was purged, and the tables; `never_there` first, since there is room for one lake at a time."""
    with new_lake() as home:
        write(rows, "everything")
        build(settings(), is_tested=False)
        before = exported(home)
        people = [Whom(f"account-of-{pid}", pid=pid) for pid in GONE]
        places = [Clean(settings()), Warehouse(settings())]
        restricted = _restricted(places[1], people, home)
        left = {one.place: sum(one.rows.values()) for place in places for one in place.left(people)}
        for place in places:
            place.prepare(people)
        done = [one for place in places for one in place.purge(people, lambda _: None)]
        assert not [one for place in places for one in place.left(people) if one.rows]
        yield home, done, left, before, restricted, exported(home)


def _restricted(warehouse: Warehouse, people: list[Whom], home: Path) -> list[dict[str, bytes]]:
    """The tables while these people's data is kept and not used, and after that was lifted again."""
    why, tables = Restriction("objection_pending", datetime(2026, 1, 1, tzinfo=UTC), "r-1"), []
    for listed in ({one.pid: why for one in people}, {}):
        restrict(open_files(settings()), listed)
        warehouse.follow(people)
        tables.append(exported(home))
    return tables


def test_every_table_is_as_if_they_had_never_come(purged, never_there: dict[str, bytes]) -> None:
    *_, before, _, after = purged
    assert after.keys() == never_there.keys()
    assert [table for table in after if after[table] != never_there[table]] == []
    assert len([table for table in after if before[table] != after[table]]) > 20, "they were in most tables"


def test_while_it_is_restricted_no_table_uses_them_and_then_every_table_does_again(purged, never_there: dict[str, bytes]) -> None:
    *_, before, (while_restricted, lifted), _ = purged
    assert [table for table in before if while_restricted[table] != never_there[table]] == []
    assert [table for table in before if lifted[table] != before[table]] == []


def test_what_was_counted_before_is_what_was_removed(purged) -> None:
    _, done, left, *_ = purged
    removed = {one.place: one.rows for one in done}
    assert removed == {place: rows for place, rows in left.items() if rows}
    assert all(isinstance(one, Purged) and one.bytes_written <= one.bytes_held for one in done if one.bytes_held)


def test_every_column_that_holds_a_pseudonym_is_known_by_its_name(purged) -> None:
    """A model may call a pseudonym something else; then an erasure would miss it. So every text of every table is looked at."""
    home, *_ = purged
    known, found = pseudonyms(registry().vocabulary), set()
    with duckdb.connect(str(Home(home).warehouse), read_only=True) as warehouse:
        listed = "select schema_name, table_name, column_name from duckdb_columns() where data_type like 'VARCHAR%' and not internal"
        for schema, table, column in warehouse.execute(listed).fetchall():
            sql = f"""select count(*) from "{schema}"."{table}" where cast("{column}" as varchar) = ?"""
            if warehouse.execute(sql, [STAYS]).fetchone()[0]:
                found.add(column)
    assert found and found <= known


def test_no_byte_of_them_is_in_clean_and_no_hole_in_the_warehouse(purged) -> None:
    home, *_ = purged
    needles = [len(pid).to_bytes(4, "little") + pid.encode() for pid in GONE]  # as Parquet writes a text: pid-3, and not pid-30
    assert not scan(Path(home) / "lake", needles)[0]
    with duckdb.connect(str(Home(home).warehouse), read_only=True) as warehouse:
        assert warehouse.execute("select free_blocks from pragma_database_size()").fetchone() == (0,)
