"""`lakehouse serve` and `lakehouse features` as a person runs them."""

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feature_rows import FIRST
from typer.testing import CliRunner

from feature_repo import serving
from feature_repo.command import app
from lakehouse import places
from lakehouse.errors import BadInputError, DeniedError
from lakehouse.privacy import training_sets
from lakehouse.settings import child_environment, settings
from lakehouse.storage.open import open_audit, open_files

BIN = Path(sys.executable).parent


def features(*arguments: object) -> str:
    """What `lakehouse features …` prints; in this process, which has paid for Feast's start already."""
    ran = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    return ran.stdout


def test_from_tables_to_the_tutor_and_to_a_training_frame(some_features, tmp_path, agree):
    with pytest.raises(BadInputError) as early:
        features("online", "u0")
    assert "lakehouse serve" in early.value.hint

    served = subprocess.run([BIN / "lakehouse", "serve"], capture_output=True, text=True, timeout=120)
    assert served.returncode == 0, served.stderr
    assert "engagement_vector" in served.stdout and "student_skill_vector" in served.stdout

    lines = [json.loads(line) for line in features("online", "u0", "u9", "--json").splitlines()]
    assert {(row["view"], row["user_pid"], row.get("skill")) for row in lines} == {
        ("engagement_vector", "u0", None),
        ("engagement_vector", "u9", None),
        ("learning_path_vector", "u0", None),
        ("learning_path_vector", "u9", None),
        ("student_skill_vector", "u0", "algebra"),
        ("student_skill_vector", "u0", "late"),
    }
    assert "activity_count_7d" in features("online", "u0")
    assert [row["activity_count_7d"] for row in lines if row["view"] == "engagement_vector"] == [3, None]

    labels, frame = tmp_path / "labels.csv", tmp_path / "out" / "frame.parquet"
    labels.write_text(f"user_pid,label_at,passed\nu0,{FIRST + timedelta(hours=30)},true\nu3,{FIRST},false\n")
    wanted = "training", "--entities", labels, "--output", frame, "--view", "engagement_vector"
    with pytest.raises(BadInputError, match="nobody"):
        features(*wanted)
    agree("u0", "u3")
    told = features(*wanted)
    assert "2 rows, 9 features added" in told
    assert [(r["user_pid"], r["passed"], r["activity_count_7d"]) for r in pq.read_table(frame).to_pylist()] == [
        ("u0", True, 1),
        ("u3", False, None),
    ]

    training_sets.require(settings(), frame)
    agree("u3", is_granted=False)
    features(*wanted)
    assert pq.read_table(frame)["user_pid"].to_pylist() == ["u0"], "who takes it back is in no further frame"
    agree("u3")

    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"pid": ["u0"]}), sink)
    open_files(settings()).put(places.hidden_people(), sink.getvalue().to_pybytes())
    lines = [json.loads(line) for line in features("online", "u0", "u9", "--json").splitlines()]
    assert {row["user_pid"] for row in lines} == {"u9"} and features("online", "u0", "--json") == ""
    features("training", "--entities", labels, "--output", frame, "--view", "engagement_vector")
    assert [(r["user_pid"], r["passed"], r["activity_count_7d"]) for r in pq.read_table(frame).to_pylist()] == [
        ("u3", False, None),
    ]
    for role in ("analyst", "data_engineer"):
        with pytest.raises(DeniedError):
            features("online", "u1", "--as", role)
    told = [(r.action, r.purpose, r.outcome) for r in open_audit(settings()).records()]
    assert told.count(("features.read", "tutoring", "allowed")) == 5 and told.count(("features.trained", "ai_training", "allowed")) == 4
    assert told[-1] == ("features.read", "tutoring", "denied")


def test_feasts_own_command_reads_the_same_store(home, some_features, root):
    """feature_store.yaml and the definitions are a Feast repository like any other."""
    serving.serve(settings())
    environment = child_environment(FEATURE_STORE=str(home / "feature_store"))
    applied = subprocess.run(
        [BIN / "feast", "--chdir", "feature_repo", "apply"], cwd=root, env=environment, capture_output=True, text=True, timeout=120
    )
    assert applied.returncode == 0, applied.stderr[-2000:]
    assert "Updated feature view engagement_vector" in applied.stdout  # Feast counts its own timestamps as a change
    assert "Created feature view" not in applied.stdout and "Deleted" not in applied.stdout
    (row,) = features("online", "u0", "--view", "engagement_vector", "--json").splitlines()
    assert json.loads(row)["activity_count_7d"] == 3
