"""Facts do not depend on when, in what order or in how many pieces their events came, nor on builds killed on the way.

a lake ─┬▶ one quiet build ─────────────────────────────────────────────────────────────────▶ exported ┐
        ├▶ even days and half the others, build ─▶ the rest of the odd days, build ─────────▶ exported ┤
        ├▶ half, build ─▶ odd days, build ─▶ even days, build ──────────────────────────────▶ exported ┤
        └▶ most, kill -9, build ─▶ late, kill -9, kill -9, a part of a build, build ─────────▶ exported ┴▶ equal

And the first of them with a mistake made on purpose, which must show in every fact. That refine leaves the same clean rows
whatever is repeated, shuffled, delayed or split is tests/beam/test_exactly_once.py's.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

import pytest
from clean_rows import Row, ask, exam, exported, write
from lakes import PARSE, NewLake
from late import ASKED, LATE, ON_TIME
from small_town import town

from lakehouse.contracts import registry
from lakehouse.model.build import build
from lakehouse.settings import child_environment, settings

pytestmark = pytest.mark.slow(110)

# A sitting whose start comes late, from before midnight: it was filed under the day after.
_PARTED = [
    exam("response_given", "2025-11-10 00:20", event_id="parted-answer", attempt_id="parted"),
    exam("attempt_started", "2025-11-12 09:00", event_id="parted-other", attempt_id="parted-other"),
]
_PARTED_LATE = [exam("attempt_started", "2025-11-09 23:50", event_id="parted-start", attempt_id="parted")]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return [*town(seed=1), *_PARTED, *_PARTED_LATE, *ON_TIME, *LATE]


@pytest.fixture(scope="module")
def at_once(rows: list[Row], new_lake: NewLake) -> dict[str, bytes]:
    """What one quiet build makes of everything."""
    return _built_at_once(rows, new_lake)


def _built_at_once(rows: list[Row], new_lake: NewLake) -> dict[str, bytes]:
    with new_lake() as home:
        return _built_piecewise(home, [rows], is_tested=False)


# The later pieces touch every other day only: sittings whose other half is on an untouched day, first days that move to
# before or from untouched days, old changes of source rows that come after newer ones.


@pytest.fixture(scope="module")
def half_built(rows: list[Row], new_lake: NewLake, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of a home where most is built, and the odd days' rest has not come, nor what comes late."""
    half, _, even_days = _pieces(rows)
    with new_lake() as home:
        _built_piecewise(home, [half + even_days], is_tested=False)
        return shutil.copytree(home, tmp_path_factory.mktemp("half_built"), dirs_exist_ok=True)


@dataclass(frozen=True)
class Completed:
    """Every table, and the answers to late.py's questions."""

    tables: dict[str, bytes]
    answers: dict[str, list[tuple]]


@pytest.fixture(scope="module")
def in_pieces(half_built: Path, rows: list[Row], new_lake: NewLake) -> Completed:
    with new_lake() as home:
        target = home / "warehouse" / "dbt" / "target"
        parsed_at = (target / PARSE).stat().st_mtime_ns
        tables = _completed(half_built, home, rows)
        assert (target / PARSE).stat().st_mtime_ns == parsed_at, "another build must not make dbt parse the whole project again"
        sittings = next((target / "compiled").rglob("int_sittings.sql")).read_text()
        assert "date '2025-11-09'" in sittings, "the build must replace the days of its plan"
        return Completed(tables, {what: ask(home, sql) for what, sql, _ in ASKED})


def test_two_pieces_in_any_order_give_what_one_build_gives(at_once: dict[str, bytes], in_pieces: Completed) -> None:
    assert in_pieces.tables.keys() == at_once.keys()
    assert [name for name in at_once if in_pieces.tables[name] != at_once[name]] == []
    assert all(at_once[f"curated.{name}"].count(b"\n") > 5 for name in (*_BY_DAY, "dim_user", "dim_user_history"))


@pytest.mark.parametrize(("what", "_", "expected"), ASKED, ids=[what for what, *_ in ASKED])
def test_late(in_pieces: Completed, what: str, _: str, expected: list[tuple]) -> None:
    assert in_pieces.answers[what] == expected


