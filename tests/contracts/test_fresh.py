"""Nothing derived is stale: `make generate` on a clean tree changes nothing."""

from lakehouse.contracts import generate
from lakehouse.contracts.registry import Registry


def test_everything_generated_is_fresh(root) -> None:
    stale = generate.stale(Registry(root / "contracts"), root)
    assert not stale, "run `make generate` and commit what it changes"


def test_a_catalogue_page_without_a_contract_is_an_orphan(root) -> None:
    pages = {p.stem for p in (root / "docs" / "catalogue").glob("*.md")} - {"README", "vocabulary"}
    assert pages == {c.id for c in Registry(root / "contracts")}
