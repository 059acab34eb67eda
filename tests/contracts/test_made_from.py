"""Where the catalogue says that a dataset comes from."""

from pathlib import Path

import pytest

from lakehouse.contracts import dbt, registry
from lakehouse.contracts.made_from import Lineage, lineage, reads


@pytest.fixture(scope="module")
def found(root: Path) -> Lineage:
    return lineage(registry(), root / "dbt_project" / "models", dbt.staging_models(registry()))


def test_references_and_sources_are_read_in_every_spelling() -> None:
    assert reads("""{{ ref('a') }} {{ref( "b" )}} {{ source('clean', 'c') }} {{ filed(ref('d'), 'e') }} 'ref'""") == {"a", "b", "c", "d"}


def test_what_lies_between_two_datasets_is_left_out(found: Lineage) -> None:
    assert found.parents["curated.fact_voice_analysis"] == ["kzone.voice.events"]
    assert found.parents["curated.mart_kzone_voice"] == ["curated.fact_voice_analysis"]
    assert "curated.mart_kzone_voice" in found.children["curated.fact_voice_analysis"]
    assert found.dashboards["curated.mart_kzone_voice"] == ["K-Zone voice"]


def test_everything_curated_comes_from_somewhere(found: Lineage) -> None:
    made = {c.id for c in registry().layer("curated", "features")}
    assert {contract_id for contract_id in made if not found.parents[contract_id]} == {"curated.dim_date", "curated.dim_zone"}
