"""What somebody enters or retracts, checked before it stands; each in the audit log, without whom it is about.

Words name organisations and purposes. They outlive the people whose data was given, and an erasure's scan reads them, too: so what looks as
if it named a person is refused. What passes all the same can be taken out of the register; out of the audit log it could not, so that has none.
"""

import re
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from lakehouse.business_day import business_day
from lakehouse.contracts import registry
from lakehouse.errors import BadInputError
from lakehouse.log import safe
from lakehouse.privacy.disclosures.people import people_of
from lakehouse.privacy.disclosures.register import Disclosure, Scope
from lakehouse.privacy.dpia import is_about_people
from lakehouse.privacy.erasure.office import Office
from lakehouse.privacy.text.scan import findings, prepared

_LONGEST = 200
BASIS = "legal_basis"


@dataclass(frozen=True, slots=True)
class Given:
    """What was given to whom. `accounts` where `scope` is NAMED, else `scope_value`."""

    disclosed_at: datetime
    recipient: str
    purpose: str
    legal_basis: str
    datasets: tuple[str, ...]
    scope: Scope = Scope.NAMED
    scope_value: str | None = None
    accounts: tuple[str, ...] = ()


def enter(office: Office, given: Given) -> Disclosure:
    """Raises BadInputError, which never says whom it is about."""
    now = datetime.now(UTC)
    if given.disclosed_at > now:
        raise BadInputError("that moment has not come", hint="enter a disclosure when it has happened")
    if given.legal_basis not in bases():
        raise BadInputError("a disclosure has a legal basis", hint=f"one of {', '.join(bases())}")
    recipient = _words("recipient", given.recipient, given.accounts)
    purpose = _words("purpose", given.purpose, given.accounts)
    if findings(prepared(purpose)):
        raise BadInputError("the purpose names somebody", hint="say what it is for; whom it is about is kept apart, as digests")
    datasets, digests = _about_people(given.datasets), _people(office, given)
    entry = Disclosure(
        disclosure_id=str(uuid.uuid4()),
        disclosed_at=given.disclosed_at,
        recipient=recipient,
        purpose=purpose,
        legal_basis=given.legal_basis,
        datasets=datasets,
        scope=given.scope.value,
        scope_value=given.scope_value,
        people=len(digests),
        entered_by=office.actor,
        entered_at=now,
    )
    said = {name: getattr(entry, name) for name in ("disclosure_id", "legal_basis", "datasets", "scope", "scope_value")}
    office.record("disclosure.entered", purpose="disclosure", people=entry.people, **said)
    office.disclosures.add(entry, digests)
    return entry


def retract(office: Office, disclosure_id: str, because: str, is_unsaid: bool = False) -> None:
    """Say that an entry was wrong; `is_unsaid`: and take its words out, which name somebody. Raises BadInputError."""
    reason = _words("reason", because, ())
    if findings(prepared(reason)):
        raise BadInputError("the reason names somebody", hint="give the number of the case, and no name")
    office.record("disclosure.retracted", purpose="disclosure", disclosure_id=disclosure_id, is_unsaid=is_unsaid)
    office.disclosures.retract(disclosure_id, datetime.now(UTC), office.actor, reason, is_unsaid)


def bases() -> tuple[str, ...]:
    return registry().word(BASIS).values


def _words(name: str, said: str, accounts: Collection[str]) -> str:
    """On one line, which says something, and nothing of a person that shows."""
    text = " ".join(said.split())
    if not text or len(text) > _LONGEST or safe(name, text) != text or _names(text, accounts):
        raise BadInputError(f"the {name} is empty, longer than {_LONGEST} characters, or names somebody", hint="name organisations alone")
    return text


def _names(text: str, accounts: Collection[str]) -> bool:
    return any(re.search(rf"(?<!\w){re.escape(account)}(?!\w)", text) for account in accounts)


def _about_people(datasets: Sequence[str]) -> tuple[str, ...]:
    contracts = registry()
    for one in datasets:
        if not is_about_people(contracts.get(one), contracts):
            raise BadInputError(
                f"{one} is about nobody", hint="only what is about people is entered here; docs/dpia lists which datasets are"
            )
    if not datasets:
        raise BadInputError("a disclosure is of something", hint="give each dataset with --dataset, by its contract's id")
    return tuple(sorted(set(datasets)))


def _people(office: Office, given: Given) -> set[bytes]:
    if given.scope is Scope.NAMED:
        return _known(office, given.accounts)
    if given.scope is Scope.ZONE and given.scope_value not in {zone.zone_id for zone in registry().zones}:
        raise BadInputError(f"no zone {given.scope_value!r}", hint="contracts/reference/zones.yaml names them")
    until = business_day(given.disclosed_at)
    found = people_of(office.settings, office.vault, given.scope, given.scope_value or "", given.datasets, until)
    if not found:
        raise BadInputError(
            f"these datasets know nobody of {given.scope} {given.scope_value} until {until}", hint="is it written right, and the day, too?"
        )
    return found


def _known(office: Office, accounts: Sequence[str]) -> set[bytes]:
    """Whoever was erased since counts: the data was given all the same."""
    there = office.vault.find(accounts).keys() | office.vault.forgotten(accounts)
    strangers = [str(number) for number, account in enumerate(accounts, 1) if account not in there]
    if strangers or not accounts:
        where = f"these are not: number {', '.join(strangers[:10])}" if strangers else "none was given"
        raise BadInputError(
            f"accounts that are known here are wanted: {where}",
            hint="a line each on stdin, as the source database has them; or --zone, --org",
        )
    return {office.vault.digest(account) for account in accounts}
