"""Airflow opened once more on the played day's home: every DAG, a day's tasks again, then a gate that must close.

    launcher ─▶ every DAG of the platform, all at once ─▶ the day's tasks once more: the same bytes
             ─▶ one row spoiled ─▶ the day's DAG again ─▶ what each task came to, and what people were told
             ─▶ looks: login, addresses, DAGs, a second launcher ─▶ stopped ─▶ what is left

Its DAGs are ours, with one promise shortened: the day is due at once, so that a deadline is missed.
"""

import io
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil
import pytest
import yaml
from rich.console import Console

from lakehouse.errors import CommandFailedError
from simulator.demo.airflow import Airflow, command_output
from simulator.demo.processes import LAKEHOUSE, PROJECT, Background, Day
from tests.receiver import Receiver, receiving

DAILY, SERVING = "daily_exam_processing", "feature_serving"
AT_ONCE = tuple(yaml.safe_load((PROJECT / "dags" / "slos.yaml").read_text()).keys() - {DAILY, SERVING})
AGAIN = ["refine", "model"]  # land has been run again by the hour


def open_airflow(home: Path, as_of: str, state: Callable[[Path], dict], spoil: Callable[[Path], None]) -> dict:
    """Run every DAG; run the day's tasks again, with the `state` of the lake before and after; `spoil` it and run the day's DAG,
    which must fail; and look. The shell points at somebody else's Airflow, which must stay untouched."""
    launcher = (sys.executable, str(PROJECT / "deploy" / "airflow" / "local.py"), "--dags", str(_dags_in_a_hurry(home.parent)))
    day = Day(home, Console(file=io.StringIO()), as_of=as_of)
    with pytest.MonkeyPatch.context() as patch, receiving() as receiver:
        patch.setenv("LAKEHOUSE_SLACK_WEBHOOK_URL", receiver.url("/slack"))
        patch.setenv("LAKEHOUSE_PAGERDUTY_ROUTING_KEY", "routing-key")
        patch.setenv("LAKEHOUSE_PAGERDUTY_URL", receiver.url("/pagerduty"))
        patch.setenv("AIRFLOW_HOME", str(home.parent / "elsewhere"))
        patch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", f"sqlite:///{home.parent / 'elsewhere.db'}")
        with Background(day, "airflow", *launcher) as server:
            login = server.wait_until_ready(limit_s=300)
            airflow = Airflow(day, server, login)
            found = {"every_dag": _run_every_dag(day, airflow), "before": state(home)}
            _rerun_the_day(airflow)
            found |= {"after": state(home)}
            spoil(home)
            found |= _run_the_day(airflow) | {"told": _told(receiver)} | _look(login, processes_of(home))
            second = subprocess.run(launcher, env=day.environment, capture_output=True, text=True, timeout=60, check=False)
            code = server.stop()
    stopped = {"code": code, "left": processes_of(home), "ready_file": (day.logs / "airflow.ready.json").exists()}
    return found | {"second": (second.returncode, second.stderr), "stopped": stopped, "said": server.log.read_text()}


def _dags_in_a_hurry(folder: Path) -> Path:
    dags = shutil.copytree(PROJECT / "dags", folder / "dags", ignore=shutil.ignore_patterns("__pycache__"))
    promises = yaml.safe_load((dags / "slos.yaml").read_text())
    promises[DAILY]["due_minutes"] = 0.02
    (dags / "slos.yaml").write_text(yaml.safe_dump(promises))
    return dags


def _run_every_dag(day: Day, airflow: Airflow) -> dict[str, str]:
    """DAG → how its run ended. The source database is open, as it is where partitions are made ahead."""
    with Background(day, "source", LAKEHOUSE, "source", "serve", "--port", "0") as source:
        source.wait_until_ready(limit_s=120)
        for dag_id in AT_ONCE:
            airflow.turn(dag_id, on=True)
        begun = {dag_id: airflow.trigger(dag_id) for dag_id in AT_ONCE}
        for dag_id, run_id in begun.items():
            airflow.follow(dag_id, run_id)
            airflow.turn(dag_id, on=False)  # it may strike the hour
    ended = {(dag_id, run["dag_run_id"]): run["state"] for dag_id in AT_ONCE for run in airflow.runs(dag_id)}
    played = {dag_id: airflow.runs(dag_id)[0]["state"] for dag_id in (DAILY, SERVING)}
    return played | {dag_id: ended[dag_id, run_id] for dag_id, run_id in begun.items()}


def _rerun_the_day(airflow: Airflow) -> None:
    (played,) = airflow.runs(DAILY)
    airflow.rerun(DAILY, played["dag_run_id"], AGAIN)
    airflow.follow(DAILY, played["dag_run_id"])
    tries = {task["task_id"]: task["try_number"] for task in airflow.tasks(DAILY, played["dag_run_id"])}
    assert {task_id for task_id, tried in tries.items() if tried == 2} == set(AGAIN), tries


def _told(receiver: Receiver, limit_s: float = 30.0) -> dict[str, list[dict]]:
    """What Slack and PagerDuty got, once both the failure and the missed deadline are among it."""
    deadline = time.monotonic() + limit_s
    while len({event["dedup_key"] for event in receiver.at("/pagerduty")}) < 2 and time.monotonic() < deadline:
        time.sleep(0.2)
    return {"slack": receiver.at("/slack"), "pagerduty": receiver.at("/pagerduty")}


def _run_the_day(airflow: Airflow) -> dict:
    serving_before = len(airflow.runs(SERVING))
    run_id = airflow.trigger(DAILY, planned_at=datetime.now(UTC))
    with pytest.raises(CommandFailedError):
        airflow.follow(DAILY, run_id)
    tasks = {task["task_id"]: task for task in airflow.tasks(DAILY, run_id)}
    log = "\n".join(command_output(airflow.log_of(tasks["check_clean"])))
    return {"tasks": tasks, "serving": (serving_before, len(airflow.runs(SERVING))), "log": log}


def _look(login: dict, family: list[psutil.Process]) -> dict:
    with httpx.Client(base_url=login["url"], timeout=60, trust_env=False) as api:

        def token(password: str) -> httpx.Response:
            return api.post("/auth/token", json={"username": login["user"], "password": password})

        right = token(login["password"])
        bearer = {"Authorization": f"Bearer {right.json()['access_token']}"}
        return {
            "login": login,
            "right": right.status_code,
            "wrong": token("guess").status_code,
            "anonymous": api.get("/api/v2/dags").status_code,
            "dags": api.get("/api/v2/dags", headers=bearer).json()["dags"],
            "addresses": {c.laddr.ip for p in family for c in _asked(p.net_connections, "tcp") if c.laddr.port == api.base_url.port},
        }


def processes_of(home: Path) -> list[psutil.Process]:
    """Whoever else has a file of this home open, and each of Airflow's writes a log there. Its environment would not say: a process
    that gives itself a title writes over it."""
    others = [p for p in psutil.process_iter() if p.pid != os.getpid()]  # this one has looked into the vault
    return [p for p in others if any(file.path.startswith(f"{home}/") for file in _asked(p.open_files))]


def _asked(question: Callable[..., list], *arguments: str) -> list:
    """What a process answers; nothing where it has just ended: tasks come and go."""
    try:
        return question(*arguments)
    except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
        return []
