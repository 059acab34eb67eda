"""dags/ says when, and what after what; nothing else. Read as Airflow reads it, with the network shut."""

import ast
import shlex
import sys
from pathlib import Path

import pytest
import typer

from lakehouse.alerting.slos import slo_of, slos
from lakehouse.cli import app
from lakehouse.errors import SettingsError

HELPERS = {"lakehouse_verbs", "lakehouse_command"}
FILES = sorted((Path(__file__).resolve().parents[2] / "dags").glob("*.py"))


def tasks(dags: dict) -> list[tuple[str, dict]]:
    return [(f"{dag_id}.{task_id}", task) for dag_id, dag in dags.items() for task_id, task in dag["tasks"].items()]


def test_every_file_is_read_without_an_error_and_without_the_network(seen: dict) -> None:
    assert seen["import_errors"] == {}
    assert set(seen["dags"]) == {file.stem for file in FILES} - HELPERS, "one DAG a file, named after it"


def test_a_dag_that_asks_for_the_network_while_it_is_read_would_be_found(read_dags, tmp_path: Path) -> None:
    folder = tmp_path / "dags"
    folder.mkdir()
    (folder / "curious.py").write_text("# airflow dag\nimport urllib.request\nurllib.request.urlopen('http://127.0.0.1:9')\n")
    errors = read_dags(folder, tmp_path / "airflow")["import_errors"]
    assert "asked for the network" in str(errors)


def test_the_day_runs_in_this_order(dags: dict) -> None:
    order = {task_id: task["downstream"] for task_id, task in dags["daily_exam_processing"]["tasks"].items()}
    assert order == {
        "land": ["refine"],
        "refine": ["check_clean"],
        "check_clean": ["model"],
        "model": ["calibrate"],
        "calibrate": ["model_calibrated"],
        "model_calibrated": ["check_curated"],
        "check_curated": [],
    }


def test_the_day_starts_at_three_in_seoul_and_never_makes_up_for_a_missed_hour(dags: dict) -> None:
    day = dags["daily_exam_processing"]
    assert (day["cron"], day["timezone"]) == ("0 3 * * *", "Asia/Seoul")
    assert day["makes_up_for_s"] == 0 and day["catchup"] is False


def test_serving_starts_from_the_checked_curated_zone_and_not_by_the_clock(dags: dict) -> None:
    assert dags["feature_serving"]["starts_by"] == ["curated"]
    assert dags["feature_serving"]["cron"] is None
    publishers = [name for name, task in tasks(dags) if "curated" in task["outlets"]]
    assert publishers == ["daily_exam_processing.check_curated"], "only the gate publishes a zone"


def test_only_a_gate_publishes_a_zone_that_others_read(dags: dict) -> None:
    outlets = {name: task["outlets"] for name, task in tasks(dags) if task["outlets"]}
    assert outlets == {
        "daily_exam_processing.land": ["raw"],
        "daily_exam_processing.check_clean": ["clean"],
        "daily_exam_processing.check_curated": ["curated"],
        "feature_serving.serve": ["features"],
        "hourly_kzone_aggregation.check_curated": ["curated_kzone"],
        "hourly_kzone_aggregation.land": ["raw"],
    }


def test_housekeeping_runs_by_the_clock_in_seoul(dags: dict) -> None:
    crons = {dag_id: (dag["cron"], dag["timezone"]) for dag_id, dag in dags.items() if "housekeeping" in dag["tags"]}
    assert crons == {
        "hourly_compaction": ("20 * * * *", "Asia/Seoul"),
        "daily_media_check": ("0 6 * * *", "Asia/Seoul"),
        "daily_source_partitions": ("0 2 * * *", "Asia/Seoul"),
        "monthly_warehouse_optimization": ("0 7 1 * *", "Asia/Seoul"),
    }
    paused = [dag_id for dag_id, dag in dags.items() if dag["is_paused_upon_creation"]]
    assert paused == ["daily_source_partitions"], "where nobody served a source it could only fail"


