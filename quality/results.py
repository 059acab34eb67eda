"""What a run of the gate leaves behind.

Result ─▶ monitoring.data_quality_checks   (a repeated run id replaces its rows)
       └▶ <home>/logs/quality_<stage>.prom (node-exporter's textfile format, replaced as a whole)
"""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path

import duckdb

from lakehouse.contracts import Contract
from lakehouse.monitoring import record
from lakehouse.places import Home
from lakehouse.settings import Settings
from lakehouse.storage.turns import beside
from lakehouse.storage.warehouse import patiently
from quality.gate import Result
from quality.measures import Measures

CHECKS = "monitoring.data_quality_checks"


@dataclass(frozen=True)
class Run:
    """One run of the gate; the attributes are columns of monitoring.data_quality_checks."""

    check_run_id: str
    checked_at: datetime
    checked_on: date
    check_stage: str


def store(settings: Settings, contract: Contract, run: Run, results: Sequence[Result], datasets: Sequence[str]) -> None:
    """Replace what this run id has said of these datasets. Raises BusyError."""
    warehouse = Home(settings.home).warehouse
    warehouse.parent.mkdir(parents=True, exist_ok=True)
    rows = [asdict(run) | asdict(result) for result in results]
    replaced = {"check_run_id": run.check_run_id, "check_stage": run.check_stage, "checked_dataset": list(datasets)}
    with beside(settings), patiently(lambda: duckdb.connect(str(warehouse)), warehouse) as db:
        record(db, contract, rows, replaced)


def write_metrics(folder: Path, run: Run, results: Sequence[Result], measures: dict[str, Measures]) -> Path:
    """Gauges of this run, for node-exporter's textfile collector (or any reader of Prometheus text). Returns the file."""
    lines = _family("data_quality_check_status", "1 where a check passed, 0 where it did not.")
    for r in results:
        if r.check_status == "unknown":
            continue
        labels = {"stage": run.check_stage, "dataset": r.checked_dataset, "check": r.check_name, "severity": r.check_severity}
        lines.append(_sample("data_quality_check_status", labels, float(r.check_status == "passed")))
    lines += _family("data_null_rate", "Share of rows of the day without a value, among those that may have one.")
    for dataset, m in measures.items():
        for column, rate in m.null_rates.items():
            lines.append(_sample("data_null_rate", {"stage": run.check_stage, "dataset": dataset, "column": column}, rate))
    for name, attribute, help_text in (
        ("data_volume_zscore", "volume_zscore", "Standard deviations between the rows of the day and the mean of 14 days before."),
        ("data_freshness_minutes", "freshness_minutes", "Minutes from the newest row to the end of the day that was judged."),
    ):
        lines += _family(name, help_text)
        for dataset, m in measures.items():
            value = getattr(m, attribute)
            if value is not None:
                lines.append(_sample(name, {"stage": run.check_stage, "dataset": dataset}, value))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"quality_{run.check_stage}.prom"
    partial = path.with_suffix(".tmp")  # the collector reads *.prom only, and must never see half a file
    partial.write_text("\n".join(lines) + "\n", encoding="utf-8")
    os.replace(partial, path)
    return path


def _family(name: str, help_text: str) -> list[str]:
    return [f"# HELP {name} {help_text}", f"# TYPE {name} gauge"]


def _sample(name: str, labels: dict[str, str], value: float) -> str:
    pairs = ",".join(f'{k}="{v}"' for k, v in labels.items())
    return f"{name}{{{pairs}}} {value:g}"
