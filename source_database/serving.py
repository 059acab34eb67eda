"""The source database as a process of this machine.

start PostgreSQL ─▶ roles, schema, months ahead ─▶ passwords and address below <home>/source ─▶ one line of JSON: ready
SIGTERM or Ctrl-C ─▶ a fast shutdown ─▶ exit 0
"""

import fcntl
import json
import os
import secrets
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from lakehouse.errors import BusyError, CommandFailedError
from lakehouse.log import get_log
from lakehouse.places import Home
from lakehouse.source import OWNER, ROLES, keep_local, local_address
from lakehouse.storage.durable import make_folder, write_file
from source_database import partitions
from source_database.migrating import migrate
from source_database.roles import set_passwords
from source_database.server import DATABASE, Server

log = get_log(__name__)
_LOOK_EVERY_S = 0.5
_ORPHAN_LIMIT_S = 60


def serve(home: Home, port: int | None, ready_file: Path | None) -> None:
    """Serve until SIGTERM or SIGINT. Raises BusyError where another process serves this home, CommandFailedError."""
    ended: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda which, _: ended.append(which))
    with _alone(home):
        server = Server(home.source, _last_port(home) if port is None else port)
        _end_orphan(server)
        with server:
            address = prepare(home, server)
            told = json.dumps(address | {"pid": os.getpid(), "passwords": str(home.source / "passwords")})
            if ready_file:
                write_file(ready_file, told.encode())
            print(told, flush=True)
            try:
                while not ended:
                    if not server.is_alive:
                        raise CommandFailedError("PostgreSQL ended by itself", hint=f"read {server.log}, and start it again")
                    time.sleep(_LOOK_EVERY_S)
            finally:
                if ready_file:
                    ready_file.unlink(missing_ok=True)


def prepare(home: Home, server: Server) -> dict:
    """Bring a running server up to date; returns its address. Roles keep the passwords that they have."""
    applied = migrate(server.url())
    folder = home.source / "passwords"
    passwords = {role: (folder / role).read_text() if (folder / role).exists() else secrets.token_urlsafe(24) for role in ROLES}
    with psycopg.connect(server.url(), autocommit=True) as administrator:
        set_passwords(administrator, passwords)
    with psycopg.connect(server.url(OWNER, passwords[OWNER]), autocommit=True) as owner:
        made = partitions.ahead(owner, datetime.now(UTC).date(), partitions.AHEAD)
    address = {"host": "127.0.0.1", "port": server.port, "database": DATABASE}
    keep_local(home, address, passwords)
    log.info("source_ready", port=server.port, revisions_applied=len(applied), partitions_made=len(made))
    return address


def _last_port(home: Home) -> int:
    """The port it had before, so that readers find it again after a restart; 0 takes a free one."""
    try:
        return local_address(home)["port"]
    except FileNotFoundError:
        return 0


@contextmanager
def _alone(home: Home) -> Iterator[None]:
    make_folder(home.locks)
    with open(home.locks / "source.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(f"another `lakehouse source serve` serves {home.source}", hint="use that one, or end it first") from None
        yield


def _end_orphan(server: Server) -> None:
    """PostgreSQL outlives a `serve` that was killed. We hold the lock, so it serves nobody: end it in order."""
    try:
        pid = int((server.data / "postmaster.pid").read_text().splitlines()[0])
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, IndexError, ValueError):
        return
    if str(server.data).encode() not in words:
        return  # the number belongs to another program by now
    log.warning("orphaned_server_ended", pid=pid)
    os.kill(pid, signal.SIGINT)
    until = time.monotonic() + _ORPHAN_LIMIT_S
    while Path(f"/proc/{pid}").exists() and _is_running(pid):
        if time.monotonic() > until:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)


def _is_running(pid: int) -> bool:
    """A zombie has ended; only its parent has not noticed."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