def test_every_task_keeps_the_house_style(dags: dict) -> None:
    for name, task in tasks(dags):
        assert task["retries"] == 2, name
        assert task["backs_off"] and task["retry_delay_s"] >= 30, name
        assert task["owner"] == "data-platform", name
        assert task["doc"] and "--help" in task["doc"], name
    for dag_id, dag in dags.items():
        assert "lakehouse" in dag["tags"] and dag["doc"], dag_id
        assert dag["max_active_runs"] == 1 and dag["catchup"] is False, dag_id


def test_the_hour_builds_and_checks_what_is_k_zones_alone(dags: dict) -> None:
    hour = dags["hourly_kzone_aggregation"]
    assert (hour["cron"], list(hour["tasks"])) == ("40 * * * *", ["land", "refine", "check_clean", "model", "check_curated"])
    assert hour["tasks"]["model"]["command"] == ["model", "--select", "+marts.kzone"]
    words = " ".join(hour["tasks"]["check_clean"]["command"] + hour["tasks"]["check_curated"]["command"])
    assert words.count("--dataset") == 4 and "exam" not in words


def test_no_two_dags_begin_at_the_same_minute(dags: dict) -> None:
    begun = [" ".join(dag["cron"].split()[:2]) for dag in dags.values() if dag["cron"]]
    minutes_of_hourly = {when.split()[0] for when in begun if when.endswith("*")}
    assert len(set(begun)) == len(begun) and not minutes_of_hourly & {when.split()[0] for when in begun if not when.endswith("*")}


def test_every_dag_keeps_a_promise_and_somebody_is_told_when_it_does_not(dags: dict, root_of_dags: Path) -> None:
    promised = slos(root_of_dags / "slos.yaml")
    assert promised.keys() == dags.keys()
    for dag_id, slo in promised.items():
        dag = dags[dag_id]
        assert (dag["due_s"], dag["ends_s"]) == ([slo.due.total_seconds()], slo.ends.total_seconds()), dag_id
        assert dag["told_when_late"] == ["lakehouse.alerting.callbacks.deadline_missed"], dag_id
        assert dag["told_when_stuck"] == ["run_timed_out"] and slo.promise in dag["doc"], dag_id
    assert {task["told_when_failed"][0] for _, task in tasks(dags)} == {"task_failed"}


def test_a_line_of_the_promises_that_is_wrong_is_named(tmp_path: Path) -> None:
    table = tmp_path / "slos.yaml"
    for line in ("{promise: x, due_minutes: 5, severity: warning}", "{promise: x, due_minutes: 9, ends_minutes: 5, severity: warning}"):
        table.write_text(f"some_dag: {line}")
        with pytest.raises(SettingsError, match="some_dag"):
            slos(table)
    table.write_text("other: {promise: x, due_minutes: 5, ends_minutes: 9, severity: warning}")
    with pytest.raises(SettingsError, match="some_dag promises nothing"):
        slo_of("some_dag", table)


def test_every_task_is_a_command_that_the_command_line_accepts(dags: dict) -> None:
    commands = typer.main.get_command(app()).commands
    for name, task in tasks(dags):
        assert task["operator"] == "LakehouseCommand", name
        program, verb, *arguments = shlex.split(task["bash_command"])
        assert Path(program) == Path(sys.executable).with_name("lakehouse") and Path(program).exists(), name
        assert verb in commands, f"{name} runs `lakehouse {verb}`, which does not exist"
        command = commands[verb]
        if arguments and arguments[0] in getattr(command, "commands", {}):
            command, arguments = command.commands[arguments[0]], arguments[1:]
        command.make_context(verb, arguments)  # parses, and runs nothing; raises where an argument is wrong


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_dags_import_airflow_its_lineage_and_lakehouse_only(file: Path) -> None:
    allowed = {"airflow", "lakehouse", "openlineage", *HELPERS} | set(sys.stdlib_module_names)
    for node in ast.walk(ast.parse(file.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) else []
        assert {name.split(".")[0] for name in names} <= allowed
