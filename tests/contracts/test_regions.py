"""Regions have every tenant once, and a contract that would send what is personal abroad is no contract."""

import shutil
from pathlib import Path

import pytest

from lakehouse.contracts.registry import Registry
from lakehouse.errors import ContractError

VECTOR, REGIONS = "features/engagement_vector.odcs.yaml", "reference/regions.yaml"


@pytest.fixture
def edited(root: Path, tmp_path: Path):
    def edit(path: str, old: str, new: str) -> Path:
        folder = shutil.copytree(root / "contracts", tmp_path / "contracts")
        text = (folder / path).read_text(encoding="utf-8")
        assert old in text
        (folder / path).write_text(text.replace(old, new, 1), encoding="utf-8")
        return folder

    return edit


def test_every_tenant_has_one_home_and_no_tenant_the_primary(root: Path) -> None:
    contracts = Registry(root / "contracts")
    org, exam, floors = contracts.word("org_id"), contracts.get("exam.events"), contracts.get("source.table_floors")
    edges = {edge for r in contracts.regions for edge in (r.first_org_id, r.last_org_id)}
    for org_id in {int(org.minimum), int(org.maximum)} | edges:
        assert sum(r.is_home_of(org_id, exam) for r in contracts.regions) == 1
    assert [r.region_id for r in contracts.regions if r.is_home_of(None, exam)] == ["seoul"] == [contracts.here.region_id]
    assert all(r.is_home_of(None, floors) for r in contracts.regions), "what is about nobody is everywhere at home"
    assert Registry(root / "contracts", "tokyo").here.region_name == "Tokyo"
    with pytest.raises(ContractError, match="busan"):
        Registry(root / "contracts", "busan")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("first_org_id: 1000000000", "first_org_id: 1000000001", "gap"),
        ("last_org_id: 999999999", "last_org_id: 1000000000", "overlap"),
        ("last_org_id: 2147483647", "last_org_id: 2147483646", "gap"),
        (", is_primary: true", "", "primary"),
        ("region_id: tokyo", "region_id: seoul", "twice"),
        ("cloud_region: us-east4", "cloud_region: europe-west3", "twice"),
    ],
)
def test_regions_that_leave_a_tenant_without_a_home_or_with_two_are_refused(edited, old: str, new: str, said: str) -> None:
    with pytest.raises(ContractError, match=said):
        Registry(edited(REGIONS, old, new))


@pytest.mark.parametrize("name", ["email", "birth_on", "user_agent", "redacted_answer_text"])
def test_a_vector_that_would_move_what_is_personal_is_refused(edited, name: str) -> None:
    folder = edited(VECTOR, "    properties:\n", f"    properties:\n      - {{name: {name}}}\n")
    with pytest.raises(ContractError, match=f"would move {name}") as refused:
        Registry(folder)
    assert "engagement_vector" in str(refused.value)


def test_only_vectors_are_replicated(edited) -> None:
    path = "exams/events.odcs.yaml"
    folder = edited(path, "    customProperties:\n", "    customProperties:\n      - {property: replicated, value: true}\n")
    with pytest.raises(ContractError, match="of the layer stream: it stays in its region"):
        Registry(folder)


def test_replicated_is_yes_or_no(edited) -> None:
    with pytest.raises(ContractError, match="perhaps"):
        Registry(edited(VECTOR, "{property: replicated, value: true}", "{property: replicated, value: perhaps}"))
