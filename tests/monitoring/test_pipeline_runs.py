"""A row a try of a task, left as a file by the task and brought into the warehouse by the next build."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

from lakehouse import pipeline_runs
from lakehouse.pipeline_runs import PipelineRun
from lakehouse.settings import settings
from lakehouse.storage.open import open_files

BEGAN = datetime(2026, 3, 1, 23, 59, tzinfo=UTC)


def run(began: datetime = BEGAN, **values) -> PipelineRun:
    ended = began + timedelta(seconds=90)
    told = {"run_state": "success", "exit_code": 0, "rows_processed": 5, "try_number": 1, "task_name": "land"} | values
    return PipelineRun(
        "daily", pipeline_run_id="r1", run_on=began.date(), run_started_at=began, run_ended_at=ended, run_duration_ms=90_000, **told
    )


def test_each_try_is_there_once_however_often_it_is_left_or_published(home: Path) -> None:
    files = open_files(settings())
    with duckdb.connect() as warehouse:
        warehouse.execute("set TimeZone = 'UTC'")
        pipeline_runs.publish(warehouse, files, date(2026, 3, 2))
        assert warehouse.execute("select count(*) from monitoring.pipeline_runs").fetchone() == (0,)
        for one in (run(run_state="up_for_retry", exit_code=12, rows_processed=None), run(try_number=2), run(try_number=2)):
            pipeline_runs.leave(files, one)
        for _ in range(2):
            pipeline_runs.publish(warehouse, files, date(2026, 3, 2))
        found = warehouse.execute(
            "select try_number, run_state, exit_code, rows_processed, run_started_at, run_duration_ms from monitoring.pipeline_runs order by 1"
        )
        assert found.fetchall() == [(1, "up_for_retry", 12, None, BEGAN, 90_000), (2, "success", 0, 5, BEGAN, 90_000)]


def test_what_is_left_later_is_found_and_what_was_there_stays(home: Path) -> None:
    files, later = open_files(settings()), BEGAN + timedelta(days=3)
    with duckdb.connect() as warehouse:
        warehouse.execute("set TimeZone = 'UTC'")
        pipeline_runs.leave(files, run(later))
        pipeline_runs.publish(warehouse, files, later.date())
        pipeline_runs.leave(files, run(later - timedelta(days=1), task_name="slow"))  # it began the day before the newest
        pipeline_runs.leave(files, run(later + timedelta(days=2), task_name="model"))
        assert pipeline_runs.publish(warehouse, files, later.date() + timedelta(days=2)) == 3
        assert warehouse.execute("select task_name from monitoring.pipeline_runs order by 1").fetchall() == [
            ("land",),
            ("model",),
            ("slow",),
        ]
