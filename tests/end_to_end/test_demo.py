"""One small day through everything, by the same command that `make demo` runs; then a gate that fails on its lake.

    lakehouse demo ─▶ truth = mart, every record by one door ─▶ Airflow again (opening.py): every DAG, a day's tasks once more
    ─▶ one row is spoiled ─▶ nothing after the gate, people are told, and nothing of Airflow for anybody else

One file, so that the day is played once: the workers of a run share files out, not tests.
"""

import hashlib
import json
import os
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from metrics import SHOWN, different
from opening import AT_ONCE, open_airflow, processes_of

from lakehouse import places
from lakehouse.business_day import business_day
from lakehouse.contracts import registry
from lakehouse.places import Home
from lakehouse.privacy.columns import decrypted
from lakehouse.settings import Settings
from lakehouse.storage.open import open_tables, open_vault
from simulator.city import City

pytestmark = [pytest.mark.slow(360), pytest.mark.timeout(1500)]  # a day, and every DAG after it, on a busy machine


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
        "mart_ai_features.",
        "mart_ai_quality.",
        "mart_adaptive_stop.",
        "mart_content_trends.",
        "mart_learning_progress.",
        "mart_kzone_voice.",
        "mart_kzone_motion.",
        "mart_revenue.",
        "mart_campaign.",
        "fact",
        "clean.",
        "online: ",
    ):
        assert any(measure.startswith(of) for measure in measures), f"nothing of {of} was compared"


def test_every_metric_is_the_number_that_its_mart_shows(played_day) -> None:
    found = different(played_day.home)
    assert {metric: wrong for metric, (_, wrong) in found.items() if wrong} == {}
    assert found.keys() == SHOWN.keys() and all(keys for keys, _ in found.values())


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


def test_free_text_can_be_read_by_who_may_and_names_nobody(played_day) -> None:
    vault = open_vault(Settings(home=played_day.home))
    with duckdb.connect(str(Home(played_day.home).warehouse), read_only=True) as warehouse:
        answers, reviews = (
            decrypted(
                [v for (v,) in warehouse.execute(f"select {column} from staging.{model} where {column} is not null").fetchall()],
                column,
                vault,
            )
            for model, column in (("stg_exam_events", "redacted_answer_text"), ("stg_behaviour_events", "redacted_review_text"))
        )
    assert min(len(answers), len(reviews)) > 5
    assert any("[NAME]" in text for text in answers + reviews) and any("." in text and "[" not in text for text in answers + reviews)
    city = City(seed=11, scale=0.05)
    names = {city.identities.full_name(n) for n in range(len(city.people.zone))}
    assert not [text for text in answers + reviews if any(name in text for name in names)]


def test_every_stage_was_run_and_timed(played_day) -> None:
    stages = list(played_day.summary["seconds"])
    tasks = ["land", "refine", "check clean", "model", "calibrate", "model calibrated", "check curated", "serve"]
    assert [stage for stage in stages if stage in tasks] == tasks
    assert {"simulate", "start of Airflow", "compare"} <= set(stages)
    for name in ("fact_attempts", "mart_daily_activity", "student_skill_vector", "mart_funnel.purchase_visitor_count", "Next to try"):
        assert name in played_day.screen


def test_no_process_outlives_the_demo(played_day) -> None:
    assert processes_of(played_day.home) == []


def test_the_page_that_the_demo_points_to_describes_every_mart(played_day, lakehouse) -> None:
    done = lakehouse(played_day.home, "model", "--docs")
    assert done.returncode == 0, done.stdout
    page = Path(done.stdout.splitlines()[-1]).read_text(encoding="utf-8")
    for contract in registry().layer("curated", "features"):
        assert contract.table in page and contract.description[:40] in page, contract.table


def test_every_dashboard_answers_of_the_day(played_day, lakehouse) -> None:
    done = lakehouse(played_day.home, "dashboards", "check")
    assert done.returncode == 0, done.stdout
    assert "of 6 dashboards answer" in done.stdout and "nothing to show" not in done.stdout, done.stdout


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


