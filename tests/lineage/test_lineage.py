"""Lineage as runs tell it: every dataset has a contract, every model its inputs, and an endpoint in trouble fails nobody."""

import json
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from lakehouse.contracts import registry
from lakehouse.lineage.columns import ColumnLineage
from lakehouse.lineage.datasets import flow
from lakehouse.lineage.events import emit, run_event
from lakehouse.lineage.models import model_events
from lakehouse.places import Home
from lakehouse.settings import Settings, settings
from tests.receiver import receiving

EVENT = run_event("COMPLETE", datetime(2026, 3, 1, tzinfo=UTC), "dbt.x", "i1", [], [], "lakehouse/daily.model/0190-aa")


def test_what_one_command_writes_the_next_one_reads() -> None:
    journey = [flow((verb,), registry()) for verb in ("land", "refine", "model", "serve")]
    for before, after in pairwise(journey):
        assert after.reads and set(after.reads) <= set(before.writes)


def test_a_gate_reads_what_it_is_told_to(tmp_path: Path) -> None:
    found = flow(("check", "clean", "--dataset", "kzone.voice.events", "--dataset", "exam_events"), registry())
    assert found.reads == ("clean.exam_events", "clean.voice_events") and found.writes == ("monitoring.data_quality_checks",)
    assert len(flow(("check", "curated"), registry()).reads) > 30
    assert flow(("model", "--select", "+marts.kzone"), registry()) == flow(("media", "check"), registry())


def test_events_are_lines_of_a_file_or_posts_to_an_endpoint(home: Path) -> None:
    emit(settings(), [EVENT])
    emit(settings(), [EVENT])
    lines = (Home(home).lineage / "models.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [EVENT, EVENT]
    with receiving() as receiver:
        emit(Settings(lineage_url=receiver.url("/")), [EVENT])
        assert receiver.at("/api/v1/lineage") == [EVENT]
        receiver.answers = [500, 500]
        emit(Settings(lineage_url=receiver.url("")), [EVENT, EVENT])
        assert len(receiver.got) == 2, "after the first refusal it gives up, and raises nothing"


def test_a_run_knows_its_parent_and_keeps_its_id() -> None:
    parent = EVENT["run"]["facets"]["parent"]
    assert (parent["job"], parent["run"]) == ({"namespace": "lakehouse", "name": "daily.model"}, {"runId": "0190-aa"})
    assert EVENT["run"]["runId"] == run_event("FAIL", datetime.now(UTC), "dbt.x", "i1", [], [], None)["run"]["runId"]


def test_a_build_tells_of_each_model_and_seed_that_it_made_or_failed_to(tmp_path: Path) -> None:
    model = {"name": "mart", "schema": "curated", "resource_type": "model", "columns": {"n": {"name": "n", "data_type": "bigint"}}}
    nodes = {
        "seed.m.zones": {"name": "zones", "schema": "main", "resource_type": "seed", "columns": {}, "depends_on": {"macros": []}},
        "model.m.mart": model | {"depends_on": {"nodes": ["seed.m.zones", "source.m.clean.visits"]}},
    }
    sources = {"source.m.clean.visits": {"name": "visits", "identifier": "visits", "schema": "clean", "resource_type": "source"}}
    timing = [{"name": "execute", "started_at": "2026-03-01T00:00:00Z", "completed_at": "2026-03-01T00:00:05Z"}]
    states = {"seed.m.zones": "success", "model.m.mart": "error", "test.m.t": "pass"}
    results = [{"unique_id": name, "status": status, "timing": timing} for name, status in states.items()]
    (tmp_path / "manifest.json").write_text(json.dumps({"nodes": nodes, "sources": sources}))
    (tmp_path / "run_results.json").write_text(json.dumps({"metadata": {"invocation_id": "i"}, "results": results}))
    seed, mart = model_events(tmp_path, {"zones": 9}, None)
    assert (seed["eventType"], seed["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"]) == ("COMPLETE", 9)
    assert (mart["eventType"], [d["name"] for d in mart["inputs"]]) == ("FAIL", ["main.zones", "clean.visits"])
    assert mart["eventTime"] == "2026-03-01T00:00:05+00:00" and mart["outputs"][0]["facets"]["schema"]["fields"] == [
        {"name": "n", "type": "bigint"}
    ]


def test_of_a_build_that_never_began_there_is_nothing_to_tell(tmp_path: Path) -> None:
    assert list(model_events(tmp_path, {}, None)) == []


SQL = """
with visits as (select user_pid, zone_id, dt from "w"."clean"."visits" where dt in (date '2026-03-01')),
people as (select * from "w"."curated"."dim_user")
select v.zone_id, count(distinct v.user_pid) as visitors, max(p.birth_year) as youngest, count(*) as n
from visits v left join people p using (user_pid) group by all
"""
COLUMNS = {
    "clean.visits": {"user_pid": "VARCHAR", "zone_id": "VARCHAR", "dt": "DATE"},
    "curated.dim_user": {"user_pid": "VARCHAR", "birth_year": "INTEGER"},
}


def test_columns_are_followed_through_parts_of_a_query_to_the_tables(tmp_path: Path) -> None:
    found = ColumnLineage(tmp_path / "columns.json", "w", COLUMNS).of(SQL, list(COLUMNS))
    assert found == {
        "zone_id": [["clean.visits", "zone_id"]],
        "visitors": [["clean.visits", "user_pid"]],
        "youngest": [["curated.dim_user", "birth_year"]],
        "n": [],
    }


def test_a_query_is_read_once_whatever_its_days_and_again_when_a_table_it_reads_has_changed(tmp_path: Path, monkeypatch) -> None:
    kept, read = tmp_path / "columns.json", []
    slow = ColumnLineage._read
    monkeypatch.setattr(ColumnLineage, "_read", lambda self, sql, tables: read.append(sql) or slow(self, sql, tables))
    for sql, columns in (
        (SQL, COLUMNS),
        (SQL.replace("03-01", "04-02"), COLUMNS),
        (SQL, COLUMNS | {"curated.dim_user": {"user_pid": "VARCHAR"}}),
    ):
        lineage = ColumnLineage(kept, "w", columns)
        lineage.of(sql, list(COLUMNS))
        lineage.keep()
    assert len(read) == 2


def test_what_cannot_be_read_has_no_columns_and_fails_nothing(home: Path) -> None:
    assert ColumnLineage(home / "columns.json", "w", {}).of("select from where", []) == {}
