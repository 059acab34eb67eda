"""`lakehouse source`: served, found by the other commands, brought up again after a kill, and honest about its state."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from lakehouse.errors import BadInputError, LakehouseError
from lakehouse.places import Home
from lakehouse.settings import settings
from lakehouse.source import APP, IMPORTER, OWNER, REPLICATION, ROLES, source_url
from source_database.command import app

LAKEHOUSE = str(Path(sys.executable).with_name("lakehouse"))
LIMIT_S = 120


def lakehouse(*words: str) -> tuple[int, str]:
    """Exit code, and what was said: on stdout, or by the error."""
    settings.cache_clear()
    done = CliRunner().invoke(app, list(words))
    if isinstance(done.exception, LakehouseError):
        return done.exception.exit_code, str(done.exception)
    assert done.exception is None or isinstance(done.exception, SystemExit), repr(done.exception)
    return done.exit_code, done.stdout


class Served:
    """`lakehouse source serve` on a home."""

    def __init__(self, home: Path) -> None:
        self.ready_file = home / "ready.json"
        self.log = home / "serve.log"

    def __enter__(self) -> "Served":
        with self.log.open("a") as log:
            self.process = subprocess.Popen([LAKEHOUSE, "source", "serve", "--ready-file", str(self.ready_file)], stdout=log, stderr=log)
        until = time.monotonic() + LIMIT_S
        while not self.ready_file.exists():
            assert self.process.poll() is None and time.monotonic() < until, self.log.read_text()
            time.sleep(0.1)
        self.ready = json.loads(self.ready_file.read_text())
        return self

    def __exit__(self, *_) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(LIMIT_S)


def test_serve_and_every_other_command(home: Path):
    with pytest.raises(BadInputError, match="no source database"):
        source_url(settings(), OWNER)
    assert lakehouse("status")[0] == 11

    with Served(home) as served:
        assert served.ready.keys() == {"host", "port", "database", "pid", "passwords"}
        passwords = {role: (Home(home).source / "passwords" / role) for role in ROLES}
        told = served.log.read_text() + served.ready_file.read_text() + (Home(home).source / "address.json").read_text() + (Home(home).source / "postgres.log").read_text()  # fmt: skip
        for role, file in passwords.items():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
            assert file.read_text() not in told
            with psycopg.connect(source_url(settings(), role)) as connection:
                assert connection.execute("select current_user").fetchone() == (role,)
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(source_url(settings(), APP).replace(passwords[APP].read_text(), "guessed"))

        code, told = lakehouse("status", "--json")
        state = json.loads(told)
        assert code == 0
        assert state["revisions_waiting"] == state["backfills_due"] == state["slots"] == []
        assert "nothing to do" in lakehouse("migrate")[1]
        assert "nothing to do" in lakehouse("partitions")[1]
        assert "nothing to do" in lakehouse("backfill")[1]
        assert "made attempts_2025_11" in lakehouse("partitions", "--since", "2025-11")[1]
        assert lakehouse("partitions", "--since", "2999-01")[0] == 11
        assert lakehouse("serve")[0] == 12  # one serves already

        with psycopg.connect(source_url(settings(), IMPORTER), autocommit=True) as importer:
            importer.execute("insert into organizations (zone_id, org_id, org_name, org_type) values ('univprep', 1, 'First', 'school')")
            importer.execute("insert into responses (zone_id, org_id, response_id, attempt_id, item_id, user_id, response_index, is_correct, response_time_ms, responded_at) values ('univprep', 1, 're', 'at', 'it', 'us', 1, true, 9, '2031-05-05')")  # fmt: skip
        code, told = lakehouse("status")
        assert code == 20 and "responses_default: 1 rows" in told

        # Killed, PostgreSQL lives on; whoever serves next ends it, and is found at the same place with the same passwords.
        before = {role: file.read_text() for role, file in passwords.items()}
        os.kill(served.process.pid, signal.SIGKILL)
        served.process.wait()
        served.ready_file.unlink()
    with Served(home) as again:
        assert again.ready["port"] == served.ready["port"]
        assert {role: file.read_text() for role, file in passwords.items()} == before
        with psycopg.connect(source_url(settings(), IMPORTER)) as importer:
            assert importer.execute("select org_name from organizations").fetchall() == [("First",)]
    assert again.process.returncode == 0
    assert not again.ready_file.exists()
    code, told = lakehouse("status")
    assert code == 11 and "does not answer" in told


def test_only_the_owner_and_an_administrator_may_migrate(cluster, empty_database, monkeypatch):
    monkeypatch.setenv("LAKEHOUSE_SOURCE_URL", empty_database.url(REPLICATION))
    code, told = lakehouse("migrate")
    assert code == 11 and "may not migrate" in told
    monkeypatch.setenv("LAKEHOUSE_SOURCE_URL", empty_database.url(OWNER).replace(OWNER, "x", 1))
    assert lakehouse("status")[0] == 11
    monkeypatch.setenv("LAKEHOUSE_SOURCE_URL", cluster.url(database=empty_database.name))
    code, told = lakehouse("migrate")
    assert code == 0 and "the schema is at 0008" in told
    monkeypatch.setenv("LAKEHOUSE_SOURCE_URL", empty_database.url(OWNER))
    assert "nothing to do" in lakehouse("migrate")[1]
