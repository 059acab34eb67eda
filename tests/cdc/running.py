"""A real `lakehouse cdc run` as a process, and waiting until it has everything."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg

from lakehouse.errors import BusyError
from lakehouse.settings import child_environment
from source_database.server import Server
from tests.cdc import fold, town

_LIMIT_S = 400  # of waiting for what comes by itself; a quiet machine needs a twentieth


class Cdc:
    """`options`: settings; `before`: Python to run in the engine's process first, such as a fault."""

    def __init__(self, home: Path, url: str, *words: str, before: str = "", **options: object) -> None:
        self.home = home
        self.ready = home / "cdc-ready.json"
        self.log = home / "cdc.log"
        self.words = [sys.executable, "-m", "lakehouse.cli", "cdc", "run", "--ready-file", str(self.ready), *words]
        own = {"LAKEHOUSE_HOME": str(home), "LAKEHOUSE_SOURCE_URL": url, "LAKEHOUSE_CDC_HEARTBEAT_MS": "300"}
        self.env = child_environment(**own, **{f"LAKEHOUSE_{n.upper()}": str(v) for n, v in options.items()})
        if before:
            folder = home / "before"
            folder.mkdir(exist_ok=True)
            (folder / "sitecustomize.py").write_text(before)
            self.env["PYTHONPATH"] = os.pathsep.join([str(folder), str(Path.cwd())])
        self.process: subprocess.Popen | None = None

    def __enter__(self) -> "Cdc":
        self.start()
        return self

    def __exit__(self, *_) -> None:
        if self.process.poll() is None:
            self.stop()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.words, env=self.env, stdout=subprocess.DEVNULL, stderr=log)

    def told(self) -> dict:
        """What the ready file says, once it is there."""
        until = time.monotonic() + _LIMIT_S
        while not self.ready.exists():
            if self.process.poll() == BusyError.exit_code:  # the engine of one that was killed has not ended: again, as systemd would
                self.start()
            assert self.process.poll() is None and time.monotonic() < until, self.log.read_text()[-3_000:]
            time.sleep(0.02)
        return json.loads(self.ready.read_text())

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def kill(self) -> None:
        """SIGKILL to the supervisor; the engine goes with it."""
        self.process.kill()
        self.process.wait()
        self.ready.unlink(missing_ok=True)

    def kill_engine(self) -> None:
        """SIGKILL to the process that Debezium lives in; the supervisor will start another."""
        pid = self.told()["engine_pid"]
        self.ready.unlink(missing_ok=True)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def differences(home: Path, server: Server) -> tuple[int, int, fold.Bus]:
    """Lost: rows missing on the bus's side or not the same. Doubled: rows that the source does not have, and ids of two contents."""
    bus = fold.read(home)
    ours, theirs = fold.live(bus), town.rows(server)
    lost = sum(ours.get(table, {}).get(key) != row for table, there in theirs.items() for key, row in there.items())
    doubled = sum(key not in theirs[table] for table in theirs for key in ours.get(table, {}))
    return lost, doubled + len(bus.contradictions), bus


def caught_up(home: Path, server: Server, limit_s: float = _LIMIT_S) -> tuple[int, int, fold.Bus]:
    """Wait until both sides are the same; what differs after the limit. Nothing may write meanwhile."""
    until = time.monotonic() + limit_s
    while True:
        with contextlib.suppress(ValueError):
            lost, doubled, bus = differences(home, server)
            if (not lost and not doubled) or time.monotonic() > until:
                return lost, doubled, bus
        time.sleep(0.2)


def execute(server: Server, *statements: str) -> None:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)
