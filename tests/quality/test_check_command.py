"""`lakehouse check` as a person or Airflow runs it: exit codes, what is kept, what is printed."""

import subprocess
import sys
from datetime import date
from pathlib import Path

import duckdb
import pytest
from good import clean_rows, clean_table, curated_row

from lakehouse.contracts import registry
from lakehouse.contracts.project import duckdb_columns
from lakehouse.places import Home
from lakehouse.places import clean_table as place
from lakehouse.settings import settings
from lakehouse.storage.open import open_tables
from tests.commands import Done, lakehouse

pytestmark = pytest.mark.slow(70)

DAY = date(2027, 3, 1)
SECRET = "Kim Minji was here"


def check(*arguments: str) -> Done:
    return lakehouse("check", *arguments, "--as-of", str(DAY))


def stored(home: Path, sql: str) -> list[tuple]:
    with duckdb.connect(str(Home(home).warehouse), read_only=True) as db:
        return db.execute(sql.replace("CHECKS", "monitoring.data_quality_checks")).fetchall()


@pytest.fixture
def append(home):
    def appended(contract_id: str, rows: list[dict], batch: str) -> None:
        contract = registry().get(contract_id)
        open_tables(settings()).append(place(contract.domain, contract.table), clean_table(contract, rows), batch, {"valid": len(rows)})

    return appended


def test_clean_from_pass_to_failure(home, append):
    """One lake, three runs: a good one; one of its datasets again under its id; one after a bad batch."""
    append("exam.events", clean_rows(registry().get("exam.events"), DAY), "good")
    for again in ((), ("--dataset", "exam_events")):
        done = check("clean", "--run-id", "nightly", *again)
        assert done.returncode == 0, done.stderr
    of_contracts = {c.id for c in registry().ingested}
    assert {d for (d,) in stored(home, "select distinct checked_dataset from CHECKS")} == of_contracts
    assert stored(home, "select count(*) - count(distinct (checked_dataset, check_name)) from CHECKS where check_run_id = 'nightly'") == [
        (0,)
    ]
    assert stored(
        home,
        "select checked_on, rows_checked, check_status from CHECKS where check_name = 'response_index.between' and checked_dataset = 'exam.events'",
    ) == [(DAY, 40, "passed")]

    bad = clean_rows(registry().get("exam.events"), DAY, 20, start=40)
    bad[0]["device_type"] = bad[1]["device_type"] = SECRET
    append("exam.events", bad, "bad")
    closed = check("clean", "--run-id", "after", "--dataset", "exam_events", "--verbose")
    assert closed.returncode == 20
    assert "exam.events: device_type.in_set (2 rows)" in closed.stderr
    assert "next: Rows are in clean that contracts/exams/events.odcs.yaml forbids" in closed.stderr
    assert stored(home, "select check_name, rows_failed from CHECKS where check_run_id = 'after' and check_status = 'failed'") == [
        ("device_type.in_set", 2)
    ]
    kept = str(stored(home, "select * from CHECKS")) + "".join(p.read_text() for p in Home(home).logs.iterdir())
    assert SECRET not in closed.stdout + closed.stderr + kept
    metrics = (Home(home).logs / "quality_clean.prom").read_text()
    assert 'data_quality_check_status{stage="clean",dataset="exam.events",check="device_type.in_set",severity="critical"} 0' in metrics
    assert 'data_null_rate{stage="clean",dataset="exam.events",column="score"} 0' in metrics
    assert 'data_freshness_minutes{stage="clean",dataset="exam.events"} ' in metrics


def warehouse(home: Path, **broken: dict) -> None:
    """Every curated table and feature, 20 good rows each but for what is `broken` in the first row of a table."""
    path = Home(home).warehouse
    path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(path)) as db:
        for contract in registry().layer("curated", "features"):
            types = duckdb_columns(contract.fields)
            name = f'"{contract.layer}"."{contract.table}"'
            db.execute(f"create schema if not exists {contract.layer}")
            db.execute(f"create or replace table {name} ({', '.join(f'{c} {t}' for c, t in types.items())})")
            for n in range(20):
                row = curated_row(contract, DAY, n) | (broken.get(contract.table, {}) if n == 0 else {})
                db.execute(f"insert into {name} values ({', '.join('?' for _ in types)})", [row[c] for c in types])


def test_curated_from_pass_to_failure(home):
    refused = check("curated")
    assert refused.returncode == 11
    assert "run `lakehouse model` first" in refused.stderr

    warehouse(home)
    done = check("curated")
    assert done.returncode == 0, done.stderr
    warehouse(home, fact_attempts={"score": 101.0, "user_pid": "nobody-in-dim-user"}, mart_exam_performance={"exam_id": None})
    with duckdb.connect(str(Home(home).warehouse)) as db:
        db.execute("drop table curated.dim_item")
        db.execute("alter table curated.fact_responses drop column response_time_ms")
    closed = check("curated", "--run-id", "r")
    assert closed.returncode == 20
    failed = stored(
        home, "select checked_dataset, check_name from CHECKS where check_run_id = 'r' and check_status = 'failed' order by all"
    )
    assert failed == [
        ("curated.dim_item", "table.columns"),
        ("curated.fact_attempts", "score.between"),
        ("curated.fact_responses", "table.columns"),
        ("curated.mart_exam_performance", "exam_id.not_null"),
    ]
    consistency = "select checked_dataset, observed_value, check_status from CHECKS where check_run_id = 'r' and check_name = 'user_pid.consistent_share' order by all"
    assert ("curated.fact_attempts", 0.95, "warned") in stored(home, consistency)


def test_a_dataset_that_is_not_there_is_named_with_those_that_are(home):
    refused = check("clean", "--dataset", "exam")
    assert refused.returncode == 11
    assert "exam.events" in refused.stderr


def test_results_wait_for_the_warehouse_and_then_say_who_holds_it(home):
    from lakehouse.errors import BusyError
    from lakehouse.storage.warehouse import patiently

    path = Home(home).warehouse
    path.parent.mkdir(parents=True)
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import duckdb, sys; db = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()",
            str(path),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(BusyError, match="another process"):
        patiently(lambda: duckdb.connect(str(path)), path, patience_s=0.3)
    holder.communicate()
    patiently(lambda: duckdb.connect(str(path)), path, patience_s=5).close()
