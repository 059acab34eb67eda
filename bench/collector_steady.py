"""The front door at the load of a peak: 1,180 requests a second, whatever it answers (`python -m bench.collector_steady`).

    this process: a request every 1/1,180 s, on the first free connection ─▶ lakehouse collect ─▶ bus ─▶ read back, counted

The load is open: requests leave when their time has come, and not when an answer has; latency counts from that moment, so
a server that stalls is charged for every request that should have left meanwhile. The load generator is on the same
machine and takes its part of it.
"""

import asyncio
import json
import statistics
import tempfile
import time
import uuid
from collections import Counter
from pathlib import Path
from random import Random

from bench import Row
from bench.collector import Server, _event

RATE = 1_180
SECONDS = 20
CONNECTIONS = 128
SIZES = {1: 0.7, 5: 0.2, 20: 0.1}
"""Events in a request, and the part of the requests that hold so many: 3.7 events a request, 4,366 a second."""

_HEAD = b"POST /v1/events HTTP/1.1\r\nHost: univprepai.com\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


def requests(count: int, random: Random) -> tuple[list[bytes], list[list[str]]]:
    """Requests, and the ids of the events in each: no two alike."""
    made, ids = [], []
    for size in random.choices(list(SIZES), weights=list(SIZES.values()), k=count):
        events = [_event(random) | {"event_id": str(uuid.UUID(int=random.getrandbits(128)))} for _ in range(size)]
        body = json.dumps(events if size > 1 else events[0], separators=(",", ":")).encode()
        made.append(_HEAD % len(body) + body)
        ids.append([e["event_id"] for e in events])
    return made, ids


async def steady(address, made: list[bytes], rate: float) -> tuple[list[float], Counter[int], set[int]]:
    """(latency of each in seconds, how often each status, numbers of those that were accepted)."""
    free: asyncio.Queue = asyncio.Queue()
    for _ in range(CONNECTIONS):
        free.put_nowait(await asyncio.open_connection(address.hostname, address.port))
    latencies, statuses, accepted = [], Counter(), set()
    began = time.perf_counter() + 0.1

    async def one(number: int, due: float) -> None:
        reader, writer = await free.get()
        writer.write(made[number])
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
        latencies.append(time.perf_counter() - due)
        free.put_nowait((reader, writer))
        status = int(head.split(b" ", 2)[1])
        statuses[status] += 1
        if status == 202:
            accepted.add(number)

    # Each task is made when its time has come: to make them all first would stop this loop for a while, and be charged to the server.
    async with asyncio.TaskGroup() as tasks:
        for number in range(len(made)):
            due = began + number / rate
            if (early := due - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            tasks.create_task(one(number, due))
    while not free.empty():
        free.get_nowait()[1].close()
    return latencies, statuses, accepted


def arrived(home: Path) -> Counter[str]:
    """event_id → how often it is on the bus."""
    from lakehouse import envelope
    from lakehouse.storage.local import LocalBus

    bus, found = LocalBus(home / "bus"), Counter()
    while messages := bus.pull("exam.events", "bench", 1_000, 0):
        found.update(e.event_id for m in messages for e in envelope.read(m.data))
        bus.ack("exam.events", "bench", messages)
    bus.close()
    return found


def rows() -> list[Row]:
    import uvloop

    random = Random(RATE)
    with tempfile.TemporaryDirectory() as folder:
        server = Server("ours", Path(folder))
        try:
            uvloop.run(steady(server.address, requests(RATE, random)[0], RATE))
            tenth, _ = requests(RATE * SECONDS // 10, random)
            uvloop.run(steady(server.address, tenth, RATE))
            once = server.rss_bytes()
            made, ids = requests(RATE * SECONDS, random)
            before = server.cpu_seconds()
            latencies, statuses, accepted = uvloop.run(steady(server.address, made, RATE))
            busy = (server.cpu_seconds() - before) / SECONDS
            ten_times = server.rss_bytes()
        finally:
            server.stop()
        there = arrived(Path(folder))
    sent = [event_id for number in sorted(accepted) for event_id in ids[number]]
    lost, doubled = sum(i not in there for i in sent), sum(there[i] > 1 for i in sent)
    cuts = statistics.quantiles(latencies, n=1_000)
    mix = ", ".join(f"{part:.0%} of {size}" for size, part in SIZES.items())
    answered = ", ".join(f"{count:,} of {status}" for status, count in sorted(statuses.items()))
    return [
        Row(f"{RATE:,} requests/s: p50 of the answer", 1e3 * cuts[499], unit="ms", note=f"events a request: {mix}; {answered}"),
        Row(
            f"{RATE:,} requests/s: p99 of the answer", 1e3 * cuts[989], 50, unit="ms", at_most=True, note=f"p99.9 {1e3 * cuts[998]:.0f} ms"
        ),
        Row(f"{RATE:,} requests/s: a processor's part", busy, unit="CPU-s/s"),
        Row("accepted events that are not on the bus", lost, 0, unit="events", at_most=True, note=f"of {len(sent):,}; {doubled} doubled"),
        Row(
            "memory after ten times the events",
            ten_times / once,
            1.2,
            at_most=True,
            note=f"{once / 1e6:.0f} MB, then {ten_times / 1e6:.0f} MB",
        ),
    ]


if __name__ == "__main__":
    for row in rows():
        print(f"{row.name:58} {row.value:8.2f} {row.unit}  {row.note}")
