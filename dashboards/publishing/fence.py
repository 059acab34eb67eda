"""Roles, scopes and policies: what keeps one zone's analyst from another zone's rows.

    contracts ─▶ lakehouse/privacy/access.py: which columns of a table a level sees, and whose rows they are
    login (a person's, or Metabase's) ── member of ──▶ megacity_l1 … megacity_l4, one of them: which tables and columns
          ├── access.hidden: whom nobody sees any more
          └── access.scopes: the zones and tenants that it may ever see ─┐
    session: app.current_zone_id, app.current_org_id: which of them now ─┴─▶ policies: which rows

The session's settings work as in the source database: where the zone is not set nothing is seen; `*` is all that the
login may see. They alone would be no fence, since whoever writes SQL can set them: they narrow a scope and never widen it.
Tables belong to megacity_bi_owner, which has no policy and is bound by them like everyone (FORCE ROW LEVEL SECURITY);
only the functions of the schema access read scopes, and they ask who signed in, not who is being played.
Restricted columns stay ciphertext to whoever sees them: no key of the vault comes here.
"""

import re
import secrets

import psycopg
from psycopg import sql

from lakehouse.errors import BadInputError
from lakehouse.privacy.access import LEAST_PEOPLE, Access, Holding, Level

OWNER = "megacity_bi_owner"
ROLES = {level: f"megacity_{level.lower()}" for level in Level}
ALL = "*"
_LOGIN = re.compile(r"^(?!pg_)[a-z][a-z0-9_]{2,62}$")
_ONE_AT_A_TIME = 7_267_002

_GROUND = """
create schema if not exists access;
create table if not exists access.scopes (
  login name not null,
  zone_id text not null,
  org_id bigint,
  unique nulls not distinct (login, zone_id, org_id)
);
comment on table access.scopes is 'Which zones (* is all) and tenants (null is all of the zone) a login may ever see.';

create or replace function access.asked(setting text) returns text stable language sql
  return nullif(current_setting(setting, true), '');

-- all zones together: figures that belong to none
create or replace function access.sees_all() returns boolean stable security definer
  language sql set search_path = pg_catalog as $$
  select access.asked('app.current_zone_id') = '*' and coalesce(access.asked('app.current_org_id'), '*') = '*'
    and exists (select from access.scopes where login = session_user and zone_id = '*' and org_id is null)
$$;

-- zones that are seen with all their tenants; * is every zone, and what is written under no zone's name
create or replace function access.whole_zones() returns text[] stable security definer
  language sql set search_path = pg_catalog as $$
  select coalesce(array_agg(case when zone_id = '*' then access.asked('app.current_zone_id') else zone_id end), '{}')
  from access.scopes
  where login = session_user and org_id is null and coalesce(access.asked('app.current_org_id'), '*') = '*'
    and (zone_id = '*' or access.asked('app.current_zone_id') in ('*', zone_id))
    and access.asked('app.current_zone_id') is not null
$$;

-- tenants as zone/org; the zone may be *
create or replace function access.tenants() returns text[] stable security definer
  language sql set search_path = pg_catalog as $$
  select coalesce(array_agg(
      case when zone_id = '*' then access.asked('app.current_zone_id') else zone_id end
      || '/' || coalesce(org_id::text, access.asked('app.current_org_id'))), '{}')
  from access.scopes
  where login = session_user
    and (zone_id = '*' or access.asked('app.current_zone_id') in ('*', zone_id))
    and access.asked('app.current_zone_id') is not null
    and case when org_id is null then coalesce(access.asked('app.current_org_id'), '*') <> '*'
        else coalesce(access.asked('app.current_org_id'), '*') in ('*', org_id::text) end
$$;

-- people whose erasure has begun; nobody may list them, and while there are none it costs nothing to ask
create table if not exists access.hidden (pid text primary key);
comment on table access.hidden is 'Pseudonyms whose rows nobody is shown any more, until they are deleted.';

create or replace function access.hides_anybody() returns boolean stable security definer
  language sql set search_path = pg_catalog as $$ select exists (select from access.hidden) $$;

create or replace function access.is_hidden(person text) returns boolean stable security definer
  language sql set search_path = pg_catalog as $$ select exists (select from access.hidden where pid = person) $$;
revoke all on all tables in schema access from public;
"""

_ZONES = "(select access.whole_zones())::text[]"
_TENANTS = "(select access.tenants())::text[]"
_ZONE_ROW = f"('*' = any ({_ZONES}) or zone_id = any ({_ZONES}))"
_ROWS = {
    Holding.reference: "true",
    Holding.city: "(select access.sees_all())",
    Holding.zone: _ZONE_ROW,
    Holding.tenant: f"({_ZONE_ROW} or zone_id || '/' || org_id = any ({_TENANTS}) or '*/' || org_id = any ({_TENANTS}))",
}


def ensure(connection: psycopg.Connection) -> None:
    """Make roles and the schema access, and go on as the owner. An owner's connection passes once they are there.

    Raises BadInputError for anybody else who is no superuser.
    """
    me, is_superuser = connection.execute("select current_user, rolsuper from pg_roles where rolname = current_user").fetchone()
    if me != OWNER and not is_superuser:
        raise BadInputError(
            f"{me} may not publish the marts", hint=f"connect as {OWNER}; the first time as an administrator, who makes the roles"
        )
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock(%s)", (_ONE_AT_A_TIME,))
        if is_superuser:
            _make_roles(connection)
        connection.execute(sql.SQL("set local role {}").format(sql.Identifier(OWNER)))
        connection.execute(_GROUND)
        for role in ROLES.values():
            connection.execute(sql.SQL("grant usage on schema access to {}").format(sql.Identifier(role)))
    connection.execute(sql.SQL("set role {}").format(sql.Identifier(OWNER)))


