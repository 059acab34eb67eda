"""Kill -9 of compact or optimize at any moment: readers see every row once, then and after the next one.

a lake of many small files ─▶ compact, killed ─▶ the same rows ─▶ compact ─▶ the same rows, in fewer files
"""

import shutil
import subprocess
import time
from pathlib import Path
from random import Random

import pytest

from lakehouse import places
from lakehouse.contracts import registry
from lakehouse.places import Home
from lakehouse.settings import child_environment
from lakehouse.storage.delta import DeltaTables
from tests.faults import dying
from tests.faults.test_ingest_under_kill import _ids
from tests.faults.test_land_and_refine_under_kill import CONTRACTS, _publish, outcome
from tests.live.processes import LAKEHOUSE

pytestmark = pytest.mark.slow(60)


COMPACT = ("compact", "--least-files", "2")
OPTIMIZE = ("optimize", "--as-of", "2035-01-01")  # every day is closed, and cold


def _compact(home: Path, command: tuple[str, ...], kill_after_s: float | None = None) -> float:
    """Seconds that it took."""
    began = time.monotonic()
    process = subprocess.Popen([LAKEHOUSE, *command], env=child_environment(LAKEHOUSE_HOME=str(home)), stdout=subprocess.DEVNULL)
    try:
        process.wait(kill_after_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    else:
        assert process.returncode == 0
    return time.monotonic() - began


def _files(home: Path) -> int:
    tables = DeltaTables(str(Home(home).lake), Home(home).locks)
    contracts = map(registry().get, CONTRACTS)
    return sum(len(tables.files(places.clean_table(c.domain, c.table))) for c in contracts)


@pytest.mark.long  # `make faults` runs it; a lake of many small files takes a while to make
@pytest.mark.parametrize("command", [COMPACT, OPTIMIZE], ids=lambda command: command[0])
def test_compact_killed_at_any_moment(tmp_path: Path, fault, rounds: int, command: tuple[str, ...]) -> None:
    base, random = tmp_path / "base", Random(9)
    _publish(base)
    dying.run("ingest", base)
    expected, before = outcome(base), _files(base)
    shutil.copytree(base, tmp_path / "quiet")
    took_s = _compact(tmp_path / "quiet", command)
    assert _files(tmp_path / "quiet") < before
    lost = doubled = 0
    for number in range(rounds):
        home = tmp_path / str(number)
        shutil.copytree(base, home)
        _compact(home, command, random.uniform(0.2, 1.0) * took_s)
        after_kill = outcome(home)
        _compact(home, command)
        assert _files(home) < before
        for found in (after_kill, outcome(home)):
            lost += (_ids(expected) - _ids(found)).total()
            doubled += (_ids(found) - _ids(expected)).total()
            assert found.clean == expected.clean
        shutil.rmtree(home)
    fault(f"kill -9 of {command[0]}", rounds=rounds, sent=rounds * _ids(expected).total(), lost=lost, doubled=doubled)
