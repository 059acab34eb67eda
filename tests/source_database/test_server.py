"""A PostgreSQL that was killed starts again, whatever its predecessor left."""

import os
import signal
from pathlib import Path
from threading import Timer

import psycopg
import pytest

from source_database.server import Server


@pytest.fixture
def server(tmp_path: Path) -> Server:
    server = Server(tmp_path / "source")
    server.start()
    yield server
    server.stop()


def test_a_start_waits_for_the_sessions_of_a_predecessor_that_was_killed(server: Server) -> None:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("create table kept as select 7 as answer")
        session = connection.info.backend_pid
        os.kill(session, signal.SIGSTOP)  # as a busy machine does: it holds the memory, and cannot notice that its postmaster is gone
        server.kill()
        wakes = Timer(1, os.kill, (session, signal.SIGCONT))
        wakes.start()
        server.start()
        wakes.join()
    assert b"pre-existing shared memory block" in server.log.read_bytes()
    with psycopg.connect(server.url()) as connection:
        assert connection.execute("select answer from kept").fetchone() == (7,)
