"""One row a try of a task: what ran when, for how long, and how it ended (monitoring.pipeline_runs).

    Airflow's task ─▶ leave() ─▶ <lake>/platform/pipeline_runs/dt=…/<try>.json ─▶ publish(), by lakehouse model ─▶ warehouse

A task leaves a small file rather than wait for the warehouse, which has one writer. A file is named after its try: one that
is left twice is there once.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta

import duckdb

from lakehouse.contracts import Contract, registry
from lakehouse.monitoring import make, record
from lakehouse.places import pipeline_run, pipeline_runs_dir
from lakehouse.storage.protocols import Files

RUNS = "monitoring.pipeline_runs"


@dataclass(frozen=True, slots=True)
class PipelineRun:
    """The attributes are columns of the contract."""

    pipeline_name: str
    task_name: str
    pipeline_run_id: str
    try_number: int
    run_on: date
    run_started_at: datetime
    run_ended_at: datetime
    run_duration_ms: int
    run_state: str
    exit_code: int | None
    rows_processed: int | None


def leave(files: Files, run: PipelineRun) -> None:
    """Raises NotDurableError."""
    key = f"{run.pipeline_name}\n{run.task_name}\n{run.pipeline_run_id}\n{run.try_number}"
    name = hashlib.sha256(key.encode()).hexdigest()[:24]
    files.put(pipeline_run(run.run_started_at.date(), name), json.dumps(asdict(run), default=str).encode())


def publish(warehouse: duckdb.DuckDBPyConnection, files: Files, today: date) -> int:
    """Bring what was left since the newest row's day into the warehouse; answers how many rows that were read."""
    contract = registry().get(RUNS)
    rows = [json.loads(files.get(path)) for day in _days(warehouse, contract, files, today) for path in files.list(f"{day}/")]
    days = sorted({datetime.fromisoformat(row["run_started_at"]).date() for row in rows})
    for day in days:
        of_day = [row for row in rows if datetime.fromisoformat(row["run_started_at"]).date() == day]
        record(warehouse, contract, of_day, {"(run_started_at at time zone 'UTC')::date": day})
    return len(rows)


def _days(warehouse: duckdb.DuckDBPyConnection, contract: Contract, files: Files, today: date) -> list[str]:
    """The folders to read: those from the newest row's day on, and all of them the first time."""
    newest = warehouse.execute(f"select max(run_started_at at time zone 'UTC')::date from {make(warehouse, contract)}").fetchone()[0]
    if newest is None:
        return sorted({path.rsplit("/", 1)[0] for path in files.list(f"{pipeline_runs_dir()}/")})
    from_day = newest - timedelta(days=1)  # a long task is left a day later than it began
    return [f"{pipeline_runs_dir()}/dt={(from_day + timedelta(days=n)).isoformat()}" for n in range((today - from_day).days + 1)]
