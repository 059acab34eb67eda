"""Airflow seen from outside: its REST API, and the task logs on disk.

trigger ─▶ run of daily_exam_processing ─▶ (Asset lakehouse://curated) ─▶ run of feature_serving
   follow: one line a task as it ends, its seconds, and where its log lies
"""

import json
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import httpx

from lakehouse.errors import CommandFailedError
from lakehouse.places import Home
from simulator.demo.processes import Background, Day

ENDED = {"success", "failed", "upstream_failed", "skipped", "removed"}
POLL_S = 1.0
_AIRFLOWS_OWN = ("Tmp dir root location:", "Running command:", "Output:", "Command exited with")


class Airflow:
    """A client of a running local Airflow; `server` is the process behind it."""

    def __init__(self, day: Day, server: Background, login: dict[str, str]) -> None:
        self._day, self._server = day, server
        self._api = httpx.Client(base_url=login["url"], timeout=60, trust_env=False)  # this machine, never by a proxy
        token = self._api.post("/auth/token", json={"username": login["user"], "password": login["password"]})
        token.raise_for_status()
        self._api.headers["Authorization"] = f"Bearer {token.json()['access_token']}"

    def trigger(self, dag_id: str, planned_at: datetime | None = None) -> str:
        """Start a run now, of a DAG that is turned on; returns its id. `planned_at`: as if the clock had started it."""
        time_of_it = planned_at.isoformat() if planned_at else None
        made = self._api.post(f"/api/v2/dags/{dag_id}/dagRuns", json={"logical_date": time_of_it})
        made.raise_for_status()
        return made.json()["dag_run_id"]

    def turn(self, dag_id: str, on: bool) -> None:
        """Waits for Airflow to have read the DAG."""
        while (answer := self._api.patch(f"/api/v2/dags/{dag_id}", json={"is_paused": not on})).status_code == 404:
            self._server.require_alive()
            self._refuse_broken_dags()
            time.sleep(POLL_S)
        answer.raise_for_status()

    def rerun(self, dag_id: str, run_id: str, task_ids: list[str]) -> None:
        """Clear these tasks of a run that has ended, as somebody on call does: they run again, and nothing after them."""
        wanted = {"dry_run": False, "dag_run_id": run_id, "task_ids": task_ids, "only_failed": False, "reset_dag_runs": True}
        self._api.post(f"/api/v2/dags/{dag_id}/clearTaskInstances", json=wanted).raise_for_status()

    def run_started_by_asset(self, dag_id: str, limit_s: float) -> str:
        """The id of the first run that an Asset started. Raises CommandFailedError where none came within `limit_s`."""
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            self._server.require_alive()
            for run in self.runs(dag_id):
                if run["run_type"] == "asset_triggered":
                    return run["dag_run_id"]
            time.sleep(POLL_S)
        raise CommandFailedError(f"no Asset started {dag_id} within {limit_s:.0f} s", hint=f"read {self._server.log.parent}")

    def follow(self, dag_id: str, run_id: str) -> None:
        """Say of each task how it ended, as it ends. Raises CommandFailedError where the run did not succeed."""
        with self._day.console.status(f"{dag_id} …") as status:
            for task in self._ended_tasks(dag_id, run_id, status):
                self._tell(task)
        state = self._get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")["state"]
        if state != "success":
            raise CommandFailedError(
                f"the Airflow run of {dag_id} ended as '{state}'",
                hint="put right what the log above says and run the demo again; `make airflow` shows the run",
            )

    def runs(self, dag_id: str) -> list[dict]:
        return self._get(f"/api/v2/dags/{dag_id}/dagRuns")["dag_runs"]

    def tasks(self, dag_id: str, run_id: str) -> list[dict]:
        """Airflow's own record of each task: task_id, state, try_number, duration …"""
        return self._get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]

    def _ended_tasks(self, dag_id: str, run_id: str, status) -> Iterator[dict]:
        """Tasks in the order in which they end, until the run itself has ended."""
        told = set()
        while True:
            self._server.require_alive()
            tasks = self.tasks(dag_id, run_id)
            fresh = [task for task in tasks if task["state"] in ENDED and task["task_id"] not in told]
            for task in sorted(fresh, key=lambda task: task["end_date"] or ""):
                told.add(task["task_id"])
                yield task
            status.update(_doing(dag_id, tasks))
            if len(told) == len(tasks) and self._get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")["state"] in ENDED:
                return
            time.sleep(POLL_S)

    def _tell(self, task: dict) -> None:
        stage = task["task_id"].replace("_", " ")
        seconds = task["duration"] or 0.0
        if task["state"] == "success":
            tries = f", at try {task['try_number']}" if task["try_number"] > 1 else ""
            self._day.done(stage, seconds, f"task of {task['dag_id']}{tries}")
        elif task["state"] == "failed":
            log = self.log_of(task)
            self._day.failed(stage, seconds, log, command_output(log)[-15:])
        else:
            self._day.console.print(f"  [yellow]–[/] {stage:<26}{task['state'].replace('_', ' '):>9}", highlight=False)

    def log_of(self, task: dict) -> Path:
        parts = (f"dag_id={task['dag_id']}", f"run_id={task['dag_run_id']}", f"task_id={task['task_id']}")
        return Home(self._day.home).airflow.joinpath("logs", *parts, f"attempt={task['try_number']}.log")

    def _refuse_broken_dags(self) -> None:
        for broken in self._get("/api/v2/importErrors")["import_errors"]:
            raise CommandFailedError(
                f"Airflow cannot read {broken['filename']}: {broken['stack_trace'].splitlines()[-1]}",
                hint="`make test` says the same of every DAG",
            )

    def _get(self, path: str) -> dict:
        """A busy SQLite answers 500 now and then, and a busy machine late: what only reads is asked again."""
        for attempt in range(5):
            try:
                answer = self._api.get(path)
            except httpx.TransportError as error:
                said = str(error)
            else:
                if answer.is_success:
                    return answer.json()
                said = f"{answer.status_code} {answer.text[:200]}"
            time.sleep(attempt)
        raise CommandFailedError(
            f"Airflow's API does not answer {path}: {said}", hint=f"read {self._day.home / 'airflow' / 'api-server.log'}"
        )


def _doing(dag_id: str, tasks: list[dict]) -> str:
    for task in tasks:
        if task["state"] == "running":
            return f"{dag_id}: {task['task_id'].replace('_', ' ')} …"
        if task["state"] == "up_for_retry":
            return f"{dag_id}: {task['task_id'].replace('_', ' ')} failed at try {task['try_number']}, and is tried again soon …"
    return f"{dag_id} …"


def command_output(log: Path) -> list[str]:
    """What the task's command wrote, and why the task failed, without Airflow's own lines."""
    if not log.exists():
        return ["(no log was written: the task never started)"]
    said = []
    for line in log.read_text().splitlines():
        entry = json.loads(line)
        if entry.get("logger", "").endswith("SubprocessHook") and not entry["event"].startswith(_AIRFLOWS_OWN):
            said.append(entry["event"])
        said += [f"{error['exc_type']}: {error['exc_value']}" for error in entry.get("error_detail") or []]
    return said
