"""What each level may see of a dataset, read off its contract: the one policy that every reading path asks.

    contract ─▶ access() ─▶ holding (whose rows), people (how many a row is of), persons, sights (what becomes of each column)
                              └─▶ views.py (DuckDB), dashboards/publishing/fence.py (PostgreSQL), contracts/terraform.py (BigQuery)

level  who                      sees
L1     public                   aggregated tables, and of these only rows that stand for enough people
L2     internal                 every table, pseudonymous: what is personal is masked or absent
L3     restricted               personal columns, too
L4     admin                    everything, in every zone

holding     the table has                        its rows are seen by readers
tenant      zone_id and org_id                   of that tenant, or of the whole zone
zone        zone_id alone: figures of all        of the whole zone
            the zone's tenants together
city        neither, and people's figures        of all zones
reference   no person, no day: what there is     of any zone

Who somebody is, and for which purpose they read, is in roles.py. Raw has no level: it is sealed.
"""

from dataclasses import dataclass
from enum import StrEnum

from lakehouse.contracts.model import KEPT_BY_DEFAULT, Contract, Field
from lakehouse.contracts.project import clean_fields
from lakehouse.contracts.registry import Registry
from lakehouse.privacy.naming import pseudonyms

LEAST_PEOPLE = 5
"""A row of fewer people than this is not shown as public: it could be about somebody."""

# The vocabulary's words that count people, the widest first: `tests/dashboards` holds them against its descriptions.
PEOPLE = ("cohort_size", "mau", "wau", "dau", "learner_count", "visitor_count", "payer_count", "viewer_count")
READABLE = ("stream", "table", "derived", "curated", "features", "monitoring", "live")


class Level(StrEnum):
    """They compare as they stand: L1 < L2 < L3 < L4."""

    L1 = "L1"
    L2 = "L2"
    L3 = "L3"
    L4 = "L4"


class Holding(StrEnum):
    tenant = "tenant"
    zone = "zone"
    city = "city"
    reference = "reference"


class Sight(StrEnum):
    """What a reader gets in the place of a value."""

    SHOW = "show"  # what is stored encrypted: in clear by query.py, and where the engine has no keys as it is stored
    TOKEN = "token"  # a pseudonym: by purpose, and where the engine can, another name that only this reader knows it by
    YEAR = "year"  # a date: the first day of its year
    REDACT = "redact"  # a text: that there was one
    HIDE = "hide"  # the column is not there


@dataclass(frozen=True, slots=True)
class Access:
    """`people`: the column that says of how many people a row is; None where it is of one, or does not say.
    `persons`: the columns that name one, by pseudonym. A level that is not in `sights` sees nothing of the table."""

    holding: Holding
    people: str | None
    persons: tuple[str, ...]
    sights: dict[Level, dict[str, Sight]]

    def plain(self, level: Level) -> tuple[str, ...]:
        """The columns that an engine shows which can only give or withhold a column: a mask is then no value at all."""
        return tuple(name for name, sight in self.sights[level].items() if sight in (Sight.SHOW, Sight.TOKEN))


def access(contract: Contract, contracts: Registry) -> Access:
    fields = columns_of(contract, contracts)
    names, naming = {f.name for f in fields}, pseudonyms(contracts.vocabulary)
    persons = tuple(f.name for f in fields if f.name in naming)
    counted = None if persons else _least(names)
    sights = {level: {f.name: _sight(f, level, f.name in persons) for f in fields} for level in (Level.L2, Level.L3, Level.L4)}
    if counted:
        sights[Level.L1] = {name: Sight.SHOW for name, sight in sights[Level.L2].items() if sight is Sight.SHOW}
    shown = {level: {name: sight for name, sight in each.items() if sight is not Sight.HIDE} for level, each in sights.items()}
    return Access(_holding(contract, names, bool(persons)), counted, persons, shown)


def columns_of(contract: Contract, contracts: Registry) -> tuple[Field, ...]:
    """Its columns as they can be read: those of clean after their treatment."""
    return clean_fields(contract, contracts.vocabulary) if contract.is_clean else contract.fields


def zone_of_lake(contract: Contract) -> str:
    """clean, curated, features, monitoring or live: what a purpose is for, and the schema a reader finds it in."""
    return "clean" if contract.is_clean else contract.layer


def _sight(field: Field, level: Level, is_person: bool) -> Sight:
    if level is not Level.L2:
        return Sight.SHOW
    if is_person:
        return Sight.TOKEN
    if field.classification in KEPT_BY_DEFAULT:
        return Sight.SHOW
    if field.classification == "personal" and field.type in ("date", "timestamp"):
        return Sight.YEAR
    return Sight.REDACT if field.classification == "sensitive" and field.type == "text" else Sight.HIDE


def _least(names: set[str]) -> str | None:
    """Of the words that count people the narrowest: a row that has enough of those has enough of all."""
    return next((name for name in reversed(PEOPLE) if name in names), None)


def _holding(contract: Contract, names: set[str], is_individual: bool) -> Holding:
    if {"zone_id", "org_id"} <= names:
        return Holding.tenant
    if not is_individual and contract.event_time is None and not names & set(PEOPLE):
        return Holding.reference
    return Holding.zone if "zone_id" in names else Holding.city
