"""Where data may be: in its own region, and nowhere else, but for what says `replicated` and tells of nobody who they are.

    reference/regions.yaml ─▶ Regions, tenant by tenant ─▶ whoever takes records in asks `is_home_of`
    replicated: true       ─▶ check(): feature vectors alone, of columns that no reader needs leave for ─▶ `lakehouse replicate`

Both are said before anything moves: a contract that would send what is personal abroad cannot be read, and so no command that
would do it starts.
"""

from collections.abc import Iterable, Mapping, Sequence

from lakehouse.contracts.model import KEPT_BY_DEFAULT, Contract, Field, Region
from lakehouse.errors import ContractError

REPLICATED_LAYER = "features"


def regions(said: Iterable[Mapping], org_id: Field) -> tuple[Region, ...]:
    """Of regions.yaml; `org_id`: the vocabulary's. Raises ContractError where a tenant has no home, or two."""
    found = tuple(sorted((Region(**one) for one in said), key=lambda one: one.first_org_id))
    if len([one for one in found if one.is_primary]) != 1:
        raise ContractError(
            "reference/regions.yaml: one region is the primary one", hint="is_primary: true, where whoever has no tenant is at home"
        )
    for name in ("region_id", "cloud_region"):
        if len({getattr(one, name) for one in found}) != len(found):
            raise ContractError(f"reference/regions.yaml: a {name} is there twice", hint="each region is one place")
    edges = [(one.first_org_id, one.last_org_id) for one in found]
    starts, ends = [org_id.minimum, *(last + 1 for _, last in edges)], [*(first for first, _ in edges), org_id.maximum + 1]
    if starts != ends:
        raise ContractError(
            "reference/regions.yaml: the regions' org_ids leave a gap, or overlap",
            hint=f"together they are {org_id.minimum} to {org_id.maximum}, each once",
        )
    return found


def check(contract: Contract) -> None:
    """Raises ContractError where a contract would be replicated and may not leave its region."""
    if not contract.is_replicated:
        return
    if contract.layer != REPLICATED_LAYER:
        raise ContractError(
            f"replicated, and of the layer {contract.layer}: it stays in its region",
            hint=f"only {REPLICATED_LAYER} are copied to other regions: take `replicated` away, or make a vector of what is needed there",
        )
    personal = [f"{f.name} ({f.classification})" for f in contract.fields if f.classification not in KEPT_BY_DEFAULT]
    if personal:
        raise ContractError(
            f"replicated, and would move {', '.join(personal)} across regions",
            hint="take these fields out of it, or take `replicated` away",
        )


def replicated(contracts: Iterable[Contract]) -> Sequence[Contract]:
    """What other regions have a copy of."""
    return [contract for contract in contracts if contract.is_replicated]
