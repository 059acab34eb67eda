"""Whoever was given a person's data is to be told what becomes of it: erased, put right, left alone (GDPR, article 19).

    request ─▶ entries about this person that stand ─▶ alert to the privacy officer, audit log, the request's progress; an erasure's receipt

To tell them is for people to do: nothing here speaks to anybody outside, and which person it is no alert says.
"""

from lakehouse.alerting.alert import Alert
from lakehouse.alerting.sending import send
from lakehouse.privacy.erasure.office import Office
from lakehouse.privacy.requests import RUNBOOK, Request


def to_tell(office: Office, request: Request) -> list[dict]:
    """Recipient and datasets, of everything that this person's data was given to; who must tell them is alerted."""
    given: dict[str, set[str]] = {}
    for entry in office.disclosures.of(request.subject_digest):
        if entry.retracted_at is None:
            given.setdefault(entry.recipient, set()).update(entry.datasets)
    found = [{"recipient": name, "datasets": sorted(datasets)} for name, datasets in sorted(given.items())]
    if found:
        send(_alert(request, found), office.settings)
        office.record(f"{request.kind}.recipients", purpose=request.kind, request_id=request.request_id, recipients=len(found))
    return found


def _alert(request: Request, found: list[dict]) -> Alert:
    facts = {"request": request.request_id, "kind": request.kind}
    facts |= {f"recipient {number}": f"{one['recipient']}: {', '.join(one['datasets'])}" for number, one in enumerate(found, 1)}
    return Alert(
        severity="warning",
        summary=f"recipients of a person's data are to be told of the {request.kind}: {len(found)}",
        key=f"privacy-recipients-{request.request_id}",
        facts=facts,
        next_move=f"`lakehouse privacy disclosures --request {request.request_id}` says when and for what they were given it; {RUNBOOK}",
    )
