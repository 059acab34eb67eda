"""An erasure reaches the published marts: at once nobody is shown a row of theirs, and with the purge the list of them is empty again."""

import psycopg
import pytest
from published_marts import Marts
from pydantic import SecretStr

from dashboards.copies import PublishedMarts
from lakehouse.privacy.hidden import hide
from lakehouse.privacy.requests import Whom
from lakehouse.settings import Settings
from lakehouse.storage.open import open_files

pytestmark = pytest.mark.slow(15)


def rows_of(connection: psycopg.Connection, pid: str) -> int:
    return connection.execute("select count(*) from curated.fact_logins where user_pid = %s", (pid,)).fetchone()[0]


def test_at_once_to_every_level_and_off_the_list_with_the_purge(published: Marts, full_home, tmp_path) -> None:
    with published.administer() as administrator:
        pid, kept = (
            p for (p,) in administrator.execute("select user_pid from curated.fact_logins where user_pid is not null group by 1 limit 2")
        )
        settings = Settings(home=full_home, bi_url=SecretStr(published.server.url()))
        place, whom, files = PublishedMarts(settings), Whom("the account", pid=pid), open_files(Settings(home=full_home))
        with published.connect("restricted", "*") as restricted, published.connect("admin", "*") as admin:
            before = {login: (rows_of(login, pid), rows_of(login, kept)) for login in (restricted, admin)}
            assert before[admin][0] > 0
            hide(files, {pid})
            try:
                place.close([whom])
                assert all((rows_of(login, pid), rows_of(login, kept)) == (0, seen[1]) for login, seen in before.items())
                left = {one.place: one.rows.get(pid, 0) for one in place.left([whom])}
                assert left["published access.hidden"] == 1 and left["published fact_logins"] == rows_of(administrator, pid) > 0
                done = place.purge([whom], lambda _: None)
                assert {one.place for one in done} >= {"published fact_logins", "published access.hidden"}
                # The warehouse of this test has not been purged, so that what was published anew has them again, and shows it.
                assert administrator.execute("select count(*) from access.hidden").fetchone() == (0,)
                assert rows_of(admin, pid) == before[admin][0]
            finally:
                hide(files, set())
