"""What Airflow sees in dags/, read once for all tests of this folder."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lakehouse.settings import child_environment


@pytest.fixture(scope="session")
def root_of_dags() -> Path:
    return Path(__file__).resolve().parents[2] / "dags"


@pytest.fixture(scope="session")
def airflow_environment() -> Callable[..., dict[str, str]]:
    """An AIRFLOW_HOME and more → the environment of a process with an Airflow of its own."""

    def environment(airflow_home: Path, **own: str) -> dict[str, str]:
        return child_environment("AIRFLOW_", AIRFLOW_HOME=str(airflow_home), AIRFLOW__CORE__LOAD_EXAMPLES="False", **own)

    return environment


@pytest.fixture(scope="session")
def read_dags(airflow_environment) -> Callable[[Path, Path], dict]:
    """A folder of DAGs and an AIRFLOW_HOME → what probe.py prints: {import_errors, dags}."""

    def read(folder: Path, airflow_home: Path) -> dict:
        command = [sys.executable, str(Path(__file__).with_name("probe.py")), str(folder)]
        environment = airflow_environment(airflow_home)
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return read


@pytest.fixture(scope="session")
def seen(read_dags, root_of_dags: Path, tmp_path_factory: pytest.TempPathFactory) -> dict:
    return read_dags(root_of_dags, tmp_path_factory.mktemp("airflow"))


@pytest.fixture(scope="session")
def dags(seen: dict) -> dict:
    return seen["dags"]
