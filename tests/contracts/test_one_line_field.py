"""Adding an optional field to a stream is one edited line and `make generate`; then it is in clean and in dbt."""

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from lakehouse.settings import settings

pytestmark = pytest.mark.slow(40)
LINE = '      - {name: theme, logicalType: string, classification: internal, description: "Colours that the visitor chose."}\n'
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def lakehouse(*command: str) -> None:
    done = subprocess.run([Path(sys.executable).with_name("lakehouse"), *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"lakehouse {' '.join(command)}: {done.stderr[-2000:]}"


def send(event_id: str, **payload: str) -> None:
    """One page view through the door and onto the bus, by a program that reads the contracts as they are now."""
    event = {
        "event_id": event_id,
        "contract": "web.behaviour.events",
        "payload": {"event_type": "page_view", "occurred_at": NOW.isoformat(), "session_id": "s-1", "page_path": "/", **payload},
    }
    program = (
        "import sys; from datetime import datetime; from lakehouse.door import admit; from lakehouse.envelope import pack; from lakehouse.settings import settings;"
        "from lakehouse.storage.open import open_bus;"
        "verdict = admit(sys.argv[1].encode(), zone_id='univprep', received_at=datetime.fromisoformat(sys.argv[2]), source='http');"
        "bus = open_bus(settings()); bus.publish(verdict.contract, pack([verdict.line])); bus.close()"
    )
    subprocess.run([sys.executable, "-c", program, json.dumps(event), NOW.isoformat()], check=True)


def refined() -> None:
    lakehouse("land")
    lakehouse("refine")


def modelled() -> None:
    """The tables that the field is added to: clean, with the test of its contract, and staging."""
    lakehouse("model", "--select", "source:clean.behaviour_events", "--select", "stg_behaviour_events")


def themes(home: Path, relation: str) -> dict[str, str | None]:
    with duckdb.connect(str(home / "warehouse" / "lakehouse.duckdb"), read_only=True) as warehouse:
        return dict(warehouse.execute(f"select event_id, theme from {relation}").fetchall())


def test_one_line_and_generate(root: Path, home: Path, tmp_path: Path, monkeypatch) -> None:
    project = tmp_path / "project"
    for folder in ("contracts", "dbt_project", "docs"):
        shutil.copytree(root / folder, project / folder, ignore=shutil.ignore_patterns("target", "logs"))
    monkeypatch.setenv("LAKEHOUSE_CONTRACTS", str(project / "contracts"))
    monkeypatch.setenv("LAKEHOUSE_DBT_PROJECT", str(project / "dbt_project"))
    settings.cache_clear()

    send("before-the-line", theme="green")
    refined()

    contract = project / "contracts" / "web" / "behaviour_events.odcs.yaml"
    contract.write_text(contract.read_text(encoding="utf-8") + LINE, encoding="utf-8")
    lakehouse("contracts", "generate", "--root", str(project))
    send("after-the-line", theme="blue")
    refined()
    modelled()

    # What came before the contract knew the field stays in sealed raw; what came after is in clean and in staging.
    expected = {"before-the-line": None, "after-the-line": "blue"}
    assert themes(home, "clean.behaviour_events") == expected
    assert themes(home, "staging.stg_behaviour_events") == expected
    assert "theme" in (project / "docs" / "catalogue" / "web.behaviour.events.md").read_text(encoding="utf-8")
