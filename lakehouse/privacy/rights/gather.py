"""Everything that the platform has of a person: what every place holds, what they asked of us, to whom it was given, who looked.

places (lakehouse.copies) ─▶ held() ─▶ restricted columns in clear ─┐
registers of requests and of disclosures                            ├─▶ [Held, …]
audit log: looks at those datasets                                 ─┘
"""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from lakehouse.contracts import registry
from lakehouse.contracts.project import ciphertexts
from lakehouse.privacy.chain import Outcome
from lakehouse.privacy.columns import decrypted
from lakehouse.privacy.disclosures.register import Disclosure
from lakehouse.privacy.erasure.copies import Tell
from lakehouse.privacy.erasure.office import Office
from lakehouse.privacy.requests import Kind, Request, Whom
from lakehouse.privacy.rights.held import Held, Row
from lakehouse.privacy.roles import Purpose

REQUESTS, DISCLOSED, LOOKS = "requests", "disclosures", "looks"


def gather(office: Office, whom: Whom, kind: Kind, tell: Tell = lambda _: None) -> list[Held]:
    """Of a request to take one's data along, what the person has given us alone (GDPR, article 20): not what was worked out of it."""
    found = []
    for place in office.places:
        tell(place.name)
        for held in place.held(whom):
            if (held.rows or held.attachments) and (kind is not Kind.PORTABILITY or _is_given(held)):
                found.append(_in_clear(held, office))
    if kind is Kind.PORTABILITY:
        return found
    digest = office.vault.digest(whom.subject)
    asked = [_told(one) for one in office.requests.of(digest)]
    given = [_given(one) for one in office.disclosures.of(digest) if one.retracted_at is None]
    seen = looks(office, _names(found))
    return [*found, Held(REQUESTS, REQUESTS, asked), Held(DISCLOSED, DISCLOSED, given), Held(LOOKS, LOOKS, seen)]


def known(office: Office, whom: Whom) -> Whom:
    """With pseudonym and key, where the vault has them; nobody is made."""
    found = office.vault.find([whom.subject]).get(whom.subject)
    return whom if found is None else replace(whom, pid=found.pid, key_id=found.key_id)


def looks(office: Office, datasets: Iterable[str]) -> list[Row]:
    """Day, dataset, role and purpose of looks at datasets that hold the person, as far back as the audit log goes. A look at many people's
    rows is counted, whether theirs was among them or not; who looked is that person's own affair."""
    wanted, counted = set(datasets), Counter()
    for record in office.audit.records():
        said = json.loads(record.details)
        seen = {record.dataset, *said.get("datasets", ())} & wanted if record.outcome == Outcome.ALLOWED else ()
        for dataset in seen:
            purpose = record.purpose if record.purpose in set(Purpose) else None if record.purpose is None else "other"
            counted[record.at[:10], dataset, record.action, said.get("role"), purpose] += 1
    names = ("day", "dataset", "action", "role", "purpose")
    return [dict(zip(names, key)) | {"looks": many} for key, many in sorted(counted.items(), key=lambda one: tuple(map(str, one[0])))]


def _in_clear(held: Held, office: Office) -> Held:
    """What stands encrypted in a table is theirs to read."""
    rows = held.rows
    for name in ciphertexts(held.fields, registry().vocabulary):
        clear = decrypted([row.get(name) for row in rows], name, office.vault)
        rows = [row | {name: value} if name in row else row for row, value in zip(rows, clear)]
    return replace(held, rows=rows)


def _is_given(held: Held) -> bool:
    return bool(held.attachments) or (held.contract is not None and held.contract.is_ingested)


def _names(found: Iterable[Held]) -> set[str]:
    """As the audit log names datasets: contracts, and the views of the live path."""
    held = list(found)
    return {one.contract.id for one in held if one.contract} | {str(row["view"]) for one in held for row in one.rows if "view" in row}


def _given(one: Disclosure) -> Row:
    """To whom and what for; who of us entered it is that person's own affair."""
    said = {name: getattr(one, name) for name in ("disclosed_at", "recipient", "purpose", "legal_basis", "scope", "scope_value")}
    return said | {"datasets": list(one.datasets)}


def _told(one: Request) -> Row:
    said = {"request_id": one.request_id, "kind": one.kind, "state": one.state, "law": one.law, "request_channel": one.request_channel}
    return said | {"requester_role": one.requester_role, "refused_because": one.refused_because} | one.moments
