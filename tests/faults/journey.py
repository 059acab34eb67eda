"""The whole journey in processes of its own: collector, land and refine, under load, each of which may be struck.

Sender ─ HTTP ─▶ collector ─▶ bus ─▶ land --follow ─▶ raw ─▶ refine, again and again ─▶ clean
   └─ accepted ids ──────────────── compared with ────────────────────────────────────▶ Outcome(lost, doubled)
"""

import multiprocessing
import os
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import httpx
import msgspec

from lakehouse import places
from lakehouse.contracts import registry
from lakehouse.places import Home
from lakehouse.settings import settings
from lakehouse.storage.delta import DeltaTables
from tests.conformance.emulators import free_port
from tests.faults import dying

CONTRACT = "auth.login.events"
HOST = "univprepai.com"
START_S = 180
_processes = dying.processes
_processes.set_forkserver_preload([*dying.PRELOAD, "collectors.events.server", "lakehouse.storage.gcp"])


def _collector(port: int) -> None:
    from collectors.events.command import collect

    collect(host=None, port=port, ready_file=None)


def _land(_port: int) -> None:
    from beam_pipelines.command import land

    land(follow=True, as_json=True)


def _refine(_port: int) -> None:
    from beam_pipelines.command import refine

    while True:
        refine(as_json=True)
        time.sleep(0.1)


_PROGRAMS = {"collector": _collector, "land": _land, "refine": _refine}


def _in_a_child(program: Callable[..., None], words: tuple, env: dict[str, str], log: str, before: Callable[[], None] | None) -> None:
    os.environ.update(env)  # noqa: TID251
    fd = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.dup2(fd, 1)
    os.dup2(fd, 2)
    settings.cache_clear()
    if before:
        before()
    program(*words)


def _command(*words: str) -> None:
    from lakehouse.cli import main

    sys.argv[1:] = words
    main()


@dataclass(frozen=True)
class Outcome:
    sent: int
    lost: int
    doubled: int


class Journey:
    """One lake, and the processes that fill it, forked from one that has imported everything. `chosen` are LAKEHOUSE_ variables;
    `before` is called in each process first."""

    def __init__(self, home: Path, before: Callable[[], None] | None = None, env: Mapping[str, str] = {}, **chosen: object) -> None:
        self.home = home
        self.port = free_port()
        self.processes: dict[str, multiprocessing.Process] = {}
        self._before = before
        self._env = {"LAKEHOUSE_HOME": str(home), **env} | {f"LAKEHOUSE_{k.upper()}": str(v) for k, v in chosen.items()}
        self._log = str(home / "processes.log")

    def start(self, *names: str) -> None:
        for name in names:
            self.processes[name] = self._started(_PROGRAMS[name], (self.port,))
        if "collector" in names:
            until = time.monotonic() + START_S
            while not self._answers():
                assert self.processes["collector"].is_alive() and time.monotonic() < until, self.said()
                time.sleep(0.02)

    def _started(self, program: Callable[..., None], words: tuple) -> multiprocessing.Process:
        process = _processes.Process(target=_in_a_child, args=(program, words, self._env, self._log, self._before))
        process.start()
        return process

    def _answers(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/readyz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def kill(self, name: str) -> None:
        process = self.processes.pop(name)
        process.kill()
        process.join()

    def stop(self, name: str) -> int:
        """Ask it to end; its exit code."""
        process = self.processes.pop(name)
        process.terminate()
        process.join(START_S)
        return process.exitcode

    def run(self, *words: str, code: int = 0) -> None:
        """A command of the platform, to its end."""
        process = self._started(_command, words)
        process.join(START_S)
        assert process.exitcode == code, f"{words}: {process.exitcode}\n{self.said()}"

    def end(self) -> None:
        for name in list(self.processes):
            self.kill(name)

    def said(self) -> str:
        return Path(self._log).read_text(errors="replace")[-3000:] if Path(self._log).exists() else ""

    def until_drained(self) -> None:
        """The spool is empty: what was accepted is on the bus."""
        until = time.monotonic() + START_S
        while httpx.get(f"http://127.0.0.1:{self.port}/readyz", timeout=10).json()["spooled"]:
            assert time.monotonic() < until, self.said()
            time.sleep(0.05)

    def finished(self, sender: "Sender") -> Outcome:
        """Land and refine what is left, and compare. The collector must be up until its spool is empty."""
        sender.stop()
        self.until_drained()
        for name in ("land", "refine"):
            if name in self.processes:
                self.kill(name)
        self.run("land")
        self.run("refine")
        return compared(self.home, sender.accepted)


def arrived(home: Path) -> Counter[str]:
    """event_id → how often it is in clean."""
    contract = registry().get(CONTRACT)
    files = DeltaTables(str(Home(home).lake), Home(home).locks).files(places.clean_table(contract.domain, contract.table))
    if not files:
        return Counter()
    with duckdb.connect() as database:
        return Counter(dict(database.execute("SELECT event_id, count(*) FROM read_parquet(?) GROUP BY ALL", [files]).fetchall()))


def compared(home: Path, accepted: set[str]) -> Outcome:
    there = arrived(home)
    return Outcome(len(accepted), len(accepted - there.keys()), sum(n - 1 for n in there.values()))


class Sender:
    """Clients that never give up: each sends a batch until it is accepted, and only then another."""

    def __init__(
        self, journey: Journey, threads: int = 2, batch: int = 20, pause_s: float = 0.02, ago: timedelta = timedelta(0), key: str = ""
    ) -> None:
        self.accepted: set[str] = set()
        self.refused: Counter[object] = Counter()
        self._url = f"http://127.0.0.1:{journey.port}/v1/events"
        self._batch, self._pause_s, self._ago = batch, pause_s, ago
        self._headers = {"Host": HOST, "Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._send_on, args=(n,), daemon=True) for n in range(threads)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Each client ends once its batch is accepted."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(120)
            assert not thread.is_alive(), f"a client still waits to be accepted: {self.refused}"

    def wait_for(self, more: int) -> None:
        """Until so many more events are accepted."""
        target, until = len(self.accepted) + more, time.monotonic() + START_S
        while len(self.accepted) < target:
            assert time.monotonic() < until, f"nothing is accepted any more: {self.refused}"
            time.sleep(0.01)

    def _send_on(self, number: int) -> None:
        client = httpx.Client(headers=self._headers, timeout=30)
        while not self._stopping.is_set():
            events = [event(f"student-{number}-{n}", datetime.now(UTC) - self._ago) for n in range(self._batch)]
            body = msgspec.json.encode(events)
            while not self._is_accepted(client, body):
                time.sleep(0.05)
            self.accepted.update(e["event_id"] for e in events)
            time.sleep(self._pause_s)

    def _is_accepted(self, client: httpx.Client, body: bytes) -> bool:
        try:
            status = client.post(self._url, content=body).status_code
        except httpx.TransportError as error:
            self.refused[type(error).__name__] += 1
            return False
        assert status in (202, 429, 503, 507), status
        self.refused[status] += status != 202
        return status == 202


def event(user: str, at: datetime) -> Mapping[str, object]:
    payload = {"event_type": "logout", "occurred_at": at.isoformat(), "user_id": user}
    return {"event_id": str(uuid.uuid4()), "contract": CONTRACT, "org_id": 7, "payload": payload}
