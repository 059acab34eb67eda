"""How old an event is when it can be read: accepted ─▶ in clean, at a steady rate (`python -m bench.freshness [SECONDS]`).

    this process: 500 events/s, ten requests a second ─▶ lakehouse collect ─▶ bus ─▶ lakehouse ingest ─▶ clean
                  the moment of each answer                                          the moment of each Delta commit

VIEWS says where an event can be seen, and from when: a view that is added there is measured beside clean. Memory is that of
the ingest process after a tenth of the events and after all of them.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq

from bench import LAKEHOUSE, Row
from lakehouse import places
from lakehouse.contracts import registry
from lakehouse.places import Home
from lakehouse.settings import child_environment

PER_SECOND, SECONDS, REQUESTS_A_SECOND = 500, 180, 10
_CONTRACT = "exam.events"
_SETTLED_S = 60.0


def seen_in_clean(home: Path, contract_id: str = _CONTRACT, key: str = "event_id") -> dict[str, float]:
    """What `key` says of each row → when the commit that brought it was made, in seconds since 1970."""
    contract = registry().get(contract_id)
    table = Home(home).lake / places.clean_table(contract.domain, contract.table)
    seen: dict[str, float] = {}
    for commit in sorted((table / "_delta_log").glob("*.json")):
        actions = [json.loads(line) for line in commit.read_text().splitlines()]
        made_ms = next((a["commitInfo"]["timestamp"] for a in actions if "commitInfo" in a), 0)
        for added in (a["add"]["path"] for a in actions if "add" in a and a["add"]["dataChange"]):
            ids = pq.read_table(table / added, columns=[key], partitioning=None)[key].to_pylist()
            seen |= dict.fromkeys(ids, made_ms / 1000)
    return seen


VIEWS: dict[str, Callable[[Path], dict[str, float]]] = {"clean": seen_in_clean}


def rows(seconds: float = SECONDS) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="freshness") as folder:
        home = Path(folder) / "home"
        with _collector(home) as address, _ingesting(home) as ingest:
            accepted, rss = _sent(address, ingest, seconds)
            _wait_until_seen(home, len(accepted))
            views = {name: view(home) for name, view in VIEWS.items()}
    made = []
    for name, seen in views.items():
        lost = accepted.keys() - seen.keys()
        if lost:
            raise AssertionError(f"{len(lost):,} of {len(accepted):,} accepted events never came to {name}")
        ages = [(at, seen[event_id] - at) for event_id, at in accepted.items()]
        made += _told(name, ages, seconds)
    made.append(
        Row("RSS of ingest: all events over a tenth of them", rss[1] / rss[0], 1.2, at_most=True, note=f"{rss[0]:.0f} and {rss[1]:.0f} MB")
    )
    return made


def _told(name: str, ages: list[tuple[float, float]], seconds: float) -> Iterator[Row]:
    note = f"{len(ages):,} events, {PER_SECOND}/s for {seconds:.0f} s; none lost"
    began = min(at for at, _ in ages)
    p50, p99 = quantile([age for _, age in ages], 50), quantile([age for _, age in ages], 99)
    yield Row(f"accepted to readable in {name}, p50", p50, unit="s", note=note)
    yield Row(f"accepted to readable in {name}, p99", p99, 5.0, unit="s", at_most=True)
    thirds = [[age for at, age in ages if third * seconds / 3 <= at - began < (third + 1) * seconds / 3] for third in range(3)]
    said = ", ".join(f"{quantile(third, 50):.2f}" for third in thirds)
    yield Row(
        f"{name}, p50 of the last third over the first",
        quantile(thirds[2], 50) / quantile(thirds[0], 50),
        note=f"p50 of the thirds: {said} s",
    )


def quantile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1]


def _sent(address: str, ingest: subprocess.Popen, seconds: float) -> tuple[dict[str, float], list[float]]:
    """event_id → when it was accepted; and the memory of ingest in MB, after a tenth of the time and at its end."""
    import httpx
    import psutil

    accepted, memory, rss = {}, psutil.Process(ingest.pid).memory_info, []
    began, step = time.time(), 1 / REQUESTS_A_SECOND
    with httpx.Client(base_url=address, headers={"Host": "univprepai.com"}, timeout=30) as client:
        for number in range(int(seconds * REQUESTS_A_SECOND)):
            time.sleep(max(0.0, began + number * step - time.time()))
            events = [_event(number) for _ in range(PER_SECOND // REQUESTS_A_SECOND)]
            client.post("/v1/events", json=events).raise_for_status()
            accepted |= dict.fromkeys((e["event_id"] for e in events), time.time())
            if number == int(seconds * REQUESTS_A_SECOND / 10):
                rss.append(memory().rss / 1e6)
    return accepted, [*rss, memory().rss / 1e6]


def _event(number: int) -> dict:
    payload = {"event_type": "response_given", "occurred_at": datetime.now(UTC).isoformat(), "user_id": f"student-{number % 5_000}"}
    payload |= {"attempt_id": f"attempt-{number}", "exam_id": "exam-1", "item_id": "item-1", "response_index": 1 + number % 50}
    payload |= {"is_correct": number % 3 > 0, "response_time_ms": 1_200}
    return {"event_id": str(uuid.uuid4()), "contract": _CONTRACT, "org_id": 7, "payload": payload}


def _wait_until_seen(home: Path, events: int) -> None:
    until = time.monotonic() + _SETTLED_S
    while time.monotonic() < until and len(seen_in_clean(home)) < events:
        time.sleep(1.0)


@contextmanager
def _collector(home: Path) -> Iterator[str]:
    with running(home, "collect", "--port", "0", stdout=subprocess.PIPE) as process:
        yield json.loads(process.stdout.readline())["address"]


@contextmanager
def _ingesting(home: Path) -> Iterator[subprocess.Popen]:
    """Warm: it has refined something before the first event is measured."""
    from bench.collector import bodies
    from lakehouse.door import Admitted, Door
    from lakehouse.envelope import pack
    from lakehouse.storage.local import LocalBus

    door, bus = Door(registry(), "bench"), LocalBus(Home(home).bus)
    lines = [door.admit(body, "univprep", datetime.now(UTC)) for body in bodies(1)]
    bus.publish(_CONTRACT, pack([line.line for line in lines if isinstance(line, Admitted)]))
    bus.close()
    with running(home, "ingest", "--layer", "stream") as process:
        until = time.monotonic() + _SETTLED_S
        while not seen_in_clean(home) and time.monotonic() < until:
            time.sleep(0.2)
        yield process


@contextmanager
def running(home: Path, *words: str, stdout=subprocess.DEVNULL, **env: str) -> Iterator[subprocess.Popen]:
    environment = child_environment(LAKEHOUSE_HOME=str(home), **env)
    process = subprocess.Popen([LAKEHOUSE, *words], stdout=stdout, stderr=subprocess.DEVNULL, env=environment, text=True)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


if __name__ == "__main__":
    for row in rows(float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS):
        target = "" if row.target is None else f"  (at most {row.target:g}: {'met' if row.is_met else 'MISSED'})"
        print(f"{row.name:58} {row.value:8.2f} {row.unit}{target}  {row.note}")
