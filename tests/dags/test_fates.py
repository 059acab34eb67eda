"""What becomes of a task, by the exit code of its command: final codes fail at once, all others are tried again."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lakehouse.errors import LakehouseError, final_exit_codes

AGAIN, AT_ONCE = "AirflowException", "AirflowFailException"

FATES = {
    0: "success",
    1: AGAIN,  # a defect, or a machine in trouble
    2: AT_ONCE,  # a wrong command line
    3: AT_ONCE,  # settings
    4: AT_ONCE,  # not installed
    10: AT_ONCE,  # contract
    11: AT_ONCE,  # bad input
    12: AGAIN,  # busy
    13: AGAIN,  # not durable: the disk may have room again
    14: AT_ONCE,  # corrupt
    15: AT_ONCE,  # key gone
    16: AT_ONCE,  # denied
    17: AGAIN,  # who asks cannot be known just now
    20: AT_ONCE,  # a closed gate
    21: AGAIN,  # a program that we started ended badly
    22: AT_ONCE,  # the copy is not the source
    23: AGAIN,  # something of a person is still there, or beyond its term
    24: AT_ONCE,  # a term of a request, or of a key, is over
    137: AGAIN,  # killed
}


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lake")


@pytest.fixture(scope="module")
def told(airflow_environment, root_of_dags: Path, lake: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    command = [sys.executable, str(Path(__file__).with_name("fates.py")), str(root_of_dags), *map(str, FATES)]
    environment = airflow_environment(tmp_path_factory.mktemp("airflow"), LAKEHOUSE_HOME=str(lake))
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def fates(told: dict[str, str]) -> dict[int, str]:
    return {int(code): fate for code, fate in told.items() if code.isdigit()}


def test_a_task_fares_as_its_commands_exit_code_says(fates: dict[int, str]) -> None:
    assert fates == FATES


def test_a_command_whose_turn_comes_late_waits_for_it_and_spends_no_try(told: dict[str, str]) -> None:
    assert told["waited"] == "success"


def test_the_table_above_knows_every_code() -> None:
    codes = {kind.exit_code for kind in LakehouseError.__subclasses__()}
    assert codes <= set(FATES)
    assert final_exit_codes() == {code for code, fate in FATES.items() if fate == AT_ONCE}


def test_every_run_is_recorded_with_how_it_ended(fates: dict[int, str], lake: Path) -> None:
    found = [json.loads(file.read_text()) for file in (lake / "lake" / "platform" / "pipeline_runs").rglob("*.json")]
    states = {run["exit_code"]: run["run_state"] for run in found}
    expected = {"success": "success", AT_ONCE: "failed", AGAIN: "up_for_retry"}
    assert states == {code: expected[fate] for code, fate in FATES.items()}
