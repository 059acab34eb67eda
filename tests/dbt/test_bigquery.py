"""Every model, compiled for BigQuery both ways, read by Google's own analyzer against tables made from contracts.

contracts ─▶ catalog of clean tables ┐
dbt compile, full and incremental ───┴▶ analyzer, model by model ─▶ columns and types ─▶ as the model's contract says
"""

from pathlib import Path

import pytest
from compiling import compiled, flat
from googlesql import BigQuery

from lakehouse.contracts import registry
from lakehouse.contracts.project import bigquery_schema, clean_fields


@pytest.fixture(scope="module")
def warehouse() -> BigQuery:
    bigquery = BigQuery()
    contracts = registry()
    for contract in contracts.ingested:
        fields = bigquery_schema(clean_fields(contract, contracts.vocabulary))
        bigquery.add(f"clean.{contract.table}", [(f["name"], f["type"]) for f in fields])
    zone = [contracts.word(name) for name in ("zone_id", "zone_name", "site_host", "zone_code")]
    bigquery.add("staging.zones", [(f["name"], f["type"]) for f in bigquery_schema(tuple(zone))])
    return bigquery


@pytest.mark.parametrize("offline_mode", ["full", "incremental"])
def test_google_reads_every_model_as_its_contract_says(root: Path, tmp_path: Path, warehouse: BigQuery, offline_mode: str) -> None:
    promised = {c.table: c for c in registry().layer("curated", "features")}
    read, refused = set(), {}
    for node in compiled(root, tmp_path, offline_mode):
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


def test_the_analyzer_refuses_what_bigquery_would(warehouse: BigQuery) -> None:
    for wrong in (
        "select epoch_ms(dt) from `clean.exam_events`",
        "select score + event_id from `clean.exam_events`",
        "select nothing_such from `clean.users`",
    ):
        with pytest.raises(Exception, match="INVALID_ARGUMENT"):
            warehouse.analyze(wrong)
