"""How the demo tells of a stage that fails, and of a figure that differs."""

import io
import json
import sys
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console

from lakehouse.errors import CommandFailedError
from simulator.demo.airflow import command_output
from simulator.demo.closing import summarise
from simulator.demo.counts import Counts
from simulator.demo.processes import Background, Day, run

SENT = {"duplicates": 3, "duplicates_past_the_door": 1, "dead_letters": {"wrong_type": 2}, "unknown_fields": {"ab_variant": 5}}
EQUAL = {"rows": 9, "tenants_differing": 0, "tables": {}}


@pytest.fixture
def day(tmp_path: Path) -> Day:
    day = Day(tmp_path, Console(file=io.StringIO(), width=200), as_of="2025-11-23")
    day.logs.mkdir(parents=True)
    return day


def screen(day: Day) -> str:
    return day.console.file.getvalue()


def test_a_failing_command_shows_its_last_lines_and_where_its_log_lies(day: Day) -> None:
    with pytest.raises(CommandFailedError) as failed:
        run(day, "compare")  # there is no truth in an empty home
    assert "exit code 11" in str(failed.value)
    assert "holds no truth" in screen(day) and str(day.logs / "compare.log") in screen(day)
    assert day.seconds == {}, "a stage that failed has no place among the timings"


def test_a_foreseen_failure_is_left_to_the_caller(day: Day) -> None:
    run(day, "compare", may_fail=11)
    assert list(day.seconds) == ["compare"]


def test_a_server_that_ends_before_it_is_ready_says_why(day: Day) -> None:
    with (
        Background(day, "server", sys.executable, "-c", "import sys; print('no room'); sys.exit(13)") as server,
        pytest.raises(CommandFailedError) as failed,
    ):
        server.wait_until_ready(limit_s=60)
    assert "exit code 13" in str(failed.value) and "no room" in screen(day)


def test_a_server_is_asked_to_end_with_the_block(day: Day) -> None:
    program = "import signal, sys, time, pathlib; signal.signal(15, lambda *_: sys.exit(0)); pathlib.Path(sys.argv[2]).write_text('{}'); time.sleep(60)"
    with Background(day, "server", sys.executable, "-c", program) as server:
        assert server.wait_until_ready(limit_s=60) == {}
    with pytest.raises(CommandFailedError, match="exit code 0"):
        server.require_alive()


def test_a_tasks_log_gives_the_commands_lines_and_the_reason(tmp_path: Path) -> None:
    hook = {"logger": "airflow.task.hooks.SubprocessHook"}
    lines = [
        {"event": "Filling up the DagBag", "logger": "dagbag"},
        {"event": "Running command: ['lakehouse']", **hook},
        {"event": "the gate is closed", **hook},
        {"event": "Task failed", "error_detail": [{"exc_type": "AirflowFailException", "exc_value": "exit code 20"}]},
    ]
    log = tmp_path / "attempt=1.log"
    log.write_text("\n".join(map(json.dumps, lines)))
    assert command_output(log) == ["the gate is closed", "AirflowFailException: exit code 20"]
    assert "never started" in command_output(tmp_path / "absent.log")[0]


@pytest.mark.parametrize(
    ("dropped", "letters", "drift", "mart_equal", "differing"),
    [
        (4, {"wrong_type": 2}, {"ab_variant": 5}, True, []),
        (3, {"wrong_type": 2}, {"ab_variant": 5}, True, ["duplicates dropped"]),
        (4, {"wrong_type": 1, "bad_format": 1}, {"ab_variant": 5}, True, ["dead letters: bad_format", "dead letters: wrong_type"]),
        (4, {"wrong_type": 2}, {}, True, ["drift: ab_variant"]),
        (4, {"wrong_type": 2}, {"ab_variant": 5}, False, ["mart.dau"]),
    ],
)
def test_every_figure_that_differs_is_named(dropped: int, letters: dict, drift: dict, mart_equal: bool, differing: list[str]) -> None:
    counted = Counts(Counter(duplicates=dropped), Counter(drift), Counter(letters), {})
    compared = [{"measure": "mart.dau", "keys": 1, "truth": 1, "mart": 1, "equal": mart_equal}]
    summary = summarise("2025-11-23", SENT, EQUAL, counted, compared, {}, 1.0)
    assert sorted(summary.differing) == differing
