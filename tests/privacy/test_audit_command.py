"""`lakehouse audit`: a privacy officer lists, verifies, exports and asks for a receipt."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lakehouse.places import Home
from lakehouse.privacy.audit import KEPT, Audit
from lakehouse.privacy.chain import ActorKind, Record
from lakehouse.settings import settings
from lakehouse.storage.open import open_audit
from lakehouse.storage.sql import sqlite_engine
from tests.commands import lakehouse, succeeds


@pytest.fixture
def written(home: Path) -> list[Record]:
    audit = open_audit(settings())
    told = {"actor": "reader", "actor_kind": ActorKind.SERVICE, "dataset": "exam.events"}
    return [audit.append(action, **told) for action in ("table.read", "erasure.received", "erasure.closed")]


def test_records_are_listed(written: list[Record], monkeypatch: pytest.MonkeyPatch) -> None:
    assert [json.loads(line) for line in succeeds("audit", "list", "--json").splitlines()] == [r.told() for r in written]
    assert [json.loads(line)["sequence"] for line in succeeds("audit", "list", "--json", "--action", "erasure.").splitlines()] == [2, 3]
    assert "no such record" in succeeds("audit", "list", "--to", "2026-01-01")
    monkeypatch.setenv("COLUMNS", "200")
    shown = succeeds("audit", "list", "--limit", "1")
    assert "erasure.closed" in shown and "table.read" not in shown


def test_the_chain_is_verified_and_a_receipt_holds(written: list[Record], tmp_path: Path) -> None:
    receipt = f"2:{written[1].hash}"
    assert f"3 records fit; the last is 3:{written[2].hash}" in succeeds("audit", "verify", "--holds", receipt)
    assert lakehouse("audit", "verify", "--holds", f"2:{'0' * 64}").returncode == 14
    assert lakehouse("audit", "verify", "--holds", "the second").returncode == 11
    export = tmp_path / "export.jsonl"
    export.write_text("".join(succeeds("audit", "list", "--json").splitlines(keepends=True)[1:]), encoding="utf-8")
    assert "2 records fit" in succeeds("audit", "verify", "--file", str(export), "--holds", receipt)
    assert lakehouse("audit", "verify", "--file", str(export), "--holds", f"1:{written[0].hash}").returncode == 14
    export.write_text(export.read_text(encoding="utf-8").replace("erasure.closed", "erasure.opened"), encoding="utf-8")
    done = lakehouse("audit", "verify", "--file", str(export))
    assert done.returncode == 14 and "record 3" in done.stderr
    export.write_text("{}", encoding="utf-8")
    assert lakehouse("audit", "verify", "--file", str(export)).returncode == 11


def test_what_is_older_than_a_year_is_forgotten(home: Path) -> None:
    long_ago = Audit(sqlite_engine(Home(home).audit / "audit.sqlite"), lambda: datetime.now(UTC) - KEPT - timedelta(days=1))
    long_ago.append("table.read", actor="reader", actor_kind=ActorKind.SERVICE)
    assert lakehouse("audit", "forget", "--older-than-days", "30").returncode == 2
    assert "1 records" in succeeds("audit", "forget")
    assert "1 records fit; the last is 2:" in succeeds("audit", "verify")
