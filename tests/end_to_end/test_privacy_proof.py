"""The proof of forgetting, played whole: `make privacy-proof`, smaller."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lakehouse.settings import child_environment

LAKEHOUSE = str(Path(sys.executable).with_name("lakehouse"))


@pytest.mark.long
def test_nobody_is_left_and_nobody_else_is_missing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    done = subprocess.run(
        [LAKEHOUSE, "privacy-proof", "--scale", "0.05", "--people", "2", "--seed", "5"],
        env=child_environment(LAKEHOUSE_HOME=str(home)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=1_800,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4_000:]
    told = json.loads((home / "logs" / "demo" / "proof.json").read_text())
    assert all(place["erased_after"] == place["hits"] == 0 for place in told["places"])
    assert (
        sum(place["erased_before"] for place in told["places"]) > 100 and sum(place["read_bytes"] for place in told["places"]) > 10_000_000
    )
    assert len(told["tried"]) == 12 and max(told["closed_s"]) < 60
