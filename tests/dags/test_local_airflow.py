"""`make airflow`: the real thing, started once on an empty home, looked at from all sides, and stopped."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
import pytest

from lakehouse.settings import child_environment

pytestmark = pytest.mark.slow(45)

LAUNCHER = Path(__file__).resolve().parents[2] / "deploy" / "airflow" / "local.py"


def launch(home: Path, ready_file: Path) -> subprocess.Popen:
    """With a shell that points at somebody else's Airflow, which must stay untouched."""
    elsewhere = f"sqlite:///{home.parent / 'elsewhere.db'}"
    environment = child_environment(
        LAKEHOUSE_HOME=str(home), AIRFLOW_HOME=str(home.parent / "elsewhere"), AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=elsewhere
    )
    command = [sys.executable, str(LAUNCHER), "--ready-file", str(ready_file)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """One start, some looks, one stop."""
    home = tmp_path_factory.mktemp("airflow") / "home"
    ready_file = home.parent / "ready.json"
    launcher = launch(home, ready_file)
    try:
        deadline = time.monotonic() + 300
        while not ready_file.exists():
            assert launcher.poll() is None and time.monotonic() < deadline, launcher.stdout.read()
            time.sleep(0.2)
        login = json.loads(ready_file.read_text())
        family = psutil.Process(launcher.pid).children(recursive=True)
        with httpx.Client(base_url=login["url"], timeout=60, trust_env=False) as api:
            found = {
                "home": home,
                "login": login,
                "wrong": token(api, "admin", "guess"),
                "right": token(api, login["user"], login["password"]),
            }
            bearer = {"Authorization": f"Bearer {found['right'].json()['access_token']}"}
            found["anonymous"] = api.get("/api/v2/dags")
            found["dags"] = api.get("/api/v2/dags", headers=bearer).json()["dags"]
            found["addresses"] = {c.laddr.ip for p in family for c in p.net_connections("tcp") if c.laddr.port == api.base_url.port}
        second = launch(home, home.parent / "second.json")
        found["second"] = (second.wait(60), second.stdout.read())
    finally:
        launcher.send_signal(signal.SIGTERM)
        code = launcher.wait(60)
    found["stopped"] = {"code": code, "left": [p for p in family if p.is_running()], "ready_file": ready_file.exists()}
    found["said"] = launcher.stdout.read()
    return found


def token(api: httpx.Client, user: str, password: str) -> httpx.Response:
    return api.post("/auth/token", json={"username": user, "password": password})


def test_it_says_where_it_is_and_who_may_enter(seen: dict) -> None:
    assert seen["login"]["url"] in seen["said"] and seen["login"]["password"] in seen["said"]
    assert seen["right"].status_code == 201 and seen["wrong"].status_code == 401
    assert seen["anonymous"].status_code == 401


def test_it_listens_on_this_machine_alone(seen: dict) -> None:
    assert seen["addresses"] == {"127.0.0.1"}


PAUSED = {
    "daily_exam_processing": False,
    "daily_media_check": False,
    "daily_source_partitions": True,
    "feature_serving": False,
    "hourly_compaction": False,
}


def test_it_shows_our_dags_and_nobody_elses(seen: dict) -> None:
    assert {dag["dag_id"]: dag["is_paused"] for dag in seen["dags"]} == PAUSED


def test_a_second_one_on_the_same_home_is_refused(seen: dict) -> None:
    code, said = seen["second"]
    assert code == 12 and "stop the other one" in said


def test_it_leaves_no_process_behind(seen: dict) -> None:
    assert seen["stopped"] == {"code": 0, "left": [], "ready_file": False}


def test_secrets_are_the_owners_alone_and_the_shells_airflow_is_untouched(seen: dict) -> None:
    for name in ("airflow.cfg", "secrets.json", "passwords.json"):
        assert os.stat(seen["home"] / "airflow" / name).st_mode & 0o077 == 0, name
    assert not (seen["home"].parent / "elsewhere").exists() and not (seen["home"].parent / "elsewhere.db").exists()
