"""Every way in which a forgotten person could come back, each tried for real.

late events ─ replay ─ rebuild ─ re-drive of dead letters ─ backfill ─ snapshot of the source ─ backups of the vault, clean, the warehouse
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from lakehouse.errors import IntegrityGapError
from simulator.demo.processes import Day, run
from simulator.proof.traffic import Traffic

BACKED_UP = ("vault", "lake/auth/clean", "lake/exams/raw", "warehouse")
_MAPPING = """\
name: past
zone_id: univprep
org_id: 11
time_zone: Asia/Seoul
outputs:
  - contract: exam.events
    event_type: attempt_finished
    id: [sitting]
    fields:
      user_id: {copy: student}
      attempt_id: {template: "past-{sitting}"}
      exam_id: {constant: ex-past}
      occurred_at: {timestamp: taken, format: "%d.%m.%Y"}
      started_at: {timestamp: taken, format: "%d.%m.%Y"}
      score: {number: points}
      time_spent_ms: {constant: 0}
"""


def backups(day: Day) -> Path:
    """Copies of what holds people, from before anybody is forgotten; outside the home, as backups are."""
    folder = day.home.parent / f"{day.home.name}-backups"
    shutil.rmtree(folder, ignore_errors=True)
    for name in BACKED_UP:
        shutil.copytree(day.home / name, folder / name)
    return folder


def while_it_runs(day: Day, traffic: Traffic, erased: Sequence[str]) -> Iterator[tuple[str, Callable[[], None]]]:
    """What is tried beside running servers, and the trying itself."""
    yield "late events", lambda: traffic.send(erased)
    yield "replay of raw", lambda: _run(day, "replay", "--from", "2020-01-01")
    yield "clean rebuilt from raw", lambda: _run(day, "replay", "--from", "2020-01-01", "--into", "proof")
    yield "dead letters driven again", lambda: _run(day, "replay", "--errors")
    yield "backfill of the past", lambda: _backfill(day, erased)
    yield "snapshot of the source", lambda: _run(day, "cdc", "resnapshot", "--reason", "the proof of forgetting")


def from_backups(day: Day, kept: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """What is put back once they have ended: nobody restores under a running server."""
    for name in BACKED_UP:
        yield f"backup of {name}", lambda name=name: _restore(day, kept, name)


def _run(day: Day, *words: str) -> None:
    run(
        day,
        *words,
        stage=" ".join(word for word in words[:2] if "/" not in word),
        may_fail=IntegrityGapError.exit_code if words[0] == "cdc" else 0,
    )


def _backfill(day: Day, erased: Sequence[str]) -> None:
    folder = day.home.parent / f"{day.home.name}-backups"
    rows = "".join(f"{n},{user},02.03.2025,60\n" for n, user in enumerate(erased))
    (folder / "past.csv").write_text("sitting,student,taken,points\n" + rows, encoding="utf-8")
    (folder / "past.yaml").write_text(_MAPPING, encoding="utf-8")
    _run(day, "backfill", str(folder / "past.csv"), "--mapping", str(folder / "past.yaml"))


def _restore(day: Day, kept: Path, name: str) -> None:
    shutil.rmtree(day.home / name)
    shutil.copytree(kept / name, day.home / name)
