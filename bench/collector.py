"""The front door's price: events for a CPU-second of the server, as ratios to three yardsticks (`python -m bench.collector`).

    this process: 64 connections ─▶ lakehouse collect │ bare │ pydantic │ naive, each a process of its own, in turns
                                     its CPU time before and after (psutil)

The same bodies go to all. Only the server's own CPU time counts, so that the load generator, and whatever else the
machine does, does not. Rounds alternate and the best of each is taken: noise only ever adds time.
"""

import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from bench import LAKEHOUSE, Row

CONNECTIONS = 64
BATCH = 100
ROUNDS = 10
SECONDS = 1.0
PROGRAMS = {
    "ours": [LAKEHOUSE, "collect", "--port", "0"],
    "bare": [sys.executable, "-m", "bench.collector_yardsticks", "bare"],
    "pydantic": [sys.executable, "-m", "bench.collector_yardsticks", "pydantic"],
    "naive": [sys.executable, "-m", "bench.collector_yardsticks", "naive"],
}


def bodies(size: int, count: int = 64) -> list[bytes]:
    """`count` bodies of `size` exam events each; a single event is no array."""
    rng = random.Random(size)
    return [body(size, rng) for _ in range(count)]


def body(size: int, rng: random.Random) -> bytes:
    """One of them."""
    events = [_event(rng) for _ in range(size)]
    return json.dumps(events if size > 1 else events[0], separators=(",", ":")).encode()


def _event(rng: random.Random) -> dict:
    at = (datetime.now(UTC) - timedelta(seconds=rng.random() * 3600)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    payload = {
        "occurred_at": at,
        "user_id": f"student-{rng.randint(1, 99_999)}",
        "session_id": f"{rng.getrandbits(128):032x}",
        "device_type": rng.choice(("desktop", "phone", "tablet")),
        "attempt_id": f"attempt-{rng.randint(1, 999_999)}",
        "exam_id": f"exam-{rng.randint(1, 500)}",
    }
    if rng.random() < 0.9:
        payload |= {"event_type": "response_given", "item_id": f"item-{rng.randint(1, 5_000)}", "response_index": rng.randint(1, 50)}
        payload |= {"skill": "algebra", "is_correct": rng.random() < 0.6, "response_time_ms": rng.randint(900, 90_000)}
    else:
        payload |= {"event_type": "attempt_finished", "started_at": at, "score": rng.randint(0, 100), "theta": round(rng.gauss(0, 1), 4)}
        payload |= {"standard_error": 0.31, "item_count": 50, "time_spent_ms": rng.randint(60_000, 3_600_000)}
    return {
        "event_id": str(uuid.UUID(int=rng.getrandbits(128))),
        "contract": "exam.events",
        "org_id": rng.randint(1, 50),
        "payload": payload,
    }


class Server:
    """One of PROGRAMS, started."""

    def __init__(self, name: str, home: Path) -> None:
        import psutil

        env = os.environ | {"LAKEHOUSE_HOME": str(home)}  # noqa: TID251
        self._process = subprocess.Popen(PROGRAMS[name], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env, text=True)
        self.address = urlsplit(json.loads(self._process.stdout.readline())["address"])
        self._usage = psutil.Process(self._process.pid)

    def cpu_seconds(self) -> float:
        times = self._usage.cpu_times()
        return times.user + times.system

    def rss_bytes(self) -> int:
        return self._usage.memory_info().rss

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(60)


async def load(address, requests: list[bytes], seconds: float) -> list[float]:
    """Keep CONNECTIONS busy for `seconds`; the latency in seconds of each answer. Raises RuntimeError at any but 202."""
    latencies: list[float] = []
    until = time.perf_counter() + seconds

    async def connection(number: int) -> None:
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        turn = number
        while (began := time.perf_counter()) < until:
            writer.write(requests[turn % len(requests)])
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
            latencies.append(time.perf_counter() - began)
            if not head.startswith(b"HTTP/1.1 202"):
                raise RuntimeError(f"answered {head.splitlines()[0].decode()}")
            turn += 1
        writer.close()

    await asyncio.gather(*map(connection, range(CONNECTIONS)))
    return latencies


def _requests(size: int) -> list[bytes]:
    head = b"POST /v1/events HTTP/1.1\r\nHost: univprepai.com\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return [head % len(body) + body for body in bodies(size)]


def measure(size: int, names: list[str]) -> dict[str, tuple[float, list[float]]]:
    """name → (events for a CPU-second at best, latencies of all rounds)."""
    import uvloop

    requests = _requests(size)
    best = {name: 0.0 for name in names}
    latencies: dict[str, list[float]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as folder:
        servers = {name: Server(name, Path(folder) / name) for name in names}
        try:
            for server in servers.values():
                uvloop.run(load(server.address, requests, 0.5))
            for _ in range(ROUNDS):
                for name, server in servers.items():
                    before = server.cpu_seconds()
                    taken = uvloop.run(load(server.address, requests, SECONDS))
                    best[name] = max(best[name], len(taken) * size / (server.cpu_seconds() - before))
                    latencies[name] += taken
        finally:
            for server in servers.values():
                server.stop()
    return {name: (best[name], latencies[name]) for name in names}


def rows() -> list[Row]:
    batch, single = measure(BATCH, list(PROGRAMS)), measure(1, list(PROGRAMS))
    made = []
    for what, found, over_bare, over_pydantic, over_naive in (
        (f"batch of {BATCH}", batch, 0.6, 4, 10),
        ("single", single, None, None, None),
    ):
        ours, bare, pydantic, naive = (found[name][0] for name in PROGRAMS)
        each = f"{1e6 / ours:.2f} µs of CPU an event, {{}} {{:.2f}}"
        made.append(Row(f"{what}: durable, over parse and validate only", ours / bare, over_bare, note=each.format("bare", 1e6 / bare)))
        made.append(
            Row(f"{what}: over FastAPI, pydantic, no sink", ours / pydantic, over_pydantic, note=each.format("pydantic", 1e6 / pydantic))
        )
        made.append(
            Row(f"{what}: over FastAPI, pydantic, a publish an event", ours / naive, over_naive, note=each.format("naive", 1e6 / naive))
        )
        p50, p99 = (1e3 * statistics.quantiles(found["ours"][1], n=100)[n] for n in (49, 98))
        made.append(Row(f"{what}: p50 of the answer", p50, unit="ms", note=f"{CONNECTIONS} connections that never pause"))
        made.append(Row(f"{what}: p99 of the answer", p99, unit="ms"))
    return made


if __name__ == "__main__":
    for row in rows():
        target = "" if row.target is None else f"  (target {row.target:g}: {'met' if row.is_met else 'MISSED'})"
        print(f"{row.name:58} {row.value:8.2f} {row.unit}{target}  {row.note}")
    sys.exit(0)
