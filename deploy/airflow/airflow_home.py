"""Airflow's own folder, <home>/airflow: its configuration, its secrets and its database.

    settings ─▶ configure ─▶ airflow.cfg, passwords.json (secrets.json is made once)
                migrate   ─▶ airflow.db

Whatever the shell says of Airflow (AIRFLOW_HOME, AIRFLOW__…) does not count here: a developer's own Airflow must not be
migrated by ours.
"""

import configparser
import json
import os
import secrets
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from lakehouse.errors import CommandFailedError
from lakehouse.lineage import NAMESPACE
from lakehouse.places import Home
from lakehouse.settings import child_environment, settings

AIRFLOW = str(Path(sys.executable).with_name("airflow"))


def environment(home: Home) -> dict[str, str]:
    """For Airflow's processes. Tasks report to this machine, so that a proxy, where one is set, must not be asked."""
    here = "127.0.0.1,localhost"
    own = {"AIRFLOW_HOME": str(home.airflow), "LAKEHOUSE_HOME": str(home.root), "NO_PROXY": here, "no_proxy": here}
    return child_environment("AIRFLOW_", **own)


def configure(home: Home, dags: Path, port: int, log_port: int, new_ones_paused: bool) -> dict[str, str]:
    """Write airflow.cfg and the password file; returns {url, user, password}. Secrets survive from start to start."""
    home.airflow.mkdir(parents=True, exist_ok=True)
    known = _secrets(home.airflow / "secrets.json")
    url = f"http://127.0.0.1:{port}"
    passwords = home.airflow / "passwords.json"
    write_private(passwords, json.dumps({"admin": known["password"]}))
    options = {
        "core": {
            "dags_folder": dags,
            "executor": "LocalExecutor",
            "parallelism": 2,
            "load_examples": False,
            "dags_are_paused_at_creation": new_ones_paused,
            "fernet_key": known["fernet_key"],
            "simple_auth_manager_users": "admin:admin",
            "simple_auth_manager_passwords_file": passwords,
            "execution_api_server_url": f"{url}/execution/",
        },
        "database": {"sql_alchemy_conn": f"sqlite:///{home.airflow / 'airflow.db'}"},
        "logging": {"base_log_folder": home.airflow / "logs", "worker_log_server_port": log_port},
        "api": {"host": "127.0.0.1", "port": port, "base_url": url, "workers": 1, "secret_key": known["api_key"]},
        "api_auth": {"jwt_secret": known["jwt_secret"]},
        "scheduler": {"scheduler_idle_sleep_time": 0.5},
        # a file that was changed is read at once all the same; to read every file twice a minute takes a tenth of a small machine
        "dag_processor": {"parsing_processes": 1, "min_file_process_interval": 300},
        "openlineage": {"namespace": NAMESPACE, "transport": json.dumps(_lineage_goes_to(home))},
        "usage_data_collection": {"enabled": False},
    }
    config = configparser.RawConfigParser()
    for section, values in options.items():
        config[section] = {name: str(value).replace("%", "%%") for name, value in values.items()}  # Airflow interpolates
    with _private(home.airflow / "airflow.cfg") as file:
        config.write(file)
    return {"url": url, "user": "admin", "password": known["password"]}


def _lineage_goes_to(home: Home) -> dict:
    """A file of this home, which may grow for years: a line is about 3 kB. Or the endpoint that the settings name."""
    if url := settings().lineage_url:
        return {"type": "http", "url": url, "timeout": 5}
    home.lineage.mkdir(parents=True, exist_ok=True)
    return {"type": "file", "log_file_path": str((home.lineage / "airflow.jsonl").absolute()), "append": True}


def _secrets(path: Path) -> dict[str, str]:
    if not path.exists():
        from cryptography.fernet import Fernet

        made = {name: secrets.token_urlsafe(48) for name in ("api_key", "jwt_secret")}
        made |= {"password": secrets.token_urlsafe(9), "fernet_key": Fernet.generate_key().decode()}
        write_private(path, json.dumps(made))
    return json.loads(path.read_text())


def _private(path: Path):
    """The file, opened for writing, readable by its owner alone."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w")


def write_private(path: Path, text: str) -> None:
    with _private(path) as file:
        file.write(text)


def migrate(home: Home) -> None:
    """Make the database, or bring it to this version of Airflow; nothing to do where that has been done (5 s saved)."""
    stamp = home.airflow / "migrated"
    if (home.airflow / "airflow.db").exists() and stamp.exists() and stamp.read_text() == version("apache-airflow"):
        return
    log = home.airflow / "migrate.log"
    with log.open("w") as file:
        done = subprocess.run([AIRFLOW, "db", "migrate"], env=environment(home), stdout=file, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        raise CommandFailedError(
            f"`airflow db migrate` ended with {done.returncode}", hint=f"read {log}; or delete {home.airflow} to start anew"
        )
    stamp.write_text(version("apache-airflow"))
