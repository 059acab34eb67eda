"""One small day, played for real once for all tests of this folder: collector, Airflow, marts, features."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from lakehouse.settings import child_environment

LAKEHOUSE = str(Path(sys.executable).with_name("lakehouse"))


@dataclass(frozen=True)
class PlayedDay:
    """`summary` is what the demo wrote for machines, `screen` what it said to people."""

    home: Path
    exit_code: int
    screen: str

    @property
    def summary(self) -> dict:
        return json.loads((self.home / "logs" / "demo" / "summary.json").read_text())


def lakehouse(home: Path, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [LAKEHOUSE, *arguments],
        env=child_environment(LAKEHOUSE_HOME=str(home)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
        check=False,
    )


@pytest.fixture(scope="session", name="lakehouse")
def _lakehouse():
    return lakehouse


@pytest.fixture(scope="session")
def played_day(tmp_path_factory: pytest.TempPathFactory) -> PlayedDay:
    home = tmp_path_factory.mktemp("demo") / "home"
    done = lakehouse(home, "demo", "--scale", "0.05", "--seed", "11")
    return PlayedDay(home, done.returncode, done.stdout)
