"""The marts in PostgreSQL: every card answers as in DuckDB, and everyone sees what level, zone and tenant allow, and no more."""

import itertools
import math
import re
import threading

import psycopg
import pytest
from published_marts import Marts
from typer.testing import CliRunner

from dashboards import asking
from dashboards.definitions import Card, Dashboard, dashboards
from dashboards.publishing import fence
from dashboards.publishing.publish import publish
from lakehouse.cli import app
from lakehouse.contracts.model import KEPT_BY_DEFAULT
from lakehouse.contracts.registry import registry
from lakehouse.errors import BadInputError, SettingsError, UnavailableError
from lakehouse.places import Home
from lakehouse.privacy.access import LEAST_PEOPLE, Level, access
from lakehouse.settings import settings
from source_database.roles import set_passwords

pytestmark = pytest.mark.slow(20)

_CARDS = [(board, card) for board in dashboards() for card in board.cards]


@pytest.mark.parametrize("zone", [None, "kzone"])
def test_every_card_answers_as_in_duckdb(zone: str | None, published: Marts, full_home) -> None:
    with asking.opened(Home(full_home).warehouse) as warehouse, published.connect("everything") as connection:
        for board, card in _CARDS:
            here = asking.ask(warehouse, board, card, zone)
            there = _asked(connection, board, card, zone)
            assert not here.is_empty, card.title
            assert len(here.rows) == len(there), card.title
            assert all(_is_same(a[name], b[name]) for a, b in zip(here.rows, there) for name in card.names), card.title


def _asked(connection: psycopg.Connection, board: Dashboard, card: Card, zone: str | None) -> tuple:
    cursor = connection.execute(card.query(zone))
    return asking.shaped(board, card, [column.name for column in cursor.description], cursor.fetchall())


def _is_same(a: object, b: object) -> bool:
    if isinstance(a, int | float) and isinstance(b, int | float):
        return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9)
    return a == b


def test_every_row_arrives(published: Marts, full_home) -> None:
    assert {one.table for one in published.tables} == {c.table for c in registry().layer("curated")}
    with asking.opened(Home(full_home).warehouse) as warehouse:
        for one in published.tables:
            assert warehouse.execute(f"select count(*) from curated.{one.table}").fetchone()[0] == one.rows > 0


# login, what its session asks for (zone, tenant), and what it then sees of tables of each kind
_SEEN = [
    ("everything", None, None, {"tenant": "all", "zone": "all", "city": "all", "reference": "all"}),
    ("everything", "kzone", None, {"tenant": "zone kzone", "zone": "zone kzone", "city": "none", "reference": "all"}),
    ("everything", "kzone", "7", {"tenant": "kzone/7", "zone": "none", "city": "none", "reference": "all"}),
    ("everything", "*", "7", {"tenant": "org 7", "zone": "none", "city": "none", "reference": "all"}),
    ("everything", "", None, {"tenant": "none", "zone": "none", "city": "none", "reference": "all"}),
    ("kzone", None, None, {"tenant": "zone kzone", "zone": "zone kzone", "city": "none", "reference": "all"}),
    ("kzone", "univprep", None, {"tenant": "none", "zone": "none", "city": "none", "reference": "all"}),
    ("kzone", "kzone", "3", {"tenant": "kzone/3", "zone": "none", "city": "none", "reference": "all"}),
    ("academy", None, None, {"tenant": "kzone/7", "zone": "none", "city": "none", "reference": "all"}),
    ("academy", "kzone", "3", {"tenant": "none", "zone": "none", "city": "none", "reference": "all"}),
    ("academy", "kzone", "*", {"tenant": "kzone/7", "zone": "none", "city": "none", "reference": "all"}),
    ("restricted", None, None, {"tenant": "zone univprep", "zone": "zone univprep", "city": "none", "reference": "all"}),
    ("admin", "", None, {"tenant": "all", "zone": "all", "city": "all", "reference": "all"}),
]
_WORDS = {
    "all": "true",
    "none": "false",
    "zone kzone": "zone_id = 'kzone'",
    "zone univprep": "zone_id = 'univprep'",
    "kzone/7": "zone_id = 'kzone' and org_id = 7",
    "kzone/3": "zone_id = 'kzone' and org_id = 3",
    "org 7": "org_id = 7",
}


