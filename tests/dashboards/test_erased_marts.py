"""An erasure reaches the published marts: at once nobody is shown a row of theirs, and with the purge the list of them is empty again.
A restriction does, too: at once, then in the figures, and both come back when it is lifted."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import psycopg
import pytest
from published_marts import Marts
from pydantic import SecretStr

from dashboards.copies import PublishedMarts
from dashboards.publishing.fence import OWNER
from lakehouse.contracts import registry
from lakehouse.places import Home
from lakehouse.privacy.hidden import Restriction, hide, restrict
from lakehouse.privacy.naming import naming
from lakehouse.privacy.requests import Whom
from lakehouse.settings import Settings
from lakehouse.storage.open import open_files

pytestmark = pytest.mark.slow(15)

_PASSWORD = "for-tests-only"
NAMING = {c.table: list(found) for c in registry().layer("curated") if (found := naming(c.names, registry().vocabulary))}


@pytest.fixture
def home(full_home: Path, tmp_path: Path) -> Path:
    """Lists and a warehouse of its own, which a test may change."""
    home = tmp_path / "home"
    Home(home).warehouse.parent.mkdir(parents=True)
    shutil.copy(Home(full_home).warehouse, Home(home).warehouse)
    return home


@pytest.fixture
def place(published: Marts, home: Path, full_home: Path) -> Iterator[PublishedMarts]:
    """Published by the owner, as it is every day, and not by an administrator."""
    with published.administer() as administrator:
        administrator.execute(f"alter role {OWNER} password '{_PASSWORD}'")
    settings = Settings(home=home, bi_url=SecretStr(published.server.url(OWNER, _PASSWORD)))
    yield PublishedMarts(settings)
    restricted(home)
    hide(open_files(settings), set())
    PublishedMarts(settings).release([])


@pytest.fixture
def people(published: Marts) -> list[Whom]:
    """Three who sign in, the busiest first."""
    asked = "select user_pid from curated.fact_logins where user_pid is not null group by 1 order by count(*) desc, 1 limit 3"
    with published.administer() as administrator:
        return [Whom("the account", pid=pid) for (pid,) in administrator.execute(asked)]


def restricted(home: Path, *people: Whom) -> None:
    restrict(open_files(Settings(home=home)), {one.pid: Restriction("objection_pending", datetime.now(UTC), "r-1") for one in people})


def rows_of(connection: psycopg.Connection, *people: Whom) -> list[int]:
    """Of each, everywhere they are named."""
    either = [f"select count(*) as rows from curated.{table} where %(pid)s in ({', '.join(names)})" for table, names in NAMING.items()]
    asked = f"select sum(rows)::bigint from ({' union all '.join(either)})"
    return [connection.execute(asked, {"pid": one.pid}).fetchone()[0] for one in people]


def sign_ins_of(connection: psycopg.Connection, pid: str) -> int:
    return connection.execute("select count(*) from curated.fact_logins where user_pid = %s", (pid,)).fetchone()[0]


def test_at_once_to_every_level_and_off_the_list_with_the_purge(published: Marts, full_home, tmp_path) -> None:
    with published.administer() as administrator:
        pid, kept = (
            p for (p,) in administrator.execute("select user_pid from curated.fact_logins where user_pid is not null group by 1 limit 2")
        )
        settings = Settings(home=full_home, bi_url=SecretStr(published.server.url()))
        place, whom, files = PublishedMarts(settings), Whom("the account", pid=pid), open_files(Settings(home=full_home))
        with published.connect("restricted", "*") as restricted, published.connect("admin", "*") as admin:
            before = {login: (sign_ins_of(login, pid), sign_ins_of(login, kept)) for login in (restricted, admin)}
            assert before[admin][0] > 0
            hide(files, {pid})
            try:
                place.close([whom])
                assert all((sign_ins_of(login, pid), sign_ins_of(login, kept)) == (0, seen[1]) for login, seen in before.items())
                left = {one.place: one.rows.get(pid, 0) for one in place.left([whom])}
                assert left["published access.hidden"] == 1 and left["published fact_logins"] == sign_ins_of(administrator, pid) > 0
                done = place.purge([whom], lambda _: None)
                assert {one.place for one in done} >= {"published fact_logins", "published access.hidden"}
                # The warehouse of this test has not been purged, so that what was published anew has them again, and shows it.
                assert administrator.execute("select count(*) from access.hidden").fetchone() == (0,)
                assert sign_ins_of(admin, pid) == before[admin][0]
            finally:
                hide(files, set())


# ------------------------------------------------------------------------------------------------------------- restricted


def test_at_once_nobody_is_shown_them_until_it_is_lifted(published: Marts, place: PublishedMarts, people, home: Path) -> None:
    one, other, erased = people
    with published.connect("restricted", "*") as l3, published.connect("admin", "*") as l4:
        before = [rows_of(login, *people) for login in (l3, l4)]
        assert min(before[1]) > 0 and sum(before[0]) > 0
        hide(open_files(place.settings), {erased.pid})
        restricted(home, one, other)
        place.restrict([one, other])
        assert [rows_of(login, *people) for login in (l3, l4)] == [[0, 0, 0]] * 2
        restricted(home, other)
        place.release([one])
        assert [rows_of(login, *people) for login in (l3, l4)] == [[seen[0], 0, 0] for seen in before]
        restricted(home)
        place.release([other])
        assert [rows_of(login, *people) for login in (l3, l4)] == [[*seen[:2], 0] for seen in before], "who is being erased stays hidden"


def test_figures_follow_without_them_and_with_them_again(
    published: Marts, place: PublishedMarts, people, home: Path, full_home: Path
) -> None:
    one, other, _ = people
    restricted(home, one)
    place.restrict([one])
    with duckdb.connect(str(Home(home).warehouse)) as warehouse:  # as the next build leaves it
        for table, names in NAMING.items():
            warehouse.execute(f"delete from curated.{table} where $pid in ({', '.join(names)})", {"pid": one.pid})
    with published.administer() as administrator:  # who is above every policy
        before = rows_of(administrator, one, other)
        place.follow([one])
        there, kept = rows_of(administrator, one, other)
        assert before[0] > there == 0 < kept <= before[1]
        assert sum(left.rows.get(one.pid, 0) for left in place.left([one])) == 1, "on the list of whom nobody sees"
        restricted(home)
        place.release([one])
        shutil.copy(Home(full_home).warehouse, Home(home).warehouse)
        place.follow([one])
        with published.connect("admin", "*") as l4:
            assert rows_of(administrator, one, other) == before == rows_of(l4, one, other)


def test_it_is_the_warehouse_that_shows_what_is_held(place: PublishedMarts, people) -> None:
    assert list(place.held(people[0])) == []


def test_who_is_restricted_before_anything_was_published_is_not_shown_then(published: Marts, people, home: Path) -> None:
    with published.administer() as administrator:
        administrator.execute("create database unpublished")
    try:
        place = PublishedMarts(Settings(home=home, bi_url=SecretStr(published.server.url(database="unpublished"))))
        assert place.left(people) == []
        restricted(home, people[0])
        place.restrict(people[:1])
        assert [left.rows for left in place.left(people)] == [{people[0].pid: 1}]
    finally:
        with published.administer() as administrator:
            administrator.execute("drop database unpublished with (force)")
