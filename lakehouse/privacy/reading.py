"""Who runs this command, and the record of what they read: no look at data without a line in the audit log before it.

gate open (laptop)  ─▶ whoever `--as` says
gate closed         ─▶ LAKEHOUSE_DATA_TOKEN ─▶ Caller ─▶ role, zones, tenants, person of the token; options only narrow
                                                          └─▶ Reader ─▶ audit: table.read, allowed │ denied ─▶ rows
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lakehouse.access.caller import Caller, Role, Scope
from lakehouse.access.open import open_gate
from lakehouse.contracts.model import Contract
from lakehouse.contracts.registry import Registry
from lakehouse.errors import DeniedError
from lakehouse.privacy.access import Access, Level, access
from lakehouse.privacy.audit import Audit, os_user
from lakehouse.privacy.chain import ActorKind, Outcome
from lakehouse.privacy.roles import GRANTS, READS, Purpose, Reader
from lakehouse.settings import Settings
from lakehouse.storage.open import open_audit, open_vault


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody asks to read as. None is whatever their role, their token and their purpose give."""

    role: Role | None = None
    purpose: Purpose | None = None
    level: Level | None = None
    zones: frozenset[str] | None = None
    orgs: frozenset[int] | None = None
    person: str | None = None


class Looks:
    """One reader's looks at data, for the length of a command."""

    def __init__(self, reader: Reader, audit: Audit) -> None:
        self.reader = reader
        self._audit = audit

    def at(self, action: str, datasets: list[str], outcome: Outcome = Outcome.ALLOWED, **details: object) -> None:
        """Record a look, before it, or that it was refused. Raises UnavailableError: then there must be none."""
        reader = self.reader
        said = {"role": reader.role, "level": reader.level, "zones": _listed(reader.zones), "orgs": _listed(reader.orgs)}
        self._audit.append(
            action,
            actor=reader.actor,
            actor_kind=reader.actor_kind,
            dataset=datasets[0] if len(datasets) == 1 else None,
            purpose=reader.purpose,
            outcome=outcome,
            details=said | ({"datasets": sorted(datasets)} if len(datasets) > 1 else {}) | details,
        )

    def require(self, action: str, contract: Contract, contracts: Registry) -> Access:
        """Raises DeniedError, recorded, where nothing of it is this reader's."""
        reader, what = self.reader, access(contract, contracts)
        if not reader.may_read(contract, what):
            self.at(action, [contract.id], Outcome.DENIED)
            raise DeniedError(
                f"{contract.id} is not for {reader.role} at {reader.level} for {reader.purpose}",
                hint=f"{reader.purpose} reads {', '.join(READS[reader.purpose])}: `lakehouse query --tables` lists what you may",
                is_known=True,
            )
        return what


@contextmanager
def reading(settings: Settings, action: str, wanted: Wanted, otherwise: Role) -> Iterator[Looks]:
    """`otherwise`: the role where nobody says one and the gate is open. Raises DeniedError, which is recorded, too."""
    audit = open_audit(settings)
    gate = open_gate(settings)
    try:
        actor, kind = (os_user(), ActorKind.OS_USER) if gate.is_open else ("anybody", ActorKind.ANYBODY)
        try:
            if gate.is_open:
                reader = _as_asked(wanted, wanted.role or otherwise, actor)
            else:
                caller = gate.caller(f"Bearer {settings.data_token.get_secret_value()}" if settings.data_token else None)
                actor, kind = caller.key_id, kind_of(caller)
                reader = reader_of(caller, wanted, settings)
        except DeniedError:
            audit.append(action, actor=actor, actor_kind=kind, purpose=wanted.purpose, outcome=Outcome.DENIED)
            raise
        yield Looks(reader, audit)
    finally:
        gate.close()
        audit.close()


def reader_of(caller: Caller, wanted: Wanted, settings: Settings) -> Reader:
    """Raises DeniedError where the caller may not read so."""
    caller.require(Scope.DATA_READ)
    for zone in wanted.zones or ():
        caller.require(Scope.DATA_READ, zone, wanted.orgs or frozenset())
    caller.require(Scope.DATA_READ, None, wanted.orgs or frozenset())
    if caller.role is None or wanted.role not in (None, caller.role):
        raise DeniedError(f"the key or token is for {caller.role or 'no role'}", hint="ask for one whose role reads this", is_known=True)
    if wanted.person is not None:
        raise DeniedError("the token says whose rows they are", hint="leave the person out", is_known=True)
    person = _person(caller, settings)
    return Reader(
        caller.key_id,
        kind_of(caller),
        caller.role,
        wanted.purpose or GRANTS[caller.role].purposes[0],
        _level(caller, wanted.level, settings),
        caller.zones if wanted.zones is None else wanted.zones,
        caller.orgs if wanted.orgs is None else wanted.orgs,
        person,
    )


def kind_of(caller: Caller) -> ActorKind:
    if caller.expires_at is None:
        return ActorKind.ANYBODY
    return ActorKind.TOKEN if caller.key_id.startswith("token-") else ActorKind.KEY


def _as_asked(wanted: Wanted, role: Role, actor: str) -> Reader:
    grant = GRANTS[role]
    purpose, level = wanted.purpose or grant.purposes[0], wanted.level or grant.level
    return Reader(actor, ActorKind.OS_USER, role, purpose, level, wanted.zones, wanted.orgs, wanted.person)


def _level(caller: Caller, wanted: Level | None, settings: Settings) -> Level:
    """Of somebody else's personal columns none leaves the region: from elsewhere, or from nobody knows where, L2 is the most."""
    highest = GRANTS[caller.role].level
    if caller.user_id is None and caller.region != settings.region:
        highest = min(highest, Level.L2)
        if wanted is not None and wanted > highest:
            raise DeniedError(
                f"{wanted} is read in {settings.region} alone", hint="read from there, with a token that says so", is_known=True
            )
    return wanted or highest


def _person(caller: Caller, settings: Settings) -> str | None:
    if caller.user_id is None:
        return None
    vault = open_vault(settings)
    try:
        found = vault.subjects([caller.user_id]).get(caller.user_id)
    finally:
        vault.close()
    if found is None:
        raise DeniedError("nothing is known of this person", hint="the person was erased", is_known=True)
    return found.pid


def _listed(values: frozenset | None) -> list | None:
    return None if values is None else sorted(values)