IS_PAUSED = {"daily_exam_processing": False, "feature_serving": False} | dict.fromkeys(AT_ONCE, True)
"""The demo turns on two, and opening.py turns off what it turned on."""


@pytest.fixture(scope="module")
def closed_gate(played_day) -> dict:
    """What open_airflow() finds over the spoiled lake; `marts`: before and after."""
    assert played_day.exit_code == 0, played_day.screen
    found = open_airflow(played_day.home, played_day.summary["as_of"], lambda home: marts(home) | clean(home), spoil_one_row)
    return found | {"marts": marts(played_day.home)}


def marts(home: Path) -> dict[str, str]:
    """Every table that dbt built → a digest of its rows, in order."""
    with duckdb.connect(str(Home(home).warehouse), read_only=True) as warehouse:
        listed = "select schema_name || '.' || table_name from duckdb_tables() where schema_name in ('intermediate', 'curated', 'features')"
        names = [name for (name,) in warehouse.execute(listed).fetchall()]
        return {name: _digest(str(warehouse.execute(f"select * from {name} order by all").fetchall()).encode()) for name in names}


def clean(home: Path) -> dict[str, str]:
    """Every file of the clean zone → a digest of its bytes."""
    files = [file for folder in Home(home).lake.glob("*/clean") for file in folder.rglob("*") if file.is_file()]
    return {str(file): _digest(file.read_bytes()) for file in files}


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


BUILDS = 4
"""Of the warehouse by then: the day's two, before and after its calibration, the hour's, and the day's first one again."""


def test_every_dag_runs_to_success(closed_gate: dict) -> None:
    assert closed_gate["every_dag"] == dict.fromkeys(IS_PAUSED, "success")


def test_tasks_of_a_past_day_run_again_leave_the_same_bytes(closed_gate: dict) -> None:
    before, after = closed_gate["before"], closed_gate["after"]
    assert sum(name.endswith(".parquet") for name in before) > 20 and sum("." in name and "/" not in name for name in before) > 40
    assert [name for name in before.keys() | after.keys() if before.get(name) != after.get(name)] == []


def test_people_are_told_of_the_closed_gate_and_of_the_missed_deadline(closed_gate: dict) -> None:
    events = {event["dedup_key"]: event for event in closed_gate["told"]["pagerduty"]}
    assert events.keys() == {"lakehouse/daily_exam_processing/check_clean", "lakehouse/daily_exam_processing/late"}
    details = events["lakehouse/daily_exam_processing/check_clean"]["payload"]["custom_details"]
    assert (details["task"], details["exit code"], details["try"]) == ("check_clean", "20", "1 of 3")
    assert "a retry would give the same answer" in details["next"] and "docs/on_call/airflow.md#exit-code-20" in details["next"]
    assert events["lakehouse/daily_exam_processing/check_clean"]["links"][0]["href"].startswith("http://127.0.0.1")
    assert len(closed_gate["told"]["slack"]) >= len(events)


def test_every_task_left_its_row_and_every_model_too(played_day, closed_gate: dict) -> None:
    with duckdb.connect(str(Home(played_day.home).warehouse), read_only=True) as warehouse:
        runs = warehouse.execute(
            "select pipeline_name, task_name, run_state, rows_processed, run_duration_ms from monitoring.pipeline_runs"
        ).fetchall()
        models = warehouse.execute(
            "select count(distinct model_invocation_id), count(*) filter (where rows_stored > 0) from monitoring.model_runs"
        )
        invocations, with_rows = models.fetchone()
    assert {run[0] for run in runs} == IS_PAUSED.keys() and {run[2] for run in runs} == {"success"}
    assert min(run[4] for run in runs) > 0
    assert max(run[3] or 0 for run in runs if run[1] == "land") > 1000
    assert invocations == BUILDS and with_rows > 60


def _columns_behind(event: dict, column: str) -> list[dict]:
    return event["outputs"][0]["facets"]["columnLineage"]["fields"][column]["inputFields"]


