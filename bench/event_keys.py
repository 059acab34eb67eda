"""What finding duplicates costs when the lake is ten times as old (`python -m bench.event_keys`).

a clean table of 5 or 50 batches of 200,000 events ─▶ an index of their ids ─▶ micro-batches of 1,000 events, of which ten
were there before: CPU time and memory of a process of its own, over ten times the history
"""

import json
import subprocess
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from bench import Row
from lakehouse.settings import Settings

YOUNG, OLD, EVENTS_A_DAY = 5, 50, 200_000
_TABLE, _BATCHES, _BATCH, _TWICE = "exams/clean/exam_events", 100, 1_000, 10
_FIRST = date(2026, 1, 5)


def rows() -> list[Row]:
    young, old = (_in_a_process(days) for days in (YOUNG, OLD))
    note = f"{YOUNG * EVENTS_A_DAY:,} and {OLD * EVENTS_A_DAY:,} events"
    each = f"{1e3 * young['cpu_s'] / _BATCHES:.1f} and {1e3 * old['cpu_s'] / _BATCHES:.1f} ms of CPU a batch of {_BATCH:,}, {_TWICE} of them known; {note}"
    return [
        Row("finding duplicates: ten times the history over one", old["cpu_s"] / young["cpu_s"], 2.0, at_most=True, note=each),
        Row(
            "memory of it: ten times the history over one",
            old["rss_mb"] / young["rss_mb"],
            1.25,
            at_most=True,
            note=f"{young['rss_mb']:.0f} and {old['rss_mb']:.0f} MB",
        ),
        Row(
            "making the index anew",
            OLD * EVENTS_A_DAY / old["build_s"] / 1e6,
            unit="M events/s",
            note=f"{old['build_s']:.1f} CPU seconds for {OLD * EVENTS_A_DAY:,}",
        ),
    ]


def _in_a_process(days: int) -> dict:
    with tempfile.TemporaryDirectory(prefix="event_keys") as folder:
        for step in ("fill", "build", "measure"):
            command = [sys.executable, "-m", "bench.event_keys", step, folder, str(days)]
            said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            if step == "build":
                built = json.loads(said.splitlines()[-1])
        return json.loads(said.splitlines()[-1]) | built


def _ids(day: int) -> tuple[list[str], np.ndarray]:
    return [f"event-{day:04d}-{n:08d}" for n in range(EVENTS_A_DAY)], np.random.default_rng(day).integers(0, 2**63 - 1, EVENTS_A_DAY)


def _fill(settings: Settings, days: int) -> None:
    from beam_pipelines.stores import stores

    for day in range(days):
        ids, keys = _ids(day)
        at = datetime.combine(_FIRST, datetime.min.time(), UTC) + timedelta(days=day)
        received = pa.array(np.full(len(keys), int(at.timestamp() * 1e6)), pa.int64()).cast(pa.timestamp("us", "UTC"))
        columns = {"event_id": ids, "event_key": keys, "received_at": received, "dt": pa.array([at.date()] * len(keys), pa.date32())}
        stores(settings).tables.append(_TABLE, pa.table(columns), f"day-{day:04d}", {})


def _build(settings: Settings) -> dict:
    from beam_pipelines.event_keys import event_keys

    began = time.process_time()
    event_keys(settings, _TABLE).known(pa.chunked_array([pa.array([1], pa.int64())]))
    return {"build_s": time.process_time() - began}


def _measure(settings: Settings, days: int) -> dict:
    """Known ones are of yesterday and of today, as copies mostly are."""
    import psutil

    from beam_pipelines.event_keys import event_keys

    index, chance = event_keys(settings, _TABLE), np.random.default_rng(99)
    known = np.concatenate([_ids(day)[1] for day in (days - 2, days - 1)])
    batches = [np.concatenate([chance.integers(0, 2**63 - 1, _BATCH - _TWICE), chance.choice(known, _TWICE)]) for _ in range(_BATCHES + 1)]
    index.known(pa.chunked_array([pa.array(batches.pop())]))
    began = time.process_time()
    for batch in batches:
        found = index.known(pa.chunked_array([pa.array(batch)]))
        if len(found) != len(set(batch[-_TWICE:].tolist())):
            raise AssertionError(f"found {len(found)} of {_TWICE}")
    return {"cpu_s": time.process_time() - began, "rss_mb": psutil.Process().memory_info().rss / 1e6}


if __name__ == "__main__":
    if len(sys.argv) == 4:
        chosen, number = Settings(home=Path(sys.argv[2])), int(sys.argv[3])
        answer = {"fill": lambda: _fill(chosen, number), "build": lambda: _build(chosen), "measure": lambda: _measure(chosen, number)}[
            sys.argv[1]
        ]()
        print(json.dumps(answer))
    else:
        for row in rows():
            print(f"{row.name:55} {row.value:6.2f} {row.unit}  {row.note}")
