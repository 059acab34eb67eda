"""Every model, compiled for BigQuery both ways, read by Google's own analyzer against tables made from contracts.

contracts ─▶ catalog of clean tables ┐
dbt compile, full and incremental ───┴▶ analyzer, model by model ─▶ columns and types ─▶ as the model's contract says

And the same town, modelled twice: by dbt on DuckDB, and by Google's reference evaluator from the SQL compiled for BigQuery.
Every fact, dimension, mart and feature has to come out the same, row by row and bit by bit.
"""

import json
import re
from decimal import Decimal
from functools import cache
from pathlib import Path

import duckdb
import pytest
import sqlglot
from clean_rows import Row, write
from compiling import compiled, flat
from googlesql import BigQuery
from small_town import town

from lakehouse.contracts import registry
from lakehouse.contracts.project import bigquery_schema, clean_fields
from lakehouse.model.build import build
from lakehouse.places import Home
from lakehouse.settings import settings

pytestmark = pytest.mark.slow(110)


@pytest.fixture(scope="module")
def warehouse() -> BigQuery:
    bigquery = BigQuery()
    contracts = registry()
    for contract in contracts.clean:
        fields = bigquery_schema(clean_fields(contract, contracts.vocabulary))
        bigquery.add(f"clean.{contract.table}", [(f["name"], f["type"]) for f in fields])
    zone = [contracts.word(name) for name in ("zone_id", "zone_name", "site_host", "zone_code")]
    bigquery.add("staging.zones", [(f["name"], f["type"]) for f in bigquery_schema(tuple(zone))])
    return bigquery


@pytest.fixture(scope="module")
def nodes(root: Path, tmp_path_factory: pytest.TempPathFactory):
    """What dbt compiles in a mode, once a mode."""
    target = tmp_path_factory.mktemp("compiled")
    return cache(lambda offline_mode: compiled(root, target, offline_mode))


@pytest.mark.parametrize("offline_mode", ["full", "incremental"])
def test_google_reads_every_model_as_its_contract_says(nodes, warehouse: BigQuery, offline_mode: str) -> None:
    promised = {c.table: c for c in registry().layer("curated", "features")}
    read, refused = set(), {}
    for node in nodes(offline_mode):
        if node["resource_type"] not in ("model", "test") or node["config"]["materialized"] == "ephemeral":
            continue
        try:
            columns = warehouse.analyze(flat(node["compiled_code"]))
        except Exception as error:  # noqa: BLE001 - the analyzer's refusal is the finding; it is collected and fails the test
            refused[node["name"]] = str(error)
            continue
        if node["resource_type"] == "model":
            read.add(node["name"])
            warehouse.add(f"{node['schema']}.{node['alias']}", columns)
        if node["name"] in promised:
            wanted = {(f["name"], f["type"]) for f in bigquery_schema(promised[node["name"]].fields)}
            if wanted != set(columns):
                refused[node["name"]] = f"gives {sorted(set(columns) - wanted)}, not {sorted(wanted - set(columns))}"
    assert refused == {}
    assert promised.keys() <= read


def test_whatever_dbt_reads_or_writes_has_a_dataset_and_what_it_only_reads_a_table(nodes, root: Path) -> None:
    """Those that Terraform makes; it makes none for nobody, and no table where dbt makes one."""
    said = json.loads((root / "terraform/generated/datasets.json").read_text(encoding="utf-8"))["datasets"]
    made = {f"{t['dataset']}.{t['table']}" for t in map(_json, (root / "terraform/generated/tables").glob("*.json"))}
    found = [n for n in nodes("full") if n["resource_type"] in ("model", "seed", "test") and n["config"]["materialized"] != "ephemeral"]
    written = {f"{n['schema']}.{n['alias']}" for n in found if n["resource_type"] != "test"}
    read = {name for n in found if n.get("compiled_code") for name in re.findall(r"`(\w+\.\w+)`", flat(n["compiled_code"]))}
    assert read - written == made
    assert {name.partition(".")[0] for name in read | written} == {each["dataset"] for each in said}


