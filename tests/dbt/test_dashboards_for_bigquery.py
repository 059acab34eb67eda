"""What dashboards ask of curated tables is SQL that BigQuery takes, too, and answers with the columns they expect."""

import re

import pytest
from googlesql import BigQuery

from dashboards.definitions import dashboards
from lakehouse.contracts import registry
from lakehouse.contracts.project import bigquery_schema

pytestmark = pytest.mark.slow(10)


def test_googles_analyzer_takes_every_card() -> None:
    engine = BigQuery()
    for contract in registry().layer("curated"):
        engine.add(contract.table, [(column["name"], column["type"]) for column in bigquery_schema(contract.fields)])
    for board in dashboards():
        for card in board.cards:
            sql = re.sub(r"\bcurated\.(\w+)", r"`\1`", card.query("kzone"))
            assert set(card.names) <= {name for name, _ in engine.analyze(sql)}, card.title
