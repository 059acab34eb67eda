"""dbt as a program of its own: started, watched line by line, and its failure told in one sentence."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import duckdb

from lakehouse.errors import CommandFailedError, require_program
from lakehouse.places import Home
from lakehouse.settings import Settings, child_environment

Progress = Callable[[int, int, str], None]
"""done, total, name of the node that ended"""


def dbt_build(
    settings: Settings,
    build_number: int,
    full_refresh: bool = False,
    select: Sequence[str] = (),
    progress: Progress = lambda done, total, node: None,
    is_tested: bool = True,
) -> list[str]:
    """Build and test every model, for the days in the plan of that number; answer the tests that only warn and did. Without
    tests: for whoever compares all there is with something else.

    Raises CommandFailedError that names the first node that failed, NotInstalledError.
    """
    require_program("dbt", "warehouse")
    work = settings.home.absolute() / "warehouse" / "dbt"
    work.mkdir(parents=True, exist_ok=True)
    (work / "target" / "run_results.json").unlink(missing_ok=True)  # an old failure must not be taken for this one's
    command = [sys.executable, "-m", "dbt.cli.main", "--no-version-check", "--log-format", "json", "--log-level-file", "none", "build"]
    # unit tests say the same whatever the data; tests/dbt runs them
    command += ["--exclude-resource-type", "unit_test"]
    command += [] if is_tested else ["--exclude-resource-type", "test"]
    command += ["--project-dir", str(settings.dbt_project), "--profiles-dir", str(settings.dbt_project)]
    command += ["--target-path", str(work / "target"), "--log-path", str(work / "logs")]
    command += ["--full-refresh"] if full_refresh else []
    # A test that also reads a model which is not built now would compare the new with the old.
    command += ["--select", *select, "--indirect-selection", "cautious"] if select else []
    environment = child_environment(
        LAKEHOUSE_HOME=str(settings.home.absolute()), LAKEHOUSE_MODEL_BUILD=str(build_number), DO_NOT_TRACK="1", PYTHONUNBUFFERED="1"
    )
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment) as dbt:
        told = _Told()
        for line in dbt.stdout:
            told.hear(line, progress)
    if dbt.returncode != 0:
        raise told.failure(work / "target", Home(settings.home).warehouse)
    return [_name(result) for result in _results(work / "target") if result["status"] == "warn"]


class _Told:
    """What dbt's lines say: how far it is, and what went wrong first."""

    def __init__(self) -> None:
        self.failed: tuple[str, str] | None = None
        self.last_words: list[str] = []

    def hear(self, line: str, progress: Progress) -> None:
        try:
            said = json.loads(line)
        except json.JSONDecodeError:
            said = None
        if not isinstance(said, dict):
            self.last_words = [*self.last_words[-20:], line.rstrip()]
            return
        data, info = said.get("data", {}), said.get("info", {})
        if info.get("level") == "error":
            self.last_words = [*self.last_words[-20:], info.get("msg", "")]
        node = data.get("node_info", {})
        if info.get("name") in ("LogModelResult", "LogTestResult", "LogSeedResult"):
            progress(data.get("index", 0), data.get("total", 0), node.get("node_name", ""))
        if info.get("name") in ("RunResultError", "RunResultFailure", "RunResultErrorNoMessage") and self.failed is None:
            self.failed = (node.get("node_name", ""), data.get("msg", ""))

    def failure(self, target: Path, warehouse: Path) -> CommandFailedError:
        first = next((r for r in _results(target) if r["status"] in ("error", "fail", "runtime error")), None)
        if first is None:
            node, words = self.failed or ("its start", " ".join(self.last_words[-5:]))
            return CommandFailedError(
                f"dbt failed in {node}: {_flat(words)}", hint="mend the project or its settings, then run `lakehouse model` again"
            )
        words = _broken_rules(first, warehouse) or _flat(first["message"] or "")
        return CommandFailedError(f"dbt failed in {_name(first)}: {words}", hint=_hint(first, target))


def _results(target: Path) -> list[dict]:
    """What dbt says of each node; nothing where it did not come so far."""
    try:
        return json.loads((target / "run_results.json").read_text(encoding="utf-8"))["results"]
    except (FileNotFoundError, json.JSONDecodeError):
        return []


def _name(result: dict) -> str:
    return result["unique_id"].split(".")[2]


def _broken_rules(result: dict, warehouse: Path) -> str:
    """Which rules of its contract a table breaks, and in how many rows; no value of a row is told."""
    if result["status"] != "fail" or not _name(result).endswith("_keeps_its_contract"):
        return ""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        rules = connection.execute(result["compiled_code"]).fetchall()
    return ", ".join(f"{rule} ({failures} rows)" for rule, failures in rules)


def _flat(words: str) -> str:
    return " ".join(words.split())


def _hint(result: dict, target: Path) -> str:
    kind = "compiled" if result["unique_id"].startswith("test.") else "run"
    return f"its SQL is below {target / kind}; mend the model or the data, then run `lakehouse model` again"
