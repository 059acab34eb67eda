"""The live path's promise: accepted by the collector, seen by a subscriber (`python -m bench.live`).

    this process ─ 500 events/s ─▶ lakehouse collect ─▶ bus ─▶ live count ─▶ Redis ─▶ live serve ─▶ this process
                     202: accepted                                                    delta: seen

The n-th accepted event is seen when the figures that the subscriber holds have added up to n. Memory is read after a
tenth of the run and at its end, that is, at 1x and at 10x the events.
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
from datetime import UTC, datetime
from pathlib import Path

from bench import LAKEHOUSE, Row

SECONDS = 180
EVENTS_PER_S = 500
BATCH = 50
ORGS = range(1, 21)
GOAL_P99_S = 5.0


class Program:
    """`lakehouse …` in `home`; ready() waits for it, so that several can start side by side."""

    def __init__(self, home: Path, *words: str) -> None:
        unset = ("LAKEHOUSE_LIVE_REDIS_URL", "LAKEHOUSE_REDIS_URL")
        env = {k: v for k, v in os.environ.items() if k not in unset} | {"LAKEHOUSE_HOME": str(home)}  # noqa: TID251
        self._process = subprocess.Popen([LAKEHOUSE, *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env, text=True)

    def ready(self) -> None:
        import psutil

        self.told = json.loads(self._process.stdout.readline())
        self._usage = psutil.Process(self.told["pid"])

    def cpu_s(self) -> float:
        times = self._usage.cpu_times()
        return times.user + times.system

    def rss_mb(self) -> float:
        return self._usage.memory_info().rss / 1e6

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(60)


def _body(rng: random.Random) -> bytes:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    events = [
        {
            "event_id": str(uuid.UUID(int=rng.getrandbits(128))),
            "contract": "exam.events",
            "org_id": rng.choice(ORGS),
            "payload": {
                "event_type": "response_given",
                "occurred_at": now,
                "user_id": f"student-{(sitting := rng.randrange(2_000))}",
                "attempt_id": f"attempt-{sitting}",
                "exam_id": f"exam-{sitting % 5}",
                "item_id": f"item-{rng.randrange(60)}",
                "response_index": rng.randrange(1, 50),
                "skill": rng.choice(("algebra", "geometry", "reading")),
                "is_correct": rng.random() < 0.6,
                "response_time_ms": rng.randrange(900, 90_000),
            },
        }
        for _ in range(BATCH)
    ]
    return json.dumps(events, separators=(",", ":")).encode()


class Watch:
    """What has been accepted, and when the subscriber had seen as much."""

    def __init__(self) -> None:
        self.accepted_at: list[float] = []
        self.seen_at: list[float] = []
        self._rows: dict[tuple, int] = {}

    def take(self, message: dict) -> None:
        for row in message.get("rows", ()):
            self._rows[row["org_id"], row["exam_id"], row["minute_at"]] = row["response_count"]
        self.seen_at += [time.perf_counter()] * (sum(self._rows.values()) - len(self.seen_at))


async def _send(address: str, watch: Watch, seconds: float, rng: random.Random) -> None:
    import httpx

    headers = {"Host": "univprepai.com", "Content-Type": "application/json"}
    async with httpx.AsyncClient(base_url=address, headers=headers, timeout=30) as client:
        started, turns = time.perf_counter(), int(seconds * EVENTS_PER_S / BATCH)
        for turn in range(turns):
            await asyncio.sleep(max(0.0, started + turn * BATCH / EVENTS_PER_S - time.perf_counter()))
            (await client.post("/v1/events", content=_body(rng))).raise_for_status()
            watch.accepted_at += [time.perf_counter()] * BATCH


async def _watch(address: str, watch: Watch, is_ready: asyncio.Event) -> None:
    from websockets.asyncio.client import connect

    async with connect(address.replace("http", "ws") + "/v1/live", max_size=None) as socket:
        for org in ORGS:
            await socket.send(json.dumps({"subscribe": "exam_minutes", "id": str(org), "keys": {"zone_id": "univprep", "org_id": org}}))
        snapshots = 0
        async for text in socket:
            message = json.loads(text)
            if message["type"] in ("snapshot", "delta"):
                watch.take(message)
            snapshots += message["type"] == "snapshot"
            if snapshots == len(ORGS):
                is_ready.set()


async def _run(programs: dict[str, Program], watch: Watch, seconds: float) -> dict[str, list[float]]:
    ready = asyncio.Event()
    watching = asyncio.create_task(_watch(programs["serve"].told["address"], watch, ready))
    await asyncio.wait_for(ready.wait(), 60)
    rss: dict[str, list[float]] = {}
    rng = random.Random(1)
    for share in (seconds / 10, seconds * 9 / 10):
        await _send(programs["collect"].told["address"], watch, share, rng)
        rss = {name: [*rss.get(name, []), program.rss_mb()] for name, program in programs.items()}
    until = time.perf_counter() + 30
    while len(watch.seen_at) < len(watch.accepted_at) and time.perf_counter() < until:
        await asyncio.sleep(0.05)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    return rss


def rows(seconds: float = SECONDS) -> list[Row]:
    watch, programs = Watch(), {}
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        try:
            for name, words in {
                "redis": ("live", "redis"),
                "collect": ("collect", "--port", "0"),
                "count": ("live", "count"),
                "serve": ("live", "serve", "--port", "0"),
            }.items():
                programs[name] = Program(home, *words)
            for program in programs.values():
                program.ready()
            before = {name: program.cpu_s() for name, program in programs.items()}
            rss = asyncio.run(_run(programs, watch, seconds))
            cpu_s = {name: program.cpu_s() - before[name] for name, program in programs.items()}
        finally:
            for program in reversed(programs.values()):
                program.stop()
    sent, seen = len(watch.accepted_at), len(watch.seen_at)
    latencies = [max(0.0, at - accepted) for accepted, at in zip(watch.accepted_at, watch.seen_at)]
    p50, p99 = (statistics.quantiles(latencies, n=100)[n] for n in (49, 98))
    load = f"{EVENTS_PER_S} events/s for {seconds:.0f} s, {len(ORGS)} subscriptions"
    made = [
        Row("accepted and not seen, or seen twice", abs(sent - seen), 0, unit="events", at_most=True, note=f"of {sent:,}"),
        Row("accepted to seen by a subscriber, p50", p50, unit="s", note=load),
        Row("accepted to seen by a subscriber, p99", p99, GOAL_P99_S, unit="s", at_most=True, note=load),
    ]
    for name, events in (("count", sent), ("serve", sent), ("redis", sent)):
        made.append(
            Row(f"live {name}: events for a CPU-second", events / max(cpu_s[name], 1e-9), unit="events", note=f"{cpu_s[name]:.1f} s")
        )
    for name in ("count", "serve", "redis"):
        first, last = rss[name]
        at_most = 1.5 if name != "redis" else None  # Redis keeps an hour of event ids: it grows until the hour is full
        made.append(
            Row(f"live {name}: RSS at 10x the events over 1x", last / first, at_most, at_most=True, note=f"{first:.0f} and {last:.0f} MB")
        )
    return made


if __name__ == "__main__":
    for row in rows(float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS):
        print(f"{row.name:52} {row.value:10.3g} {row.unit:8} {'' if row.is_met else 'MISSED'}  {row.note}")
