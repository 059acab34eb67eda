"""`lakehouse model` as people and Airflow meet it."""

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest
from clean_rows import exam, write

from lakehouse.errors import BusyError
from lakehouse.model.build import build
from lakehouse.places import Home
from lakehouse.settings import child_environment, settings


def test_a_broken_promise_ends_with_21_and_the_name_of_what_broke(home: Path) -> None:
    write([exam("attempt_finished", "2025-11-03 10:00", score=100.5)], "wrong")  # a score is 0 to 100
    done = subprocess.run(
        [sys.executable, "-m", "lakehouse.cli", "model", "--select", "source:clean.exam_events"],  # what is broken, and no more
        env=child_environment(LAKEHOUSE_HOME=str(home)),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 21, done.stderr
    assert "clean_exam_events_keeps_its_contract: score is over 100 (1 rows)" in done.stderr
    assert "next:" in done.stderr
    assert "Traceback" not in done.stderr


def test_two_builds_do_not_run_at_once(home: Path) -> None:
    locks = Home(home).locks
    locks.mkdir()
    with open(locks / "model.lock", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(BusyError, match="another"):
            build(settings())
    assert not Home(home).warehouse.exists()