@pytest.mark.parametrize(("login", "zone", "org", "seen"), _SEEN)
def test_a_login_sees_its_zones_and_tenants_alone(
    login: str, zone: str | None, org: str | None, seen: dict, published: Marts, full_home
) -> None:
    with asking.opened(Home(full_home).warehouse) as warehouse, published.connect(login, zone, org) as connection:
        for contract in registry().layer("curated"):
            what = access(contract, registry())
            expected = warehouse.execute(f"select count(*) from curated.{contract.table} where {_WORDS[seen[what.holding]]}").fetchone()
            found = connection.execute(f"select count(*) from curated.{contract.table}").fetchone()
            assert found == expected, contract.table


def test_the_public_sees_enough_people_or_nothing(published: Marts, full_home) -> None:
    hidden = 0
    with asking.opened(Home(full_home).warehouse) as warehouse, published.connect("website") as connection:
        for contract in registry().layer("curated"):
            what, count = access(contract, registry()), f"select count(*) from curated.{contract.table}"
            if what.people is None:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(count)
                continue
            seen = connection.execute(count).fetchone()
            assert seen == warehouse.execute(f"{count} where {what.people} >= {LEAST_PEOPLE}").fetchone() != (0,), contract.table
            hidden += warehouse.execute(f"{count} where {what.people} < {LEAST_PEOPLE}").fetchone()[0]
    assert hidden > 0
    assert {c.table for c in registry().layer("curated") if access(c, registry()).people} >= {
        "mart_revenue",
        "mart_kzone_voice",
        "mart_retention",
    }


def test_a_personal_column_needs_a_higher_level(published: Marts) -> None:
    """No curated contract has one today; this one is what would happen."""
    contract = registry().get("curated.dim_class")
    names = tuple(f.also(classification="sensitive") if f.name == "class_id" else f for f in contract.fields)
    what = access(_with(contract, names), registry())
    assert "class_id" not in what.plain(Level.L2) and set(what.plain(Level.L2)) == set(contract.names) - {"class_id"}
    assert "class_id" in what.plain(Level.L3) and Level.L1 not in what.sights
    with published.administer() as connection:
        connection.execute("create schema if not exists trial; create table trial.dim_class (like curated.dim_class)")
        fence.enclose(connection, "trial", "dim_class", what)
        connection.execute("grant usage on schema trial to megacity_l2, megacity_l3")
    with published.connect("everything") as low, published.connect("restricted") as high:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            low.execute("select class_id from trial.dim_class")
        low.execute("select zone_id from trial.dim_class")
        high.execute("select class_id from trial.dim_class")


def _with(contract, fields):
    from dataclasses import replace

    return replace(contract, fields=fields)


@pytest.mark.parametrize(
    "attack",
    [
        "select * from access.scopes",
        "insert into access.scopes values ('kzone', '*', null)",
        "set role megacity_bi_owner",
        "set role megacity_l4",
        "set session authorization everything",
        "set row_security = off; select * from curated.mart_revenue",
        "alter table curated.mart_revenue disable row level security",
        "create or replace function access.sees_all() returns boolean language sql as 'select true'",
        "delete from curated.mart_revenue",
        "create table curated.copy as select 1",
        "create schema mine",
        "create function pg_temp.tell(zone text) returns boolean language sql as 'select true'",
    ],
)
def test_a_reader_cannot_climb_the_fence(attack: str, published: Marts) -> None:
    with published.connect("kzone") as connection, pytest.raises(psycopg.Error):
        connection.execute(attack)


def test_a_condition_is_asked_of_seen_rows_alone(published: Marts) -> None:
    """A condition that fails on a row tells that the row is there: it must be asked after the fence, not before."""
    tells = "select count(*) from curated.mart_revenue where 1 / (case when zone_id = '{}' then 0 else 1 end) = 1"
    with published.connect("kzone") as connection:
        connection.execute(tells.format("univprep"))
        with pytest.raises(psycopg.errors.DivisionByZero):
            connection.execute(tells.format("kzone"))


def test_metabase_finds_the_tables_it_may_select_from(published: Marts) -> None:
    """It asks for the privilege of the table and for comments, and shows those as descriptions."""
    asked = "select relname, obj_description(oid) from pg_class where relnamespace = 'curated'::regnamespace and relkind = 'r' and has_table_privilege(oid, 'select')"
    with published.connect("everything") as connection:
        told = dict(connection.execute(asked).fetchall())
    # a table with a column that this level does not see is granted column by column
    whole = [c for c in registry().layer("curated") if all(f.classification in KEPT_BY_DEFAULT for f in c.fields)]
    assert told == {c.table: f"{c.description} {c.purpose}" for c in whole} and len(whole) > 30


