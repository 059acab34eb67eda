"""A tenant never sees or changes another's rows, through any table and by any command. Tables come from the catalog."""

import psycopg
import pytest

from lakehouse.source import APP, OWNER
from source_database.server import DATABASE
from tests.source_database.attack import findings
from tests.source_database.conftest import Database, copy_of
from tests.source_database.tenants import LOOKED_UP, PAIRS, ZONES, Tenant, seed, tables

TENANTS = (Tenant("univprep", 1), Tenant("kzone", 2))


@pytest.fixture(scope="module")
def city(cluster):
    """Every table with rows of every tenant."""
    with copy_of(cluster, DATABASE) as made:
        with made.connect() as owner:
            seed(owner)
            owner.execute("analyze")
        yield made


@pytest.fixture
def administrator(city: Database):
    with psycopg.connect(city.server.url(database=city.name), autocommit=True) as connection:
        yield connection


def test_every_table_has_rows_of_every_tenant(city: Database):
    with city.connect() as owner:
        known = tables(owner)
        assert len(known) >= 16
        for table in known.values():
            assert owner.execute(f"select count(*) from {table.name}").fetchone()[0] == len(table.rows()) >= len(ZONES) * 2


@pytest.mark.parametrize("tenant", TENANTS, ids=str)
def test_a_tenant_never_sees_or_changes_anothers_rows(administrator, tenant: Tenant):
    assert findings(administrator, tenant) == []


def test_a_session_of_a_zone_alone_has_the_zones_own_rows_alone(city: Database):
    """It is who writes a zone's exams: tenants read them only."""
    with city.tenant("univprep", None) as zone, city.connect() as owner:
        for table in tables(owner).values():
            seen = set(zone.execute(f"select zone_id, org_id from {table.name}").fetchall())
            assert seen == ({("univprep", None)} if table.is_shared else set()), table.name
        assert zone.execute("update exams set exam_title = exam_title").rowcount == 1
    with city.tenant("univprep", 1) as tenant:
        assert tenant.execute("select count(*) from exams").fetchone()[0] == 2
        assert tenant.execute("update exams set exam_title = 'Mine' where org_id is null").rowcount == 0


def test_without_settings_nothing_is_visible(city: Database):
    with city.connect(APP) as nobody, city.connect() as owner:
        names = [*tables(owner), *LOOKED_UP]
        assert {name: nobody.execute(f"select count(*) from {name}").fetchone()[0] for name in names} == dict.fromkeys(names, 0)
        # As after RESET, when a connection goes back to its pool.
        nobody.execute("select set_config('app.current_zone_id', 'univprep', false), set_config('app.current_org_id', '1', false)")
        assert nobody.execute("select count(*) from users").fetchone()[0] == 1
        nobody.execute("reset all")
        assert nobody.execute("select count(*) from users").fetchone()[0] == 0


def test_audit_and_sites_are_read_by_those_they_concern(city: Database):
    with city.tenant("univprep", 1) as tenant:
        assert tenant.execute("select distinct zone_id, org_id from audit_log order by 2").fetchall() == [
            ("univprep", 1),
            ("univprep", None),
        ]
        assert tenant.execute("select zone_id from zones").fetchall() == [("univprep",)]
        for statement in ("insert into audit_log (actor_role, action, table_name) values ('x', 'insert', 'users')", "delete from zones"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                tenant.execute(statement)


def test_an_application_cannot_become_somebody_else(city: Database):
    with city.connect(APP) as app:
        for statement in (f"set role {OWNER}", f"alter role {APP} bypassrls", "alter table users disable row level security"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                app.execute(statement)
        assert app.execute("select count(*) from users").fetchone()[0] == 0


SABOTAGE = {
    "no row-level security": "alter table {t} disable row level security",
    "row-level security that does not bind the owner": "alter table {t} no force row level security",
    "a policy for all": "create policy leak on {t} using (true)",
    "a policy that forgets the zone": "create policy leak on {t} using (org_id = nullif(current_setting('app.current_org_id', true), '')::integer)",
    "a policy that forgets the org": "create policy leak on {t} using (zone_id = current_setting('app.current_zone_id', true))",
    "no policy": None,
}


@pytest.mark.parametrize("how", SABOTAGE)
@pytest.mark.parametrize("table", ("users", "exams", "responses"))
def test_what_is_broken_is_found(administrator, table: str, how: str):
    with administrator.transaction(force_rollback=True):
        if SABOTAGE[how]:
            administrator.execute(SABOTAGE[how].format(t=table))
        else:
            for (policy,) in administrator.execute("select polname from pg_policy where polrelid = %s::regclass", (table,)).fetchall():
                administrator.execute(f"drop policy {policy} on {table}")
        assert any(f.startswith(table) for f in findings(administrator, TENANTS[0], only=table))


def test_a_table_that_forgets_its_tenants_is_found(administrator):
    with administrator.transaction(force_rollback=True):
        administrator.execute(
            "create table shoes (zone_id text, org_id integer not null, shoe_id text primary key, changed_at timestamptz)"
        )
        administrator.execute(f"grant select on shoes to {APP}")
        assert "shoes: has no row-level security" in findings(administrator, TENANTS[0], only="shoes")


def test_a_view_and_a_function_of_the_owner_are_found(administrator):
    with administrator.transaction(force_rollback=True):
        administrator.execute("create view everybody as select * from users")
        administrator.execute("create function everyone() returns setof users language sql security definer as 'select * from users'")
        found = findings(administrator, TENANTS[0], only="users")
    assert "everybody: a view that looks with its owner's eyes" in found
    assert "everyone(): a function that acts with its owner's hands" in found


def test_the_pairs_tell_zone_and_org_apart():
    assert len({p.zone_id for p in PAIRS}) == 3
    assert all(len({p.org_id for p in PAIRS if p.zone_id == zone}) >= 2 for zone in ZONES)
