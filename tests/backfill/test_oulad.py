"""Real submissions, all the way: the file's rows are fact_attempts' rows, and its means are the marts' means."""

import csv
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from lakehouse.places import Home
from tests.commands import succeeds

pytestmark = pytest.mark.slow(60)


@pytest.fixture(scope="module")
def folder(request: pytest.FixtureRequest) -> Path:
    found = request.config.rootpath.parent / "shared" / "data" / "oulad"
    if not found.exists():
        pytest.skip("the OULAD sample (studentAssessment.csv, assessments.csv) is not in ../shared/data/oulad")
    return found


@pytest.fixture(scope="module")
def scores(folder: Path) -> dict[str, list[Decimal]]:
    """Assessment → the scores of its submissions that have one, straight from the file."""
    found = defaultdict(list)
    with (folder / "studentAssessment.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["score"] != "?":
                found[row["id_assessment"]].append(Decimal(row["score"]))
    return found


@pytest.fixture
def backfilled(home: Path, root: Path, folder: Path) -> Path:
    """The warehouse after the file was backfilled twice, landed, refined and modelled."""
    mapping = root / "collectors" / "backfill" / "mappings" / "oulad.yaml"
    for _ in range(2):
        succeeds("backfill", str(folder / "studentAssessment.csv"), "--mapping", str(mapping), "--strict")
    for step in ("land", "refine"):
        succeeds(step)
    succeeds("model", "--select", "+mart_exam_performance", "--select", "+dim_exam")
    return Home(home).warehouse


def test_the_warehouse_holds_the_file(backfilled: Path, scores: dict[str, list[Decimal]]):
    submissions = sum(map(len, scores.values()))
    assert submissions > 1_000
    with duckdb.connect(str(backfilled), read_only=True) as warehouse:
        (attempts,) = warehouse.execute("select count(*) from curated.fact_attempts").fetchone()
        means = dict(warehouse.execute("select exam_id, avg(score) from curated.fact_attempts group by all").fetchall())
        in_mart = warehouse.execute(
            "select exam_id, sum(mean_score * finished_count) / sum(finished_count) from curated.mart_exam_performance group by all"
        )
        of_mart = dict(in_mart.fetchall())
        titles = dict(warehouse.execute("select exam_id, exam_type from curated.dim_exam where is_catalogued").fetchall())
    assert attempts == submissions
    expected = {f"oulad-{assessment}": float(sum(given) / len(given)) for assessment, given in scores.items()}
    assert means == pytest.approx(expected, rel=1e-12)
    assert of_mart == pytest.approx(expected, rel=1e-9)
    assert titles == {exam: "coursework" for exam in expected} | {"oulad-1757": "final"}
