"""A real collector as a process of its own, on a free port, with a home of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import jsonschema
import pytest

from collectors.events.openapi import events_path
from lakehouse import envelope
from lakehouse.contracts import registry
from lakehouse.storage.local import LocalBus
from tests.collectors.sample_events import HOST

START_S = 120  # a hang, not a slow machine


EVENTS = events_path()


def as_described(response: httpx.Response) -> None:
    """Every status that a test sees is in OpenAPI, and so is what it carries."""
    if response.request.url.path == "/v1/events":
        described = EVENTS["options" if response.request.method == "OPTIONS" else "post"]["responses"][str(response.status_code)]
        assert {h for h in response.headers if h in ("retry-after", "www-authenticate")} <= {h.lower() for h in described["headers"]}
        if "content" in described:
            response.read()
            jsonschema.validate(response.json(), described["content"][response.headers["content-type"]]["schema"])


@pytest.fixture(scope="module", autouse=True)
def _now(request: pytest.FixtureRequest) -> None:
    """A module's NOW is when its first test runs, and not when it was collected: that may be a quarter of an hour before."""
    if hasattr(request.module, "NOW"):
        request.module.NOW = datetime.now(UTC)


class Running:
    """One collector process."""

    def __init__(self, home: Path, before: str = "", **options: object) -> None:
        """`before`: Python to run in the process first, such as a limit. `options`: settings."""
        ready = home / f"ready-{time.monotonic_ns()}.json"
        code = f"{before}\nfrom collectors.events.command import collect\nfrom pathlib import Path\ncollect(port=0, ready_file=Path({str(ready)!r}))"
        env = os.environ | {"LAKEHOUSE_HOME": str(home)} | {f"LAKEHOUSE_{k.upper()}": str(v) for k, v in options.items()}  # noqa: TID251
        self.home = home
        self.errors = home / "collector.log"
        with self.errors.open("ab") as errors:
            self.process = subprocess.Popen([sys.executable, "-c", code], env=env, stdout=subprocess.DEVNULL, stderr=errors)
        until = time.monotonic() + START_S
        while not ready.exists():
            assert self.process.poll() is None and time.monotonic() < until, self.errors.read_text()
            time.sleep(0.02)
        self.address = json.loads(ready.read_text())["address"]
        self.client = self.connect()

    def connect(self, **options: object) -> httpx.Client:
        """A client whose every answer is held to the description that the collector gives of itself."""
        headers, hooks = {"Host": HOST, "Content-Type": "application/json"}, {"response": [as_described]}
        return httpx.Client(base_url=self.address, headers=headers, timeout=30, event_hooks=hooks, **options)

    def post(self, body: bytes, **headers: str) -> httpx.Response:
        return self.client.post("/v1/events", content=body, headers={k.replace("_", "-"): v for k, v in headers.items()})

    def metrics(self) -> dict[str, float]:
        lines = self.client.get("/metrics").text.splitlines()
        return {k: float(v) for k, v in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Ask it to end; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(START_S)


@pytest.fixture
def collector(home: Path) -> Callable[..., Running]:
    """collector(before="", **settings) starts one; all are ended with the test."""
    running: list[Running] = []

    def start(before: str = "", **options: object) -> Running:
        running.append(Running(home, before, **options))
        return running[-1]

    yield start
    for one in running:
        one.client.close()
        if one.process.poll() is None:
            one.kill()


def arrived(home: Path, folder: str = "bus") -> Counter[str]:
    """event_id → how often it is on the bus, read from its beginning as a lander would read it."""
    bus, subscription = LocalBus(home / folder), f"test-{time.monotonic_ns()}"
    ids: Counter[str] = Counter()
    for contract in registry().layer("stream"):
        while messages := bus.pull(contract.topic, subscription, 1_000, 0):
            ids.update(e.event_id for m in messages for e in envelope.read(m.data))
            bus.ack(contract.topic, subscription, messages)
    bus.close()
    return ids