def _json(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("offline_mode", ["full", "incremental"])
def test_whoever_reads_a_large_table_names_its_partitions(nodes, offline_mode: str) -> None:
    """BigQuery refuses other queries of a table with require_partition_filter. Neither Google's analyzer nor its evaluator knows of it."""
    found = nodes(offline_mode)
    large = {n["alias"]: n["config"]["partition_by"]["field"] for n in found if n["config"].get("require_partition_filter")}
    assert {"fact_attempts", "fact_responses", "fact_user_engagement"} <= large.keys()
    blind = [
        f"{n['name']} reads all of {table}" for n in found if n.get("compiled_code") for table in _read_whole(n["compiled_code"], large)
    ]
    assert blind == []


def _read_whole(sql: str, large: dict[str, str]) -> list[str]:
    """Those of the tables that are read by a SELECT whose conditions do not name the partition."""
    tables = [table for table in sqlglot.parse_one(sql, dialect="bigquery").find_all(sqlglot.exp.Table) if table.name in large]
    return [table.name for table in tables if large[table.name] not in _conditions(table.find_ancestor(sqlglot.exp.Select))]


def _conditions(select: sqlglot.exp.Select) -> set[str]:
    conditions = [select.args.get("where"), *(join.args.get("on") for join in select.args.get("joins") or ())]
    return {column.name for condition in conditions if condition for column in condition.find_all(sqlglot.exp.Column)}


def test_the_look_for_partitions_sees_what_names_none() -> None:
    facts = {"fact_logins": "occurred_on"}
    assert _read_whole("select * from `p.curated.fact_logins` as f where f.user_pid = 'x'", facts) == ["fact_logins"]
    assert _read_whole("select * from (select * from `p`.`curated`.`fact_logins`) where occurred_on > date '2026-01-01'", facts) == [
        "fact_logins"
    ]
    assert _read_whole("select * from `p`.`curated`.`fact_logins` as f where f.occurred_on in (date '2026-01-01')", facts) == []


def test_the_analyzer_refuses_what_bigquery_would(warehouse: BigQuery) -> None:
    for wrong in (
        "select epoch_ms(dt) from `clean.exam_events`",
        "select score + event_id from `clean.exam_events`",
        "select nothing_such from `clean.users`",
    ):
        with pytest.raises(Exception, match="INVALID_ARGUMENT"):
            warehouse.analyze(wrong)


def test_bigquery_answers_as_duckdb_does(home: Path, nodes) -> None:
    rows = town(seed=3, days=4, users=6)
    write(rows, "all")
    build(settings())
    bigquery = _warehouse(rows, home)

    different = {}
    for node in nodes("full"):
        if node["resource_type"] != "model" or node["config"]["materialized"] == "ephemeral":
            continue
        sql, name = flat(node["compiled_code"]), f"{node['schema']}.{node['alias']}"
        answer = bigquery.answer(sql)
        bigquery.add(name, bigquery.analyze(sql), answer)
        ours = _table(home, name)
        if _sorted(answer) != _sorted(ours):
            extra = [r for r in _sorted(answer) if r not in _sorted(ours)][:2]
            lacking = [r for r in _sorted(ours) if r not in _sorted(answer)][:2]
            different[name] = f"BigQuery has {extra}, DuckDB {lacking}"
    assert different == {}


def _warehouse(rows: list[Row], home: Path) -> BigQuery:
    bigquery = BigQuery()
    contracts = registry()
    for contract in contracts.clean:
        fields = bigquery_schema(clean_fields(contract, contracts.vocabulary))
        own = [row.values for row in rows if row.contract == contract.id]
        bigquery.add(f"clean.{contract.table}", [(f["name"], f["type"]) for f in fields], own)
    zones = [contracts.word(name) for name in ("zone_id", "zone_name", "site_host", "zone_code")]
    bigquery.add("staging.zones", [(f["name"], f["type"]) for f in bigquery_schema(tuple(zones))], _table(home, "staging.zones"))
    return bigquery


def _table(home: Path, name: str) -> list[dict]:
    with duckdb.connect(str(Home(home).warehouse), read_only=True) as warehouse:
        warehouse.execute("set TimeZone = 'UTC'")
        return warehouse.execute(f"select * from {name}").to_arrow_table().to_pylist()


def _sorted(rows: list[dict]) -> list[list[tuple]]:
    """Rows as sorted lists of (column, value); decimals by their number, since engines differ in the zeros they write."""
    plain = ({n: v.normalize() if isinstance(v, Decimal) else v for n, v in row.items()} for row in rows)
    return sorted((sorted(row.items()) for row in plain), key=repr)
