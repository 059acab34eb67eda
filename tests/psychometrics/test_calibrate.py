"""`lakehouse calibrate`: day by day is at once, a rerun writes nothing, and errors say what to do."""

import fcntl
import json
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from school import BANK, FIRST, ITEMS, SKILLS, answers, fill, kept, theta_of, version

from lakehouse.errors import BadInputError, BusyError
from lakehouse.places import Home
from lakehouse.settings import settings
from psychometrics import truth
from psychometrics.run import run
from tests.commands import lakehouse

TABLES = ("item_calibrations", "ability_estimates")


def everything() -> list[list[tuple]]:
    return [kept(table) for table in TABLES]


def until(rows: pa.Table, days: int) -> pa.Table:
    return rows.filter(pc.less(rows["responded_on"], pa.scalar(FIRST + timedelta(days=days))))


@pytest.fixture
def rows() -> pa.Table:
    """Twelve days; ten of the items are new on the ninth."""
    return pa.concat_tables([answers(8, items=30), until_later(answers(4, seed=2), 8)])


def until_later(rows: pa.Table, days: int) -> pa.Table:
    later = pc.add(rows["responded_on"], pa.scalar(timedelta(days=days))).cast(pa.date32())
    return rows.set_column(rows.column_names.index("responded_on"), "responded_on", later)


def at_once(rows: pa.Table, home: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[tuple]]:
    """What a new lake has of these rows."""
    with monkeypatch.context() as patch:
        patch.setenv("LAKEHOUSE_HOME", str(home))
        settings.cache_clear()
        fill(home, rows)
        run(settings())
        found = everything()
    settings.cache_clear()
    return found


def test_day_by_day_is_at_once_and_so_are_late_answers_and_answers_that_moved(
    home: Path, tmp_path: Path, rows: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    shuffled = rows.take(np.random.default_rng(3).permutation(len(rows)))
    late = shuffled.slice(0, 40)
    for days in (1, 2, 5, 9, 12):
        fill(home, until(shuffled.slice(40), days))
        run(settings())
    fill(home, pa.concat_tables([shuffled.slice(40), late]))
    run(settings())
    whole = at_once(rows, tmp_path / "whole", monkeypatch)
    assert everything() == whole and all(len(table) > 100 for table in whole)

    # All answers of the third day turn out to be of the second: a day without answers has no estimates.
    day = pc.equal(rows["responded_on"], pa.scalar(FIRST + timedelta(days=2)))
    moved = pc.if_else(day, pa.scalar(FIRST + timedelta(days=1)), rows["responded_on"])
    moved_rows = rows.set_column(rows.column_names.index("responded_on"), "responded_on", moved)
    fill(home, moved_rows)
    run(settings())
    assert everything() == at_once(moved_rows, tmp_path / "moved", monkeypatch) != whole


def test_a_rerun_writes_nothing_and_a_new_day_only_itself(home: Path, rows: pa.Table) -> None:
    fill(home, until(rows, 11))
    first = run(settings())
    assert (first.days, first.kept_days) == (11, 0) and first.calibrations == len({row[-1] for row in kept("item_calibrations")})
    before = [version(table) for table in TABLES]
    again = run(settings())
    assert (again.days, again.kept_days, again.calibrations) == (0, 11, 0)
    assert [version(table) for table in TABLES] == before
    fill(home, rows)
    assert (run(settings()).days, version("ability_estimates")) == (1, before[1] + 1)


def test_a_run_that_was_interrupted_goes_on_where_it_ended(
    home: Path, tmp_path: Path, rows: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(number: int, *_: object) -> None:
        if number == 4:
            raise KeyboardInterrupt

    fill(home, rows)
    with pytest.raises(KeyboardInterrupt):
        run(settings(), progress=stop)
    assert (run(settings()).kept_days, everything()) == (4, at_once(rows, tmp_path / "whole", monkeypatch))


def test_every_day_anew_is_the_same(home: Path, rows: pa.Table) -> None:
    fill(home, until(rows, 4))
    run(settings())
    before = everything()
    assert run(settings(), anew=True).days == 4 and everything() == before


def test_who_answered_has_an_estimate_a_skill_and_one_overall(home: Path, rows: pa.Table) -> None:
    fill(home, until(rows, 3))
    run(settings())
    day = FIRST + timedelta(days=2)
    came = {row["user_pid"] for row in until(rows, 3).to_pylist() if row["responded_on"] == day}
    given = [row for row in until(rows, 3).to_pylist() if row["user_pid"] in came]
    wanted = {(r["user_pid"], r["skill"]) for r in given if r["skill"]} | {(user, "overall") for user in came}
    found = {row[:2]: row for row in kept("ability_estimates") if row[-1] == day}
    assert found.keys() == wanted
    counted = sum(r["user_pid"] == min(came) for r in given)
    assert found[min(came), "overall"][4] == counted, "answers that name no skill count overall"


def test_before_the_first_model_it_says_what_to_run(home: Path) -> None:
    with pytest.raises(BadInputError, match="no warehouse") as error:
        run(settings())
    assert "lakehouse model" in error.value.hint


def test_nothing_answered_yet_is_no_error(home: Path, rows: pa.Table) -> None:
    fill(home, rows.slice(0, 0))
    assert run(settings()).days == 0 and everything() == [[], []]
    with pytest.raises(BadInputError, match="does not say what is true"):
        truth.compare(settings())


def test_two_do_not_run_at_once(home: Path, rows: pa.Table) -> None:
    fill(home, rows)
    Home(home).locks.mkdir()
    with open(Home(home).locks / "calibrate.lock", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(BusyError, match="another"):
            run(settings())
    assert everything() == [[], []]


def test_the_command_holds_the_estimates_against_the_truth(home: Path) -> None:
    fill(home, answers(40, each_day=20))
    items = {"item_id": [f"item-{n:02d}" for n in range(ITEMS)], "discrimination": BANK.a, "difficulty": BANK.b, "guessing": BANK.c}
    students = [(f"at-{user:02d}", name, theta_of(user, skill)) for user in range(30) for skill, name in enumerate(SKILLS)]
    Home(home).truth.mkdir()
    pq.write_table(pa.table(items), Home(home).truth / "items.parquet")
    pq.write_table(pa.table(dict(zip(("attempt_id", "skill", "ability"), zip(*students)))), Home(home).truth / "abilities.parquet")
    ended = lakehouse("calibrate", "--against-truth", "--json")
    assert ended.returncode == 0, ended.stderr
    said = {row["name"]: row for row in json.loads(ended.stdout)["against_truth"]}
    assert said["difficulty, all items"]["correlation"] > 0.8
    thetas = said["theta of a student and skill"]
    assert thetas["count"] == 60 and thetas["correlation"] > 0.85 and thetas["within"] > 0.8
    assert {row[9] is not None for row in kept("item_calibrations")} == {False, True}, "only calibrations a month apart are compared"
    assert "drift by it" in lakehouse("calibrate").stdout
