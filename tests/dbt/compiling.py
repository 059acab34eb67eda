"""The dbt project compiled for BigQuery, without network or credentials."""

import json
import re
import subprocess
import sys
from pathlib import Path

from lakehouse.contracts import registry
from lakehouse.model.clocks import COMPOSED
from lakehouse.settings import child_environment

_DAYS = ["2025-11-03", "2025-11-04"]


def compiled(root: Path, target: Path, offline_mode: str) -> list[dict]:
    """The manifest's models and tests with their SQL, parents before children. No network, no credentials.

    `offline_mode`: `full` or `incremental`; in the same target the second mode keeps the parse of the first.
    """
    clocks = {c.table: _DAYS for c in registry().clean} | dict.fromkeys(COMPOSED, _DAYS)
    command = [sys.executable, "-m", "dbt.cli.main", "--no-version-check", "--quiet", "compile", "--target", "offline"]
    command += ["--no-introspect", "--no-populate-cache", "--exclude", "resource_type:unit_test", "--vars", json.dumps({"clocks": clocks})]
    command += ["--project-dir", str(root / "dbt_project"), "--profiles-dir", str(root / "dbt_project")]
    command += ["--target-path", str(target), "--log-path", str(target), "--log-level-file", "none"]
    environment = child_environment(DO_NOT_TRACK="1", LAKEHOUSE_DBT_OFFLINE_MODE=offline_mode)
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    nodes = json.loads((target / "manifest.json").read_text())["nodes"]
    return [nodes[name] for name in _parents_first(nodes)]


def _parents_first(nodes: dict[str, dict]) -> list[str]:
    ordered: dict[str, None] = {}

    def visit(name: str) -> None:
        if name in nodes and name not in ordered:
            for parent in nodes[name]["depends_on"].get("nodes", ()):
                visit(parent)
            ordered[name] = None

    for name in sorted(nodes):
        visit(name)
    return list(ordered)


def flat(sql: str) -> str:
    """The catalog is flat: `project`.`dataset`.`table` is the one name `dataset.table`."""
    return re.sub(r"`offline`\.`(\w+)`\.`(\w+)`", r"`\1.\2`", sql)
