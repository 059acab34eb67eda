"""What a batch process takes at its peak, over 1x and over 10x the events (`python -m bench.memory`).

    50,000 events on the bus, and in another home 500,000 ─▶ lakehouse land ─▶ lakehouse refine          each a process of its own

What is compared is one full batch with ten: 1x is what land takes at once by default. Refine's default, a million rows, would not
be filled by 10x, so that it is set to 1x (LAKEHOUSE_REFINE_BATCH_ROWS). Processes that go on for ever are measured where they run:
bench/collector_steady.py, freshness.py, live.py, cdc.py.
"""

import random
import subprocess
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from bench import LAKEHOUSE, Row
from bench.collector import body
from lakehouse.contracts import registry
from lakehouse.door import Door
from lakehouse.envelope import pack
from lakehouse.places import Home
from lakehouse.settings import child_environment, settings
from lakehouse.storage.local import LocalBus

EVENTS, TIMES, _BODY = settings().land_batch_events, 10, 100
_CONTRACT = "exam.events"


def rows() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="bench-memory-") as folder:
        peaks = [_peaks(Path(folder) / str(times), times * EVENTS) for times in (1, TIMES)]
    return [
        Row(
            f"{verb}: peak RSS over {TIMES * EVENTS:,} events over {EVENTS:,}",
            peaks[1][verb] / peaks[0][verb],
            1.2,
            at_most=True,
            note=f"{peaks[0][verb]:.0f} and {peaks[1][verb]:.0f} MB",
        )
        for verb in peaks[0]
    ]


def _peaks(home: Path, events: int) -> dict[str, float]:
    """verb → MB."""
    _publish(home, events)
    return {verb: _peak(home, verb) for verb in ("land", "refine")}


def _publish(home: Path, events: int) -> None:
    door, bus, now = Door(registry(), "bench"), LocalBus(Home(home).bus), datetime.now(UTC)
    rng = random.Random(events)
    for _ in range(events // _BODY):
        bus.publish(_CONTRACT, pack(door.admit_body(body(_BODY, rng), "univprep", now).lines[_CONTRACT]))
    bus.close()


def _peak(home: Path, verb: str) -> float:
    environment = child_environment(LAKEHOUSE_HOME=str(home), LAKEHOUSE_REFINE_BATCH_ROWS=str(EVENTS))
    process, peak = subprocess.Popen([LAKEHOUSE, verb], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL), 0.0
    while process.poll() is None:
        peak = max(peak, _high_water_mb(process.pid))
        time.sleep(0.02)
    if process.returncode:
        raise RuntimeError(f"lakehouse {verb} ended with {process.returncode}")
    return peak


def _high_water_mb(pid: int) -> float:
    """The kernel's mark of what the program held at most, and 0 once it has ended. Not ru_maxrss: that one is handed on by whoever
    started the program, and a bench before this one may have held more."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return max((int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM")), default=0.0)


if __name__ == "__main__":
    for row in rows():
        print(f"{row.name:58} {row.value:8.2f} {row.unit}  {'' if row.is_met else 'MISSED'}  {row.note}")
