"""The table of promises: one line a DAG in dags/slos.yaml, and the only reader of it."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal, get_args

import yaml

from lakehouse.errors import SettingsError

Severity = Literal["critical", "warning"]


@dataclass(frozen=True, slots=True)
class Slo:
    """`due`: from the time that a run was planned on. `ends`: after which a run is taken for stuck."""

    promise: str
    due: timedelta
    ends: timedelta
    severity: Severity


def slos(table: Path) -> dict[str, Slo]:
    """Raises SettingsError that names the DAG whose line is wrong."""
    return {dag_id: _read(dag_id, line) for dag_id, line in yaml.safe_load(table.read_text(encoding="utf-8")).items()}


def slo_of(dag_id: str, table: Path) -> Slo:
    """Raises SettingsError where it promises nothing."""
    try:
        return slos(table)[dag_id]
    except KeyError:
        raise SettingsError(f"{dag_id} promises nothing", hint=f"give it a line in {table.parent.name}/{table.name}") from None


def _read(dag_id: str, line: dict) -> Slo:
    try:
        slo = Slo(line["promise"], timedelta(minutes=line["due_minutes"]), timedelta(minutes=line["ends_minutes"]), line["severity"])
    except (KeyError, TypeError) as error:
        raise SettingsError(f"{dag_id}: {error} is missing or wrong", hint="compare with the other lines of slos.yaml") from error
    if slo.severity not in get_args(Severity) or not timedelta(0) < slo.due <= slo.ends:
        raise SettingsError(f"{dag_id}: no such severity, or due after its end", hint="compare with the other lines of slos.yaml")
    return slo
