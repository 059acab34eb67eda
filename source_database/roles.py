"""The roles of the source database. They belong to the cluster, not to a database, so an administrator makes them once.

administrator ─▶ ensure(): owner, app, importer, debezium ─▶ the owner migrates; nobody else may
"""

import psycopg
from psycopg import sql

from lakehouse.errors import BadInputError
from lakehouse.source import APP, IMPORTER, OWNER, REPLICATION, ROLES

# NOBYPASSRLS is what keeps tenants apart; a snapshot by a role without BYPASSRLS would be empty, and say nothing of it.
_ATTRIBUTES = {
    OWNER: "BYPASSRLS NOREPLICATION",
    APP: "NOBYPASSRLS NOREPLICATION",
    IMPORTER: "BYPASSRLS NOREPLICATION",
    REPLICATION: "BYPASSRLS REPLICATION",
}
_ONE_AT_A_TIME = 7_267_001  # an advisory lock: two first migrations at once would both create a role


def ensure(connection: psycopg.Connection) -> None:
    """Make the roles and let them in; change nothing where they are as they should be.

    A connection of the owner passes as it is. Raises BadInputError for anybody else who is no superuser.
    """
    me, is_superuser = connection.execute("select current_user, rolsuper from pg_roles where rolname = current_user").fetchone()
    if me == OWNER:
        return
    if not is_superuser:
        raise BadInputError(
            f"{me} may not migrate the source database",
            hint=f"connect as {OWNER}; the first time as an administrator, who makes the roles",
        )
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock(%s)", (_ONE_AT_A_TIME,))
        there = {name for (name,) in connection.execute("select rolname from pg_roles").fetchall()}
        for role in ROLES:
            verb = "ALTER" if role in there else "CREATE"
            words = f"{verb} ROLE {{}} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE {_ATTRIBUTES[role]}"
            connection.execute(sql.SQL(words).format(sql.Identifier(role)))
        database = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("revoke all on database {} from public").format(database))
        connection.execute(sql.SQL("grant connect, create on database {} to {}").format(database, sql.Identifier(OWNER)))
        for role in (APP, IMPORTER, REPLICATION):
            connection.execute(sql.SQL("grant connect on database {} to {}").format(database, sql.Identifier(role)))
        for role in (APP, IMPORTER):
            connection.execute(sql.SQL("grant temporary on database {} to {}").format(database, sql.Identifier(role)))
        connection.execute(sql.SQL("grant create, usage on schema public to {}").format(sql.Identifier(OWNER)))


def set_passwords(connection: psycopg.Connection, passwords: dict[str, str]) -> None:
    """PostgreSQL keeps a SCRAM verifier only; the statement's text, which may be logged, holds that and not the password."""
    for role, password in passwords.items():
        verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
        connection.execute(sql.SQL("alter role {} password {}").format(sql.Identifier(role), sql.Literal(verifier)))
