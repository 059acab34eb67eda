"""What the tests of dashboards share: marts of made-up rows, a PostgreSQL that they are published to, and a browser."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from dashboard_marts import build
from published_marts import Marts

from dashboards import asking
from dashboards.publishing import fence
from dashboards.publishing.publish import publish
from lakehouse.contracts.registry import registry
from lakehouse.places import Home
from lakehouse.privacy.access import Level
from source_database.server import DATABASE, Server

_LOGINS = {
    "everything": (Level.L2, [fence.ALL], []),
    "kzone": (Level.L2, ["kzone"], []),
    "academy": (Level.L2, ["kzone"], [7]),
    "website": (Level.L1, [fence.ALL], []),
    "restricted": (Level.L3, ["univprep"], []),
    "admin": (Level.L4, ["univprep"], []),
}


@pytest.fixture(scope="session")
def full_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LAKEHOUSE_HOME whose marts are full."""
    home = tmp_path_factory.mktemp("dashboards") / "home"
    build(Home(home).warehouse, registry())
    return home


@pytest.fixture(scope="session")
def published(full_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Marts]:
    """A PostgreSQL of its own: roles belong to the cluster. Its disk is not waited for."""
    with Server(tmp_path_factory.mktemp("bi"), fsync="off") as server:
        with psycopg.connect(server.url(database=DATABASE), autocommit=True) as connection:
            with asking.opened(Home(full_home).warehouse) as warehouse:
                tables = publish(warehouse, connection, registry())
            passwords = {login: fence.admit(connection, login, *what) for login, what in _LOGINS.items()}
        yield Marts(server, tables, passwords)


@pytest.fixture(scope="session")
def npm_tools(root: Path) -> Path:
    """Where deploy/npm_tools.sh puts the browser and Metabase's validator; skips where they cannot be had."""
    folder = root / ".tools" / "npm"
    done = subprocess.run([str(root / "deploy" / "npm_tools.sh"), str(folder)], capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        pytest.skip(f"no browser and no validator: {done.stderr.strip() or 'npm could not fetch them'}")
    return folder
