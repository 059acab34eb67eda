"""The live path's processes as a person would start them, and a subscriber that holds what it was told."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from lakehouse.listening import listen
from live.app import Live
from live.server import BACKLOG, server

LAKEHOUSE = str(Path(sys.executable).parent / "lakehouse")
_LIMIT_S = 40


class Process:
    """`lakehouse …`, ready."""

    def __init__(self, home: Path, *words: str, **env: str) -> None:
        self._home, self._words, self._env = home, words, env
        self.start()

    def start(self) -> None:
        env = os.environ | {"LAKEHOUSE_HOME": str(self._home)} | self._env  # noqa: TID251
        log = self._home / f"{'-'.join(self._words[:2])}.log"
        self._process = subprocess.Popen([LAKEHOUSE, *self._words], stdout=subprocess.PIPE, stderr=log.open("ab"), env=env, text=True)
        line = self._process.stdout.readline()
        assert line, f"{self._words} did not start: {log.read_text()[-2000:]}"
        self.told = json.loads(line)

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        return self._process.wait(_LIMIT_S)

    @property
    def socket_address(self) -> str:
        return self.told["address"].replace("http", "ws") + "/v1/live"


@contextmanager
def running(home: Path, *words: str, **env: str):
    process = Process(home, *words, **env)
    try:
        yield process
    finally:
        if process._process.poll() is None:
            process.kill()


@contextmanager
def serving(live: Live):
    """The server in a thread of this process, for a Gate or settings of one's own; its address."""
    told: queue.Queue[dict] = queue.Queue()
    with listen("127.0.0.1", 0, BACKLOG) as listening:
        made = server(live, listening, told.put)
        thread = threading.Thread(target=made.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield told.get(timeout=_LIMIT_S)["address"]
        finally:
            made.should_exit = True
            thread.join()


class Subscriber:
    """What one subscriber knows: snapshots and deltas, applied."""

    def __init__(self, address: str, authorization: str | None = None) -> None:
        headers = {"Authorization": authorization} if authorization else None
        self._opened = connect(address, additional_headers=headers, open_timeout=20, max_size=None)
        self.connection: ClientConnection = self._opened.__enter__()
        self.rows: dict[str, dict[str, dict]] = {}
        self.seq: dict[str, int] = {}
        self.grain: dict[str, list[str]] = {}
        self.messages: list[dict] = []

    def say(self, **said: Any) -> None:
        self.connection.send(json.dumps(said))

    def subscribe(self, view: str, name: str | None = None, **keys: Any) -> dict:
        self.say(subscribe=view, keys=keys, id=name or view)
        return self.until(lambda m: m["type"] in ("snapshot", "error") and m.get("id") == (name or view))

    def until(self, wanted, limit_s: float = _LIMIT_S) -> dict:
        """The first message that is wanted; all before it are taken in too. Raises ConnectionClosed, TimeoutError."""
        end = time.monotonic() + limit_s
        while True:
            message = json.loads(self.connection.recv(timeout=max(0.0, end - time.monotonic())))
            self._take(message)
            if wanted(message):
                return message

    def closed_with(self, limit_s: float = _LIMIT_S) -> int:
        """The code that the server closes with."""
        try:
            self.until(lambda m: False, limit_s)
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 1006
        raise AssertionError("not closed")

    def settle(self, is_right, limit_s: float = _LIMIT_S) -> None:
        """Take messages in until `is_right()`. Raises TimeoutError, ConnectionClosed."""
        end = time.monotonic() + limit_s
        while not is_right():
            self.until(lambda m: True, end - time.monotonic())

    def _take(self, message: dict) -> None:
        self.messages.append(message)
        name = message.get("id")
        if message["type"] == "snapshot":
            self.rows[name], self.seq[name] = {}, 0
        elif message["type"] == "delta":
            assert message["seq"] == self.seq[name] + 1, "a delta is missing"
            self.seq[name] = message["seq"]
        for row in message.get("rows", ()):
            self.rows[name][_key(row)] = row
        for grain in message.get("gone", ()):
            gone = [k for k, row in self.rows[name].items() if grain.items() <= row.items()]
            assert len(gone) == 1, "what is gone was not there"
            del self.rows[name][gone[0]]

    def close(self) -> None:
        self.connection.close()


def _key(row: dict) -> str:
    return json.dumps([row.get(n) for n in ("zone_id", "org_id", "exam_id", "attempt_id", "item_id", "skill", "minute_at", "user_pid")])
