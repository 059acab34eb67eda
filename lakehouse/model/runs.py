"""What every node of a build came to: dbt's run_results.json as rows of monitoring.model_runs.

run_results.json ─▶ status, seconds ┐
duckdb_tables()  ─▶ rows            ┴▶ monitoring.model_runs, and an event of lineage each
"""

import json
from pathlib import Path

import duckdb

from lakehouse.contracts import registry
from lakehouse.lineage.columns import opened
from lakehouse.lineage.events import emit
from lakehouse.lineage.models import model_events
from lakehouse.log import get_log
from lakehouse.monitoring import record
from lakehouse.places import Home
from lakehouse.settings import Settings

_log = get_log(__name__)
RUNS = "monitoring.model_runs"
_STATES = {"success": "success", "pass": "success", "warn": "warned", "skipped": "skipped", "no-op": "skipped"}


def keep(warehouse: duckdb.DuckDBPyConnection, settings: Settings, target: Path) -> int:
    """Answer the rows of all tables that were built; nothing is kept where dbt did not come so far as to say anything."""
    try:
        said = json.loads((target / "run_results.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return 0
    sizes = dict(warehouse.execute("select table_name, estimated_size from duckdb_tables() where not internal").fetchall())
    invocation = {"model_invocation_id": said["metadata"]["invocation_id"]}
    rows = [invocation | _row(result, sizes) for result in said["results"]]
    record(warehouse, registry().get(RUNS), rows, invocation)
    try:
        _tell_lineage(warehouse, settings, target, sizes)
    except Exception as error:  # noqa: BLE001 - the build is over, and whatever is wrong with its lineage must not undo it
        _log.warning("lineage_not_told", error=error)
    return sum(row["rows_stored"] or 0 for row in rows)


def _tell_lineage(warehouse: duckdb.DuckDBPyConnection, settings: Settings, target: Path, sizes: dict[str, int]) -> None:
    """Columns are looked into for a run that a scheduler follows: to read every model's SQL takes seconds, the first time."""
    looked_into = None
    if settings.lineage_parent:
        columns: dict[str, dict[str, str]] = {}
        listed = "select schema_name || '.' || table_name, column_name, data_type from duckdb_columns() where not internal order by all"
        for table, column, kind in warehouse.execute(listed).fetchall():
            columns.setdefault(table, {})[column] = kind
        kept = Home(settings.home).lineage / "columns.json"
        kept.parent.mkdir(parents=True, exist_ok=True)
        looked_into = opened(kept, Home(settings.home).warehouse.stem, columns)
    emit(settings, model_events(target, sizes, settings.lineage_parent, looked_into))
    if looked_into:
        looked_into.keep()


def _row(result: dict, sizes: dict[str, int]) -> dict[str, object]:
    kind, _, name = result["unique_id"].split(".")[:3]
    execute = next((part for part in result["timing"] if part["name"] == "execute"), {})
    state = _STATES.get(result["status"], "failed")
    return {
        "node_name": name,
        "node_type": kind,
        "run_state": state,
        "run_started_at": execute.get("started_at"),
        "run_ended_at": execute.get("completed_at"),
        "run_duration_ms": int(result["execution_time"] * 1000),
        "rows_stored": sizes.get(name) if kind in ("model", "seed") and state == "success" else None,
    }
