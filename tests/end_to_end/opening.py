"""Airflow opened once more on the played day's home, where a gate must close: what it does there, and how it looks from all sides.

one row spoiled ─▶ launcher ─┬▶ the day's DAG again ─▶ what each task came to
                             └▶ looks: login, addresses, DAGs, a second launcher ─▶ stopped ─▶ what is left
"""

import io
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest
from rich.console import Console

from lakehouse.errors import CommandFailedError
from simulator.demo.airflow import Airflow, command_output
from simulator.demo.processes import PROJECT, Background, Day

DAILY, SERVING = "daily_exam_processing", "feature_serving"
_LAUNCHER = (sys.executable, str(PROJECT / "deploy" / "airflow" / "local.py"))


def open_airflow(home: Path, as_of: str) -> dict:
    """Run the day's DAG, which must fail, and look. The shell points at somebody else's Airflow, which must stay untouched."""
    day = Day(home, Console(file=io.StringIO()), as_of=as_of)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_HOME", str(home.parent / "elsewhere"))
        patch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", f"sqlite:///{home.parent / 'elsewhere.db'}")
        with Background(day, "airflow", *_LAUNCHER) as server:
            login = server.wait_until_ready(limit_s=300)
            found = _run_the_day(Airflow(day, server, login)) | _look(login, processes_of(home))
            second = subprocess.run(_LAUNCHER, env=day.environment, capture_output=True, text=True, timeout=60, check=False)
            code = server.stop()
    stopped = {"code": code, "left": processes_of(home), "ready_file": (day.logs / "airflow.ready.json").exists()}
    return found | {"second": (second.returncode, second.stderr), "stopped": stopped, "said": server.log.read_text()}


def _run_the_day(airflow: Airflow) -> dict:
    serving_before = len(airflow.runs(SERVING))
    run_id = airflow.trigger(DAILY)
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
            "addresses": {c.laddr.ip for p in family for c in p.net_connections("tcp") if c.laddr.port == api.base_url.port},
        }


def processes_of(home: Path) -> list[psutil.Process]:
    """Whoever has a file of this home open, and each of Airflow's writes a log there. Its environment would not say: a process
    that gives itself a title writes over it."""
    return [p for p in psutil.process_iter() if any(file.path.startswith(f"{home}/") for file in _open_files(p))]


def _open_files(process: psutil.Process) -> list:
    try:
        return process.open_files()
    except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
        return []