def test_lineage_is_told_by_the_runs_themselves(played_day, closed_gate: dict) -> None:
    folder = Home(played_day.home).lineage
    tasks, models = ([json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()] for name in ("airflow", "models"))
    done = {event["job"]["name"]: event for event in tasks if event["eventType"] == "COMPLETE"}
    for dag_id, task_id in (
        ("daily_exam_processing", "refine"),
        ("hourly_kzone_aggregation", "model"),
        ("monthly_warehouse_optimization", "optimize"),
    ):
        assert f"{dag_id}.{task_id}" in done
    refined = done["daily_exam_processing.refine"]
    assert "raw.exam_events" in {d["name"] for d in refined["inputs"]} and "clean.exam_events" in {d["name"] for d in refined["outputs"]}
    assert any(event["eventType"] == "FAIL" and event["job"]["name"] == "daily_exam_processing.check_clean" for event in tasks)
    mart = next(event for event in models if event["job"]["name"] == "dbt.mart_exam_performance")
    assert {d["name"] for d in mart["inputs"]} >= {"curated.fact_attempts"} and mart["outputs"][0]["facets"]["schema"]["fields"]
    assert {"field": "score", "name": "curated.fact_attempts", "namespace": "lakehouse"} in _columns_behind(mart, "mean_score")
    parents = {event["run"]["facets"]["parent"]["run"]["runId"] for event in models}
    assert parents <= {event["run"]["runId"] for event in tasks if ".model" in event["job"]["name"]} and len(parents) == BUILDS


def test_the_gate_fails_once_and_is_not_tried_again(closed_gate: dict) -> None:
    gate = closed_gate["tasks"]["check_clean"]
    assert (gate["state"], gate["try_number"], gate["max_tries"]) == ("failed", 1, 2)
    assert "exit code 20" in closed_gate["log"] and "theta" in closed_gate["log"]


def test_nothing_after_the_gate_runs(closed_gate: dict) -> None:
    states = {task_id: task["state"] for task_id, task in closed_gate["tasks"].items()}
    assert states["land"] == states["refine"] == "success"
    assert states["model"] == states["check_curated"] == "upstream_failed"


def test_the_marts_keep_their_answer_and_serving_does_not_start(closed_gate: dict) -> None:
    after = closed_gate["marts"]
    assert len(after) > 40 and {name: closed_gate["after"][name] for name in after} == after
    before, after = closed_gate["serving"]
    assert before == after == 1


def test_airflow_says_where_it_is_and_who_may_enter(closed_gate: dict) -> None:
    login = closed_gate["login"]
    assert login["url"] in closed_gate["said"] and login["password"] in closed_gate["said"]
    assert (closed_gate["right"], closed_gate["wrong"], closed_gate["anonymous"]) == (201, 401, 401)


def test_airflow_listens_on_this_machine_alone(closed_gate: dict) -> None:
    assert closed_gate["addresses"] == {"127.0.0.1"}


def test_airflow_shows_our_dags_and_nobody_elses(closed_gate: dict) -> None:
    assert {dag["dag_id"]: dag["is_paused"] for dag in closed_gate["dags"]} == IS_PAUSED


def test_a_second_airflow_on_the_same_home_is_refused(closed_gate: dict) -> None:
    code, said = closed_gate["second"]
    assert code == 12 and "stop the other one" in said


def test_airflow_leaves_no_process_behind(closed_gate: dict) -> None:
    assert closed_gate["stopped"] == {"code": 0, "left": [], "ready_file": False}


def test_airflows_secrets_are_the_owners_alone_and_the_shells_airflow_is_untouched(played_day, closed_gate: dict) -> None:
    for name in ("airflow.cfg", "secrets.json", "passwords.json"):
        assert os.stat(Home(played_day.home).airflow / name).st_mode & 0o077 == 0, name
    assert not (played_day.home.parent / "elsewhere").exists() and not (played_day.home.parent / "elsewhere.db").exists()