def test_models_that_depend_on_the_order_are_found_out(
    at_once: dict[str, bytes], half_built: Path, home: Path, rows: list[Row], root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The usual mistake, in all models at once: only the newest of the days with new rows is built, as by a high-water mark."""
    project = tmp_path / "dbt_project"
    shutil.copytree(root / "dbt_project", project, ignore=shutil.ignore_patterns("target", "logs"))
    clocks = project / "macros" / "clocks.sql"
    right, wrong = "{{ return(found | unique | sort) }}", "{{ return((found | unique | sort | list)[-1:]) }}"
    assert right in clocks.read_text(), "the line that the mistake is made in is gone: make it where days are chosen now"
    clocks.write_text(clocks.read_text().replace(right, wrong))
    monkeypatch.setenv("LAKEHOUSE_DBT_PROJECT", str(project))
    (home / "warehouse" / "dbt" / "target" / PARSE).unlink()  # of the right project
    settings.cache_clear()
    mistaken = _completed(half_built, home, rows)
    assert [name for name in _BY_DAY if mistaken[f"curated.{name}"] == at_once[f"curated.{name}"]] == []


_BY_DAY = [c.table for c in registry().layer("curated") if c.table.startswith(("fact_", "mart_"))]
"""Every fact and every mart. Dimensions are replaced by key."""


def _completed(half_built: Path, home: Path, rows: list[Row]) -> dict[str, bytes]:
    shutil.copytree(half_built, home, dirs_exist_ok=True, ignore=shutil.ignore_patterns(PARSE))
    _, odd_days, _ = _pieces(rows)
    return _built_piecewise(home, [odd_days], is_tested=False)  # which would stop some mistakes


@pytest.mark.long  # three builds
def test_three_pieces_in_any_order_give_what_one_build_gives(at_once: dict[str, bytes], home: Path, rows: list[Row]) -> None:
    in_pieces = _built_piecewise(home, _pieces(rows))
    assert [name for name in at_once if in_pieces[name] != at_once[name]] == []


def _pieces(rows: list[Row]) -> list[list[Row]]:
    """Half of the rows, what is left of odd days and what comes late, what is left of even days."""
    placed = [*ON_TIME, *LATE]
    shuffled = [row for row in random.Random(2).sample(rows, len(rows)) if row not in placed]
    half, rest = shuffled[::2], shuffled[1::2]
    odd, even = ([row for row in rest if row.values["dt"].day % 2 == is_odd] for is_odd in (True, False))
    return [half + ON_TIME, odd + LATE, even]


def _built_piecewise(home: Path, pieces: list[list[Row]], is_tested: bool = True) -> dict[str, bytes]:
    for piece in pieces:
        write(piece, uuid.uuid4().hex)  # a batch that is there already would be taken for the same one
        build(settings(), is_tested=is_tested)
    return exported(home)


@pytest.mark.long  # six builds
def test_killed_builds_are_made_up_for(at_once: dict[str, bytes], home: Path, rows: list[Row]) -> None:
    found = _killed(home, rows, [[0.8], [0.2, 1.2]], seed=5)
    assert [name for name in at_once if found[name] != at_once[name]] == []


@pytest.mark.long
@pytest.mark.parametrize("seed", range(6, 10))
def test_many_killed_builds_are_made_up_for(home: Path, new_lake: NewLake, seed: int) -> None:
    chance = random.Random(seed)
    moments = [[chance.uniform(0, 3) for _ in range(3)], [chance.uniform(0, 3) for _ in range(5)]]
    rows = [*town(seed), *_PARTED, *_PARTED_LATE]
    found = _killed(home, rows, moments, seed)
    quiet = _built_at_once(rows, new_lake)
    assert [name for name in quiet if found[name] != quiet[name]] == []


def _killed(home: Path, rows: list[Row], moments: list[list[float]], seed: int) -> dict[str, bytes]:
    """What is there at last, after builds killed at these moments, and one that only did the worst part."""
    shuffled = random.Random(seed).sample(rows, len(rows))
    late = [row for row in shuffled[::3] if row.values["dt"].day % 3 == 0]  # touches some days only, so that others must stay
    late = [row for row in late if row not in _PARTED] + [row for row in _PARTED_LATE if row not in late]
    held_back = {id(row) for row in late}
    landed = []
    for number, piece in enumerate([[row for row in shuffled if id(row) not in held_back], late]):
        write(piece, f"piece-{number}")
        landed += [_kill_in_the_middle(home, seconds) for seconds in moments[number]]
        if number:
            # A killed build at its worst: the table that says where sittings were is new, the facts are not.
            build(settings(), select=("stg_exam_events", "int_sittings"))
        build(settings())
    assert sum(landed) >= len(landed) / 2, "most kills must hit a build at work"
    return exported(home)


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
