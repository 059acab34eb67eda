"""What Airflow calls, and what becomes of its context: an alert. Nothing here can fail a task, nor hold it up for long.

    task_failed        after the last try of a task               in the task's own process
    run_timed_out      a run was ended because it was stuck        in the DAG processor
    deadline_missed    a run is later than its DAG promises        in the executor, which runs it like a task

A context is read by its keys alone, so that `lakehouse` needs no Airflow.
"""

import re
from collections.abc import Mapping
from typing import Any

from lakehouse.alerting.alert import Alert, meaning, next_move
from lakehouse.alerting.sending import send
from lakehouse.log import get_log
from lakehouse.settings import settings

_log = get_log(__name__)
_STRANGE = re.compile(r"[^\w:+.\-]")


def task_failed(context: Mapping[str, Any], severity: str) -> None:
    task = context["ti"]
    exit_code = getattr(context.get("exception"), "exit_code", None)
    facts = _run_facts(task.dag_id, task.run_id) | {"task": task.task_id, "try": f"{task.try_number} of {task.max_tries + 1}"}
    facts |= {"exit code": "none" if exit_code is None else str(exit_code), "meaning": meaning(exit_code)}
    summary = f"{task.dag_id}.{task.task_id} failed" + (f" with exit code {exit_code}" if exit_code is not None else "")
    move = next_move(exit_code, settings().docs_url)
    _tell(Alert(severity, summary, f"lakehouse/{task.dag_id}/{task.task_id}", facts, move, getattr(task, "log_url", None)))


def run_timed_out(context: Mapping[str, Any], severity: str, ends_minutes: int) -> None:
    """Airflow calls it for every failed run; a task that failed has spoken for itself."""
    if context.get("reason") != "timed_out":
        return
    run = context["dag_run"]
    summary = f"{run.dag_id} was ended after {ends_minutes} minutes: it was taken for stuck"
    facts = _run_facts(run.dag_id, run.run_id)
    _tell(
        Alert(severity, summary, f"lakehouse/{run.dag_id}/stuck", facts, next_move(None, settings().docs_url) + "#a-run-is-late-or-stuck")
    )


def deadline_missed(context: Mapping[str, Any], severity: str, promise: str, due_minutes: int) -> None:
    run = context["dag_run"]
    summary = f"{run['dag_id']} is later than {due_minutes} minutes"
    facts = _run_facts(run["dag_id"], run["dag_run_id"]) | {"promise": promise, "state": str(run.get("state"))}
    move = next_move(None, settings().docs_url) + "#a-run-is-late-or-stuck"
    _tell(Alert(severity, summary, f"lakehouse/{run['dag_id']}/late", facts, move))


def _run_facts(dag_id: str, run_id: str) -> dict[str, str]:
    """A run's id may have been typed by somebody, who may have typed anything."""
    return {"dag": dag_id, "run": _STRANGE.sub("_", run_id)[:128]}


def _tell(alert: Alert) -> None:
    try:
        taken = send(alert, settings())
        _log.info("alert_sent", summary=alert.summary, receivers=taken)
    except Exception as error:  # noqa: BLE001 - an alert that fails must not hide the failure that it is about
        _log.warning("alert_not_sent", summary=alert.summary, error=error)
