"""One small day through everything, by the same command that `make demo` runs."""

from pathlib import Path

import psutil
import pytest

from lakehouse.contracts import registry
from lakehouse.places import Home


def test_the_day_ends_well_and_every_truth_equals_its_mart(played_day) -> None:
    assert played_day.exit_code == 0, played_day.screen
    truth = played_day.summary["truth"]
    assert [row for row in truth if not row["equal"] or not are_same(row["truth"], row["mart"])] == []
    measures = {row["measure"] for row in truth}
    for of in (
        "mart_exam_performance.",
        "mart_daily_activity.",
        "mart_retention.",
        "mart_funnel.",
        "mart_ai_cost.",
        "fact",
        "clean.",
        "online: ",
    ):
        assert any(measure.startswith(of) for measure in measures), f"nothing of {of} was compared"


def are_same(truth: object, mart: object) -> bool:
    """Key by key they were compared before; the sum of floats shown beside them may still end in another digit."""
    return truth == (pytest.approx(mart, rel=1e-12) if isinstance(mart, float) else mart)


def test_every_record_left_by_exactly_one_door(played_day) -> None:
    summary = played_day.summary
    sent, refined = summary["sent"], summary["refined"]
    assert sent["sent"] == sent["accepted"] + sum(sent["rejected"].values()) > 1000
    floors = summary["tables"]["clean.table_floors"]  # the end of Debezium's snapshot, one a table
    came = (
        floors
        + sent["accepted"]
        + sum(sent["rows_changed"].values())
        + sent["duplicates_past_the_door"]
        + sum(sent["dead_letters"].values())
    )
    assert came == refined["valid"] + refined["duplicates"] + sum(summary["dead_letters"].values())
    assert refined["valid"] == sum(rows for table, rows in summary["tables"].items() if table.startswith("clean."))
    assert min(refined["duplicates"], sum(summary["dead_letters"].values()), sum(sent["rejected"].values())) > 0, (
        "nothing went wrong on this day"
    )


def test_every_stage_was_run_and_timed(played_day) -> None:
    stages = list(played_day.summary["seconds"])
    tasks = ["land", "refine", "check clean", "model", "check curated", "serve"]
    assert [stage for stage in stages if stage in tasks] == tasks
    assert {"simulate", "start of Airflow", "compare"} <= set(stages)
    for name in ("fact_attempts", "mart_daily_activity", "student_skill_vector", "mart_funnel.purchase_visitor_count", "Next to try"):
        assert name in played_day.screen


def test_no_process_outlives_the_demo(played_day) -> None:
    home = str(Home(played_day.home).airflow)
    assert [p for p in psutil.process_iter() if _airflow_home(p) == home] == []


def _airflow_home(process: psutil.Process) -> str | None:
    try:
        return process.environ().get("AIRFLOW_HOME")
    except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
        return None


def test_the_page_that_the_demo_points_to_describes_every_mart(played_day, lakehouse) -> None:
    done = lakehouse(played_day.home, "model", "--docs")
    assert done.returncode == 0, done.stdout
    page = Path(done.stdout.splitlines()[-1]).read_text(encoding="utf-8")
    for contract in registry().layer("curated", "features"):
        assert contract.table in page and contract.description[:40] in page, contract.table
