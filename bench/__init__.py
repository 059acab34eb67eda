"""Speed as ratios to a named yardstick, measured in the same run (`make bench`). Never a time in a test."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from lakehouse.settings import child_environment

LAKEHOUSE = str(Path(sys.executable).parent / "lakehouse")


@dataclass(frozen=True)
class Row:
    """One line of the bench table. `target` is the least (or, where `at_most`, the largest) acceptable value; None: reported only."""

    name: str
    value: float
    target: float | None = None
    unit: str = "ratio"
    at_most: bool = False
    note: str = ""

    @property
    def is_met(self) -> bool:
        if self.target is None:
            return True
        return self.value <= self.target if self.at_most else self.value >= self.target


def run(home: Path, *words: str) -> None:
    """One `lakehouse` command in a process of its own. Raises RuntimeError with what it said last, where it fails."""
    done = subprocess.run([LAKEHOUSE, *words], env=child_environment(LAKEHOUSE_HOME=str(home)), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"lakehouse {words[0]} ended with {done.returncode}: {done.stderr[-2000:]}")
