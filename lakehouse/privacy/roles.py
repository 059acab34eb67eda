"""Who reads, as what, and for what: roles and purposes, and the rows that they leave.

    role    ─▶ the highest level, the purposes it may have, what it must be bound to (a person, tenants, zones)
    purpose ─▶ the zones of the lake that it needs, and whether pseudonyms may be joined with anybody else's
    Reader  ─▶ sights(access): columns     rows(access): which rows, in words that every SQL understands

What a caller does not say it does not get: a teacher without tenants reads nothing.
"""

from dataclasses import dataclass
from enum import StrEnum

from lakehouse.access.caller import Role
from lakehouse.contracts.model import Contract
from lakehouse.errors import DeniedError
from lakehouse.privacy.access import LEAST_PEOPLE, Access, Holding, Level, Sight, zone_of_lake
from lakehouse.privacy.chain import ActorKind


class Purpose(StrEnum):
    OWN_DATA = "own_data"
    ANALYTICS = "analytics"
    SUPPORT = "support"
    TUTORING = "tutoring"
    AI_TRAINING = "ai_training"
    OPERATIONS = "operations"
    PRIVACY = "privacy"


class Bound(StrEnum):
    """What a caller of a role must name, or it reads nothing."""

    PERSON = "person"
    TENANTS = "tenants"
    ZONES = "zones"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Grant:
    level: Level
    bound: Bound
    purposes: tuple[Purpose, ...]
    """The first is meant where none is said."""


GRANTS = {
    Role.STUDENT: Grant(Level.L3, Bound.PERSON, (Purpose.OWN_DATA,)),
    Role.PARENT: Grant(Level.L3, Bound.PERSON, (Purpose.OWN_DATA,)),
    Role.TEACHER: Grant(Level.L2, Bound.TENANTS, (Purpose.SUPPORT, Purpose.TUTORING)),
    Role.TUTOR: Grant(Level.L2, Bound.TENANTS, (Purpose.TUTORING,)),
    Role.ORG_ADMIN: Grant(Level.L3, Bound.TENANTS, (Purpose.SUPPORT, Purpose.ANALYTICS)),
    Role.ZONE_ADMIN: Grant(Level.L3, Bound.ZONES, (Purpose.SUPPORT, Purpose.ANALYTICS)),
    Role.SYS_ADMIN: Grant(Level.L4, Bound.NOTHING, (Purpose.OPERATIONS, *(p for p in Purpose if p is not Purpose.OPERATIONS))),
    Role.ANALYST: Grant(Level.L2, Bound.NOTHING, (Purpose.ANALYTICS,)),
    Role.ML_ENGINEER: Grant(Level.L2, Bound.NOTHING, (Purpose.AI_TRAINING, Purpose.TUTORING)),
    Role.DATA_ENGINEER: Grant(Level.L2, Bound.NOTHING, (Purpose.OPERATIONS,)),
    Role.PRIVACY_OFFICER: Grant(Level.L4, Bound.NOTHING, (Purpose.PRIVACY,)),
}
READS = {
    Purpose.OWN_DATA: ("curated", "features", "live"),
    Purpose.ANALYTICS: ("curated",),
    Purpose.SUPPORT: ("curated", "live"),
    Purpose.TUTORING: ("features", "live"),
    Purpose.AI_TRAINING: ("clean", "curated", "features"),
    Purpose.OPERATIONS: ("clean", "curated", "features", "monitoring"),
    Purpose.PRIVACY: ("clean", "curated", "features", "monitoring", "live"),
}
# What people asked of us, and what they agreed to, is read by those who answer and those who keep it running, and by nobody else.
_RIGHTS, _OF_RIGHTS = "privacy", (Purpose.OPERATIONS, Purpose.PRIVACY)
# Purposes that ask about one row after another, across tables and colleagues, and need no way from one person to the next.
BY_TOKEN = (Purpose.ANALYTICS, Purpose.OPERATIONS)


def reads(purpose: Purpose, contract: Contract) -> bool:
    """Whether anybody reads this dataset for that."""
    return zone_of_lake(contract) in READS[purpose] and (contract.domain != _RIGHTS or purpose in _OF_RIGHTS)


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who reads. `zones`, `orgs`: None is all. `person`: the pseudonym of the one whose rows they may have."""

    actor: str
    actor_kind: ActorKind
    role: Role
    purpose: Purpose
    level: Level
    zones: frozenset[str] | None = None
    orgs: frozenset[int] | None = None
    person: str | None = None

    def __post_init__(self) -> None:
        """Raises DeniedError where the role is not for that level or purpose, or lacks what it must be bound to."""
        grant = GRANTS[self.role]
        if self.level > grant.level:
            raise _denied(f"{self.role} reads up to {grant.level}", f"ask for {grant.level}")
        if self.purpose not in grant.purposes:
            raise _denied(f"{self.role} has no purpose {self.purpose}", f"its purposes are {', '.join(grant.purposes)}")
        bound = {Bound.PERSON: self.person, Bound.TENANTS: self.orgs, Bound.ZONES: self.zones, Bound.NOTHING: True}
        if bound[grant.bound] is None:
            raise _denied(f"a {self.role} reads for {grant.bound} of its own", f"let the token name its {grant.bound}")

    def may_read(self, contract: Contract, access: Access) -> bool:
        """Whether any of it."""
        return reads(self.purpose, contract) and self.level in access.sights

    def sights(self, access: Access) -> dict[str, Sight]:
        """Column → what they get in its place; columns that are not there are not theirs."""
        return {
            name: Sight.SHOW if sight is Sight.TOKEN and self.purpose not in BY_TOKEN else sight
            for name, sight in access.sights[self.level].items()
        }

    def rows(self, access: Access) -> str:
        """The condition on a row, in SQL that DuckDB, PostgreSQL and BigQuery read alike. The hidden are not in it."""
        if self.person is not None:
            return self._own(access)
        if self.level is Level.L4:
            return "true"
        if self.level is Level.L1:
            return f"{access.people} >= {LEAST_PEOPLE}"
        match access.holding:
            case Holding.reference:
                return "true"
            case Holding.city:
                return _said(self.zones is None and self.orgs is None)
            case Holding.zone:
                return self._in_zones() if self.orgs is None else "false"
            case Holding.tenant:
                return f"{self._in_zones()} and {self._in_orgs()}"

    def _own(self, access: Access) -> str:
        """Theirs, wherever; and what is about nobody."""
        if not access.persons:
            return _said(access.holding is Holding.reference)
        return " or ".join(f"{name} = {text(self.person)}" for name in access.persons)

    def _in_zones(self) -> str:
        if self.zones is None:
            return "true"
        return f"zone_id in ({', '.join(text(zone) for zone in sorted(self.zones))})" if self.zones else "false"

    def _in_orgs(self) -> str:
        if self.orgs is None:
            return "true"
        return f"org_id in ({', '.join(str(int(org)) for org in sorted(self.orgs))})" if self.orgs else "false"


def text(value: str) -> str:
    """A literal. Raises DeniedError for what no zone, pseudonym or id of ours is made of: dialects escape differently."""
    if not value.replace("_", "").replace("-", "").isalnum() or not value.isascii():
        raise _denied("a zone or a person has another form than agreed", "see docs/how_to/give_access.md")
    return f"'{value}'"


def _said(is_true: bool) -> str:
    return "true" if is_true else "false"


def _denied(message: str, hint: str) -> DeniedError:
    return DeniedError(message, hint=hint, is_known=True)
