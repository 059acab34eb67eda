"""The published marts show a login what the oracle says: every curated table, level, zone and tenant, and nobody who is hidden.

Nothing is decrypted there: whoever may see a restricted column sees its ciphertext.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal

import psycopg
import pytest

from dashboards import asking
from dashboards.publishing import fence
from dashboards.publishing.publish import publish
from lakehouse.places import Home
from lakehouse.privacy.access import Level
from lakehouse.privacy.hidden import hidden_people
from lakehouse.storage.open import open_files
from source_database.server import DATABASE, Server
from tests.privacy import leak_oracle, leak_town
from tests.privacy.leak_oracle import Who
from tests.privacy.leak_town import PEOPLE, Town

pytestmark = pytest.mark.slow(10)

BOTH, KZONE, SEVEN = frozenset({"kzone", "univprep"}), frozenset({"kzone"}), frozenset({7})
LOGINS = {
    "leak_website": Who("public", "L1", "support"),
    "leak_analyst": Who("analyst", "L2", "support"),
    "leak_kzone": Who("analyst", "L2", "support", KZONE),
    "leak_academy": Who("analyst", "L2", "support", KZONE, SEVEN),
    "leak_restricted": Who("zone_admin", "L3", "support", KZONE),
    "leak_admin": Who("sys_admin", "L4", "support"),
}


_GRANTED = """
    select relname, attname from pg_attribute join pg_class on pg_class.oid = attrelid
    where relnamespace = 'curated'::regnamespace and relkind = 'r' and attnum > 0 and has_column_privilege(attrelid, attnum, 'select')
"""


@pytest.fixture(scope="module")
def logins(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, psycopg.Connection]]:
    """A connection of each, and `admin`."""
    with Server(tmp_path_factory.mktemp("bi"), fsync="off") as server:
        admin = psycopg.connect(server.url(database=DATABASE), autocommit=True)
        with asking.opened(Home(town.settings.home).warehouse) as warehouse:
            publish(warehouse, admin, town.contracts, hidden=hidden_people(open_files(town.settings)))
        opened = {"admin": admin}
        for login, who in LOGINS.items():
            password = fence.admit(admin, login, Level(who.level), sorted(who.zones or [fence.ALL]), sorted(who.orgs or []))
            opened[login] = psycopg.connect(server.url(login, password, DATABASE), autocommit=True)
        yield opened
        for connection in opened.values():
            connection.close()


@pytest.mark.parametrize("login", LOGINS)
def test_a_login_sees_what_the_oracle_says_and_nothing_else(login: str, town: Town, logins: dict) -> None:
    personal, timeless = leak_oracle.classes(town.settings.contracts), leak_oracle.timeless(town.settings.contracts)
    connection, who = logins[login], LOGINS[login]
    granted: dict[str, set[str]] = {}
    for table, name in connection.execute(_GRANTED).fetchall():
        granted.setdefault(table, set()).add(name)
    for table, rows in town.stored.items():
        if town.layers[table] != "curated":
            continue
        expected = leak_oracle.visible(who, "curated", rows, leak_town.HIDDEN, personal, table in timeless)
        # PostgreSQL gives or withholds a column
        masked = {"birth_on", "review_text", "redacted_review_text"} if who.level == "L2" else set()
        if expected is None:
            names = []
        else:
            whole = leak_oracle.visible(Who("sys_admin", who.level, "privacy"), "curated", rows, set(), personal, table in timeless)
            names = [name for name in (whole or expected)[0] if name not in masked]
        assert granted.get(table, set()) == set(names), table
        if names:
            found = connection.execute(f"select {', '.join(names)} from curated.{table}").fetchall()
            assert sorted(map(_tidy, found)) == sorted(_tidy(row[n] for n in names) for row in expected), table


def _tidy(row: Iterable) -> str:
    """PostgreSQL gives a decimal its six places."""
    return repr([float(value) if isinstance(value, Decimal) else value for value in row])


def test_a_column_that_is_not_granted_is_refused(logins: dict) -> None:
    for name in ("birth_on", "review_text", "redacted_review_text", "full_name", "phone", "*"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            logins["leak_kzone"].execute(f"select {name} from curated.dim_user")
    assert logins["leak_restricted"].execute("select full_name, phone from curated.dim_user").fetchall() != []


def test_nobody_reads_a_restricted_column_in_clear_and_whoever_may_see_it_can_count_it(logins: dict) -> None:
    for login in ("leak_restricted", "leak_admin"):
        found = {value for (value,) in logins[login].execute("select ip_network from curated.fact_logins").fetchall()}
        assert len(found) > 1 and all(value.startswith("enc.compared.") for value in found)


def test_nobody_lists_the_hidden(logins: dict) -> None:
    for login in LOGINS:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            logins[login].execute("select * from access.hidden")


def test_who_is_hidden_is_gone_at_once_and_comes_back_when_they_are_not(town: Town, logins: dict) -> None:
    asked = "select count(*) from curated.fact_attempts where user_pid = %s"
    pid = PEOPLE[0][0]
    try:
        assert logins["leak_admin"].execute(asked, (pid,)).fetchone() == (1,)
        fence.hide(logins["admin"], frozenset({pid}))
        assert {logins[login].execute(asked, (pid,)).fetchone() for login in LOGINS if login != "leak_website"} == {(0,)}
        assert logins["leak_admin"].execute(asked, (PEOPLE[5][0],)).fetchone() == (1,)  # and who was hidden before is not, now
    finally:
        fence.hide(logins["admin"], frozenset(leak_town.HIDDEN))
