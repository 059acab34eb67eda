"""Who may see what of a curated table, read off its contract.

level  who                      sees
L1     public                   aggregated tables, and of these only rows that stand for enough people
L2     internal                 every table without a personal column, and the other columns of those that have one
L3     restricted               personal columns, too
L4     admin                    everything, in every zone

holding     the table has                        its rows are seen by logins
tenant      zone_id and org_id                   of that tenant, or of the whole zone
zone        zone_id alone: figures of all        of the whole zone
            the zone's tenants together
city        neither, and people's figures        of all zones
reference   no person, no day: what there is     of any zone
"""

from dataclasses import dataclass
from enum import StrEnum

from lakehouse.contracts.model import Contract
from lakehouse.contracts.registry import Registry

LEAST_PEOPLE = 5
"""A row of fewer people than this is not shown as public: it could be about somebody."""

# The vocabulary's words that count people, the widest first: `tests/dashboards` holds them against its descriptions.
PEOPLE = ("cohort_size", "mau", "wau", "dau", "learner_count", "visitor_count", "payer_count", "viewer_count")


class Level(StrEnum):
    L1 = "L1"
    L2 = "L2"
    L3 = "L3"
    L4 = "L4"


class Holding(StrEnum):
    tenant = "tenant"
    zone = "zone"
    city = "city"
    reference = "reference"


@dataclass(frozen=True, slots=True)
class Access:
    """`people`: the column that says of how many people a row is; None where it is of one, or does not say."""

    holding: Holding
    people: str | None
    columns: dict[Level, tuple[str, ...]]


def access(contract: Contract, contracts: Registry) -> Access:
    pseudonyms = {word.becomes for word in contracts.vocabulary.values() if word.treatment == "pseudonymise"}
    names = set(contract.names)
    is_individual = bool(names & pseudonyms)
    counted = None if is_individual else _least(contract)
    internal = tuple(f.name for f in contract.fields if f.classification in ("public", "internal"))
    columns = {Level.L2: internal, Level.L3: contract.names, Level.L4: contract.names}
    if counted:
        columns[Level.L1] = internal
    return Access(_holding(contract, names, is_individual), counted, columns)


def _least(contract: Contract) -> str | None:
    """Of the words that count people the narrowest: a row that has enough of those has enough of all."""
    return next((name for name in reversed(PEOPLE) if name in contract.names), None)


def _holding(contract: Contract, names: set[str], is_individual: bool) -> Holding:
    if {"zone_id", "org_id"} <= names:
        return Holding.tenant
    if not is_individual and contract.event_time is None and not names & set(PEOPLE):
        return Holding.reference
    return Holding.zone if "zone_id" in names else Holding.city
