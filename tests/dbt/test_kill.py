"""`lakehouse model`, killed in the middle of its work and run again: the same marts, byte for byte.

a lake ─┬▶ one quiet build ─────────────────────────────────────────────────────▶ exported ┐
        └▶ first half ─▶ kill -9, kill -9, build ─▶ rest ─▶ kill -9, kill -9, build ─▶ exported ┴▶ equal
"""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from clean_rows import Row, exam, exported, write
from small_town import town

from lakehouse.model.build import build
from lakehouse.settings import child_environment, settings


def _kill_in_the_middle(home: Path, seconds_in: float) -> bool:
    """Start `lakehouse model`, wait until dbt has read its project, and kill the whole process group some time after.
    False where the build had ended by then."""
    manifest = home / "warehouse" / "dbt" / "target" / "manifest.json"
    manifest.unlink(missing_ok=True)
    command = [sys.executable, "-m", "lakehouse.cli", "model"]
    started = subprocess.Popen(
        command,
        env=child_environment(LAKEHOUSE_HOME=str(home)),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while not manifest.exists() and started.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert manifest.exists(), "dbt never began"
    time.sleep(seconds_in)
    was_running = started.poll() is None
    os.killpg(started.pid, signal.SIGKILL) if was_running else None
    started.wait()
    return was_running


def _quiet(home: Path, pieces: list[list[Row]], monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    monkeypatch.setenv("LAKEHOUSE_HOME", str(home))
    settings.cache_clear()
    for number, piece in enumerate(pieces):
        write(piece, f"piece-{number}")
    build(settings())
    return exported(home)


def _killed_builds_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moments: list[list[float]], seed: int) -> None:
    rows = town(seed)
    shuffled = random.Random(seed).sample(rows, len(rows))
    late = [row for row in shuffled[::3] if row.values["dt"].day % 3 == 0]  # touches some days only, so that others must stay
    held_back = {row.values["event_id"] for row in late}
    pieces = [[row for row in shuffled if row.values["event_id"] not in held_back], late]
    expected = _quiet(tmp_path / "quiet", pieces, monkeypatch)

    home = tmp_path / "killed"
    monkeypatch.setenv("LAKEHOUSE_HOME", str(home))
    settings.cache_clear()
    landed = []
    for number, piece in enumerate(pieces):
        write(piece, f"piece-{number}")
        landed += [_kill_in_the_middle(home, seconds) for seconds in moments[number]]
        build(settings())
    settings.cache_clear()

    found = exported(home)
    assert [name for name in expected if found[name] != expected[name]] == []
    assert sum(landed) >= len(landed) / 2, "most kills must hit a build at work"


def test_a_killed_build_is_made_up_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _killed_builds_change_nothing(tmp_path, monkeypatch, [[0.8], [0.2, 1.2]], seed=5)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(6, 10))
def test_many_killed_builds_are_made_up_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    chance = random.Random(seed)
    moments = [[chance.uniform(0, 3) for _ in range(3)], [chance.uniform(0, 3) for _ in range(5)]]
    _killed_builds_change_nothing(tmp_path, monkeypatch, moments, seed)


def test_a_build_that_did_a_part_is_made_up_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a killed build leaves at its worst: the table that says where sittings were is new, the facts are not."""
    on_time = [
        exam("response_given", "2025-11-10 00:20", event_id="answer-1"),
        exam("attempt_started", "2025-11-12 09:00", attempt_id="other"),
    ]
    late = [exam("attempt_started", "2025-11-09 23:50", event_id="start-01")]
    expected = _quiet(tmp_path / "quiet", [on_time, late], monkeypatch)

    monkeypatch.setenv("LAKEHOUSE_HOME", str(tmp_path / "parted"))
    settings.cache_clear()
    write(on_time, "on-time")
    build(settings())
    write(late, "late")
    build(settings(), select=("stg_exam_events", "int_sittings"))
    build(settings())
    settings.cache_clear()

    found = exported(tmp_path / "parted")
    assert [name for name in expected if found[name] != expected[name]] == []
