"""dbt as a program of its own: started, watched line by line, and its failure told in one sentence."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

from lakehouse.errors import CommandFailedError, require
from lakehouse.settings import Settings, child_environment

Progress = Callable[[int, int, str], None]
"""done, total, name of the node that ended"""


def dbt_build(
    settings: Settings,
    clocks: dict[str, list[date]] | None,
    full_refresh: bool = False,
    select: Sequence[str] = (),
    progress: Progress = lambda done, total, node: None,
) -> None:
    """Build and test every model. Raises CommandFailedError that names the first node that failed, NotInstalledError."""
    require("dbt.version", "warehouse")
    work = settings.home.absolute() / "warehouse" / "dbt"
    work.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "dbt.cli.main", "--no-version-check", "--log-format", "json", "--log-level-file", "none", "build"]
    command += ["--project-dir", str(settings.dbt_project), "--profiles-dir", str(settings.dbt_project)]
    command += ["--target-path", str(work / "target"), "--log-path", str(work / "logs")]
    if clocks is not None:
        command += ["--vars", json.dumps({"clocks": {name: [d.isoformat() for d in days] for name, days in clocks.items()}})]
    command += ["--full-refresh"] if full_refresh else []
    command += ["--select", *select] if select else []
    environment = child_environment(LAKEHOUSE_HOME=str(settings.home.absolute()), DO_NOT_TRACK="1", PYTHONUNBUFFERED="1")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment) as dbt:
        told = _Told()
        for line in dbt.stdout:
            told.hear(line, progress)
    if dbt.returncode != 0:
        raise told.failure(work / "target")


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

    def failure(self, target: Path) -> CommandFailedError:
        node, words = _first_failure(target) or self.failed or ("dbt", "\n".join(self.last_words[-5:]))
        return CommandFailedError(f"dbt build failed in {node}: {' '.join(words.split())}", hint=_hint(node, target))


def _first_failure(target: Path) -> tuple[str, str] | None:
    try:
        results = json.loads((target / "run_results.json").read_text(encoding="utf-8"))["results"]
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    for result in results:
        if result["status"] in ("error", "fail", "runtime error"):
            return result["unique_id"].split(".")[2], result["message"] or ""
    return None


def _hint(node: str, target: Path) -> str:
    return f"its SQL, as it ran, is below {target}/run; mend the model or the data, then run `lakehouse model` again"