def test_the_owner_is_fenced_too(published: Marts) -> None:
    with published.administer() as connection:
        connection.execute("set role megacity_bi_owner")
        assert connection.execute("select count(*) from curated.mart_revenue").fetchone() == (0,)
        flags = connection.execute(
            "select relname from pg_class where relnamespace = 'curated'::regnamespace and relkind = 'r' and not (relrowsecurity and relforcerowsecurity)"
        )
        assert flags.fetchall() == []


def test_granting_again_takes_back_what_was_given(published: Marts) -> None:
    with published.administer() as admin:
        password = fence.admit(admin, "moved", Level.L4, [fence.ALL], [])
        assert fence.admit(admin, "moved", Level.L2, ["univprep"], []) is None
    with psycopg.connect(published.server.url("moved", password), autocommit=True) as connection:
        assert connection.execute("select distinct zone_id from curated.mart_revenue").fetchall() == [("univprep",)]


@pytest.mark.parametrize("login", ["megacity", "megacity_l2", "megacity_bi_owner", "public", "pg_monitor", "Bad name"])
def test_no_level_is_given_to_who_passes_every_fence(login: str, published: Marts) -> None:
    with published.administer() as admin, pytest.raises(BadInputError):
        fence.admit(admin, login, Level.L2, ["kzone"], [])


def test_publishing_again_disturbs_no_reader(published: Marts, full_home) -> None:
    """Readers go on while the marts are published twice: each answer is whole, and none fails."""
    stop, found, failed = threading.Event(), set(), []

    def read() -> None:
        with published.connect("everything") as connection:
            while not stop.is_set():
                try:
                    found.add(connection.execute("select count(*) from curated.mart_revenue").fetchone()[0])
                except psycopg.Error as error:
                    failed.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        with asking.opened(Home(full_home).warehouse) as warehouse, published.administer() as connection:
            rows = {one.table: one.rows for one in itertools.chain(*(publish(warehouse, connection, registry()) for _ in range(2)))}
    finally:
        stop.set()
        reader.join()
    assert found == {rows["mart_revenue"]} and failed == []


def _lakehouse(url: str | None, home, *words: str):
    settings.cache_clear()
    try:
        env = {"LAKEHOUSE_HOME": str(home), "LAKEHOUSE_BI_URL": url}
        return CliRunner().invoke(app("dashboards"), ["dashboards", *words], env=env, catch_exceptions=False)
    finally:
        settings.cache_clear()


def test_the_owner_publishes_and_an_administrator_grants(published: Marts, full_home) -> None:
    with published.administer() as admin:
        set_passwords(admin, {fence.OWNER: "for-tests-only"})
    as_owner, as_admin = published.server.url(fence.OWNER, "for-tests-only"), published.server.url()
    done = _lakehouse(as_owner, full_home, "publish")
    assert done.exit_code == 0 and len(re.findall(r"\d rows +\d+ ms", done.stderr)) == len(published.tables)

    granted = _lakehouse(as_admin, full_home, "grant", "by_command", "--level", "L2", "--zone", "kzone", "--org", "7")
    again = _lakehouse(as_admin, full_home, "grant", "by_command", "--level", "L2", "--zone", "kzone")
    assert len(granted.stdout.split()) == 1 and again.stdout == "" and "by_command: L2, kzone, tenants 7" in granted.stderr
    with psycopg.connect(published.server.url("by_command", granted.stdout.strip())) as connection:
        assert connection.execute("select distinct zone_id from curated.mart_revenue").fetchall() == [("kzone",)]

    for url, words, error in (
        (as_owner, ("grant", "x_y_z", "--level", "L2", "--all-zones"), BadInputError),
        (as_admin, ("grant", "x_y_z", "--level", "L2", "--zone", "nowhere"), BadInputError),
        (as_admin, ("grant", "x_y_z", "--level", "L2"), BadInputError),
        (published.server.url("by_command", granted.stdout.strip()), ("publish",), BadInputError),
        (None, ("publish",), SettingsError),
        ("postgresql://megacity:wrong@127.0.0.1:1/megacity", ("publish",), UnavailableError),
    ):
        with pytest.raises(error) as refused:
            _lakehouse(url, full_home, *words)
        assert refused.value.hint and "wrong" not in str(refused.value)


def test_a_killed_publisher_is_made_up_for(published: Marts, full_home) -> None:
    with published.administer() as connection, asking.opened(Home(full_home).warehouse) as warehouse:
        connection.execute(
            "set role megacity_bi_owner; create schema curated_next; create table curated_next.mart_revenue (half integer); create schema curated_last"
        )
        publish(warehouse, connection, registry())
        left = connection.execute("select nspname from pg_namespace where nspname like 'curated%'").fetchall()
    assert left == [("curated",)]
