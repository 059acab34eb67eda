"""A real PostgreSQL, migrated once a session; every test gets a database of its own, copied from that one.

    cluster (session) ─▶ template, migrated ─▶ database (a test): CREATE DATABASE … TEMPLATE

Other folders import the fixtures: `from tests.source_database.conftest import cluster, database`.
"""

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest

from lakehouse.source import APP, OWNER, ROLES
from source_database.migrating import migrate
from source_database.roles import set_passwords
from source_database.server import DATABASE, Server

_PASSWORD = "for-tests-only"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Database:
    """One database of the cluster."""

    server: Server
    name: str

    def url(self, role: str = OWNER) -> str:
        return self.server.url(role, _PASSWORD, self.name)

    def connect(self, role: str = OWNER, **how) -> psycopg.Connection:
        return psycopg.connect(self.url(role), **{"autocommit": True} | how)

    def tenant(self, zone_id: str, org_id: int | None, role: str = APP) -> psycopg.Connection:
        """A connection of one tenant's application."""
        connection = self.connect(role)
        connection.execute(
            "select set_config('app.current_zone_id', %s, false), set_config('app.current_org_id', %s, false)", (zone_id, str(org_id or ""))
        )
        return connection


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A migrated cluster. Its disk is not waited for: no test of this folder cuts its power."""
    with Server(tmp_path_factory.mktemp("postgres"), fsync="off") as server:
        migrate(server.url())
        with psycopg.connect(server.url(), autocommit=True) as connection:
            set_passwords(connection, dict.fromkeys(ROLES, _PASSWORD))
            connection.execute(f"alter database {DATABASE} with is_template true")
        yield server


@pytest.fixture(scope="session")
def schema(cluster: Server) -> Iterator[Database]:
    """For tests that only look: one database for all of them."""
    with copy_of(cluster, DATABASE) as made:
        yield made


@pytest.fixture
def database(cluster: Server) -> Iterator[Database]:
    with copy_of(cluster, DATABASE) as made:
        yield made


@pytest.fixture
def empty_database(cluster: Server) -> Iterator[Database]:
    """With roles, and without a schema."""
    with copy_of(cluster, "template1") as made:
        yield made


class copy_of:
    """A database made from another, dropped at the end whoever is still connected."""

    def __init__(self, server: Server, template: str) -> None:
        self._server, self._template = server, template
        self._made = Database(server, f"test_{os.getpid()}_{next(_numbers)}")

    def __enter__(self) -> Database:
        self._administer(f"create database {self._made.name} template {self._template}")
        self._administer(f"grant connect on database {self._made.name} to {', '.join(ROLES)}")
        self._administer(f"grant create, temporary on database {self._made.name} to {OWNER}")
        return self._made

    def __exit__(self, *_) -> None:
        self._administer(f"drop database {self._made.name} with (force)")

    def _administer(self, sql: str) -> None:
        with psycopg.connect(self._server.url(database="postgres"), autocommit=True) as connection:
            connection.execute(sql)
