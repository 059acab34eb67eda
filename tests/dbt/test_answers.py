"""The same town, modelled twice: by dbt on DuckDB, and by Google's reference evaluator from the SQL compiled for BigQuery.

Every fact, dimension, mart and feature has to come out the same, row by row and bit by bit.
"""

from decimal import Decimal
from pathlib import Path

import duckdb
from clean_rows import Row, write
from compiling import compiled, flat
from googlesql import BigQuery
from small_town import town

from lakehouse.contracts import registry
from lakehouse.contracts.project import bigquery_schema, clean_fields
from lakehouse.model.build import build
from lakehouse.places import Home
from lakehouse.settings import settings


def test_bigquery_answers_as_duckdb_does(home: Path, root: Path, tmp_path: Path) -> None:
    rows = town(seed=3, days=4, users=6)
    write(rows, "all")
    build(settings())
    bigquery = _warehouse(rows, home)

    different = {}
    for node in compiled(root, tmp_path / "target", "full"):
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
    for contract in contracts.ingested:
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