def _make_roles(connection: psycopg.Connection) -> None:
    there = {name for (name,) in connection.execute("select rolname from pg_roles").fetchall()}
    for role in (OWNER, *ROLES.values()):
        verb = "ALTER" if role in there else "CREATE"
        login = "LOGIN" if role == OWNER else "NOLOGIN"
        words = f"{verb} ROLE {{}} {login} NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS NOREPLICATION"
        connection.execute(sql.SQL(words).format(sql.Identifier(role)))
    database = sql.Identifier(connection.info.dbname)
    connection.execute(sql.SQL("revoke all on database {} from public").format(database))
    connection.execute(sql.SQL("grant connect, create on database {} to {}").format(database, sql.Identifier(OWNER)))
    for role in ROLES.values():
        connection.execute(sql.SQL("grant connect on database {} to {}").format(database, sql.Identifier(role)))


def enclose(connection: psycopg.Connection, schema: str, table: str, what: Access) -> None:
    """Grants and policies of one table that was just filled."""
    name = sql.Identifier(schema, table)
    connection.execute(sql.SQL("alter table {} enable row level security").format(name))
    connection.execute(sql.SQL("alter table {} force row level security").format(name))
    for level in what.sights:
        columns = what.plain(level)
        role = sql.Identifier(ROLES[level])
        # a grant of every column is not one of the table, and Metabase lists tables that one may select from
        is_whole = columns == what.plain(Level.L4)
        listed = sql.SQL("") if is_whole else sql.SQL("({})").format(sql.SQL(", ").join(map(sql.Identifier, columns)))
        connection.execute(sql.SQL("grant select {} on {} to {}").format(listed, name, role))
        connection.execute(
            sql.SQL("create policy {} on {} for select to {} using ({})").format(
                sql.Identifier(f"{table}_{level.lower()}"), name, role, _seen(level, what)
            )
        )


def hide(connection: psycopg.Connection, people: frozenset[str]) -> None:
    """From now on nobody is shown a row that names one of these, and of all others again: the set as it is in the lake."""
    ensure(connection)
    with connection.transaction():
        connection.execute("delete from access.hidden where pid <> all (%s)", (sorted(people),))
        connection.execute("insert into access.hidden select unnest(%s::text[]) on conflict do nothing", (sorted(people),))


def _seen(level: Level, what: Access) -> sql.Composable:
    """The rows of a level, less those that name somebody hidden."""
    parts = [sql.SQL("({})").format(_rows(level, what))]
    asked = "not ((select access.hides_anybody()) and {name} is not null and access.is_hidden({name}))"
    parts += [sql.SQL(asked).format(name=sql.Identifier(name)) for name in what.persons]
    return sql.SQL(" and ").join(parts)


def _rows(level: Level, what: Access) -> sql.Composable:
    if level is Level.L4:
        return sql.SQL("true")
    if level is Level.L1:
        return sql.SQL("{} >= {}").format(sql.Identifier(what.people), sql.Literal(LEAST_PEOPLE))
    return sql.SQL(_ROWS[what.holding])


def admit(connection: psycopg.Connection, login: str, level: Level, zones: list[str], orgs: list[int]) -> str | None:
    """Make a login, or change what one may see; its new password where it is new. As an administrator alone."""
    me, is_superuser = connection.execute("select session_user, rolsuper from pg_roles where rolname = session_user").fetchone()
    if not is_superuser:
        raise BadInputError(f"{me} may make no login", hint="connect as an administrator of the database: LAKEHOUSE_BI_URL")
    if not _LOGIN.match(login) or login in (OWNER, *ROLES.values(), "public", "none"):
        raise BadInputError(f"{login} is no login of a reader", hint="take a name of its own, such as metabase_kzone")
    password = None
    with connection.transaction():
        connection.execute("reset role")
        name = sql.Identifier(login)
        found = connection.execute("select rolsuper or rolbypassrls from pg_roles where rolname = %s", (login,)).fetchone()
        if found and found[0]:
            raise BadInputError(f"{login} passes every fence", hint="an administrator needs no level: take another name")
        if not found:
            password = secrets.token_urlsafe(24)
            verifier = connection.pgconn.encrypt_password(password.encode(), login.encode(), b"scram-sha-256").decode()
            words = "create role {} login nosuperuser nocreatedb nocreaterole nobypassrls password {}"
            connection.execute(sql.SQL(words).format(name, sql.Literal(verifier)))
        for other in ROLES.values():
            connection.execute(sql.SQL("revoke {} from {}").format(sql.Identifier(other), name))
        connection.execute(sql.SQL("grant {} to {}").format(sql.Identifier(ROLES[level]), name))
        connection.execute("delete from access.scopes where login = %s", (login,))
        for zone in zones:
            for org in orgs or [None]:
                connection.execute("insert into access.scopes values (%s, %s, %s)", (login, zone, org))
        # what a new session sees at once; its SQL may narrow it
        connection.execute(sql.SQL("alter role {} set app.current_zone_id = '*'").format(name))
    return password
