"""Every model's meaning as a small table (dbt unit tests), on a lake in which nothing has happened yet."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from clean_rows import ask

from lakehouse.contracts import registry
from lakehouse.model.build import build
from lakehouse.settings import child_environment, settings

pytestmark = pytest.mark.slow(50)

# One macro makes all int_*_newest, another one all dim_*_history, and each is tested once; int_items_seen is that rule the other way round, and test_order.py holds it.
_OF_ONE_RULE = {
    "int_items_seen",
    "dim_item_history",
    "dim_organization_history",
    *(f"int_{name}_newest" for name in ("organizations", "users", "items", "payments", "classes", "contents")),
}


def test_an_empty_lake_builds_and_every_unit_test_passes(home: Path, root: Path) -> None:
    build(settings())
    for contract in registry().layer("curated", "features"):
        always_there = {"dim_date": 14_610, "dim_zone": 9}
        assert ask(home, f"select count(*) from {contract.layer}.{contract.table}") == [(always_there.get(contract.table, 0),)]

    command = [sys.executable, "-m", "dbt.cli.main", "--no-version-check", "--quiet", "test", "--select", "test_type:unit"]
    command += ["--project-dir", str(root / "dbt_project"), "--profiles-dir", str(root / "dbt_project")]
    target = home / "warehouse" / "dbt" / "target"  # the build's, whose parse dbt keeps
    command += ["--target-path", str(target), "--log-path", str(target), "--log-level-file", "none"]
    done = subprocess.run(command, capture_output=True, text=True, env=child_environment(LAKEHOUSE_HOME=str(home)), timeout=300)
    assert done.returncode == 0, done.stdout
    results = json.loads((target / "run_results.json").read_text())["results"]
    assert len(results) == len(_unit_tests(root)) and all(r["status"] == "pass" for r in results)


def test_every_model_that_reckons_has_a_unit_test(root: Path) -> None:
    """A model that joins, groups or ranks has a meaning that a small table can show; one that only renames has not."""
    models = {path.stem: path.read_text() for path in (root / "dbt_project" / "models").rglob("*.sql")}
    reckons = {name for name, sql in models.items() if re.search(r"\bgroup by\b|\brow_number\b|newest_changes|versions_of", sql)}
    tested = set(_unit_tests(root).values())
    assert reckons - tested - {*_OF_ONE_RULE} == set()


def _unit_tests(root: Path) -> dict[str, str]:
    """Name of each unit test → the model that it is of."""
    files = (root / "dbt_project" / "models").rglob("_unit_tests.yml")
    return {test["name"]: test["model"] for path in files for test in yaml.safe_load(path.read_text())["unit_tests"]}
