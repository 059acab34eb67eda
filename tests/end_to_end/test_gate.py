"""A failing gate stops what follows: a real Airflow run over a lake in which one row breaks its contract."""

import json
import sys
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from lakehouse import places
from lakehouse.business_day import business_day
from lakehouse.contracts import registry
from lakehouse.errors import CommandFailedError
from lakehouse.places import Home
from lakehouse.settings import Settings
from lakehouse.storage.open import open_tables
from simulator.demo.airflow import Airflow, command_output
from simulator.demo.processes import PROJECT, Background, Day

DAILY, SERVING = "daily_exam_processing", "feature_serving"


def spoil_one_row(home: Path) -> None:
    """Append an attempt's event whose ability estimate no contract allows, as a bug in refine might."""
    contract = registry().get("exam.events")
    table = places.clean_table(contract.domain, contract.table)
    tables = open_tables(Settings(home=home))
    row = next(rows for file in tables.files(table) if (rows := _finished(pq.ParquetFile(file).read())).num_rows).slice(0, 1)
    row = row.set_column(row.schema.get_field_index("theta"), "theta", pa.array([99.0], row.schema.field("theta").type))
    row = row.append_column("dt", pa.array([business_day(row["occurred_at"][0].as_py())]))  # a partition's files do not repeat it
    tables.append(table, row.cast(tables.schema(table)), "spoiled-by-the-test", {"rows": 1, "valid": 1})


def _finished(rows: pa.Table) -> pa.Table:
    return rows.filter(pc.is_valid(rows["theta"]))


@pytest.fixture(scope="module")
def closed_gate(played_day) -> dict:
    """What Airflow shows after a run over the spoiled lake: {tasks by id, serving runs before and after}."""
    assert played_day.exit_code == 0, played_day.screen
    marts_before = marts(played_day.home)
    spoil_one_row(played_day.home)
    day = Day(played_day.home, Console(file=(played_day.home / "gate.txt").open("w")), as_of=played_day.summary["as_of"])
    with Background(day, "airflow", sys.executable, str(PROJECT / "deploy" / "airflow" / "local.py")) as server:
        airflow = Airflow(day, server, server.wait_until_ready(limit_s=300))
        serving_before = len(airflow.runs(SERVING))
        run_id = airflow.trigger(DAILY)
        with pytest.raises(CommandFailedError):
            airflow.follow(DAILY, run_id)
        tasks = {task["task_id"]: task for task in airflow.tasks(DAILY, run_id)}
        return {
            "tasks": tasks,
            "serving": (serving_before, len(airflow.runs(SERVING))),
            "marts": (marts_before, marts(played_day.home)),
            "log": "\n".join(command_output(airflow.log_of(tasks["check_clean"]))),
        }


def marts(home: Path) -> str:
    """Every row of the marts, as one text."""
    with duckdb.connect(str(Home(home).warehouse), read_only=True) as warehouse:
        names = [c.table for c in registry().layer("curated") if c.table.startswith("mart_")]
        return json.dumps([warehouse.execute(f"select * from curated.{n} order by all").fetchall() for n in names], default=str)


def test_the_gate_fails_once_and_is_not_tried_again(closed_gate: dict) -> None:
    gate = closed_gate["tasks"]["check_clean"]
    assert (gate["state"], gate["try_number"], gate["max_tries"]) == ("failed", 1, 2)
    assert "exit code 20" in closed_gate["log"] and "theta" in closed_gate["log"]


def test_nothing_after_the_gate_runs(closed_gate: dict) -> None:
    states = {task_id: task["state"] for task_id, task in closed_gate["tasks"].items()}
    assert states["land"] == states["refine"] == "success"
    assert states["model"] == states["check_curated"] == "upstream_failed"


def test_the_marts_keep_their_answer_and_serving_does_not_start(closed_gate: dict) -> None:
    before, after = closed_gate["marts"]
    assert before == after and len(before) > 1000
    before, after = closed_gate["serving"]
    assert before == after == 1
