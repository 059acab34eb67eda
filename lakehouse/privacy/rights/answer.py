"""A request to see one's data is answered: recorded, gathered, sealed, and open to whoever has the key for some days.

request (verified) ─▶ audit: access.begun ─▶ gather ─▶ archive, sealed ─▶ audit: access.exported ─▶ answered
"""

from datetime import UTC, datetime

from lakehouse.errors import BadInputError
from lakehouse.privacy.erasure.copies import Tell
from lakehouse.privacy.erasure.office import Office
from lakehouse.privacy.hidden import restricted_people
from lakehouse.privacy.requests import Kind, Request
from lakehouse.privacy.rights import exports
from lakehouse.privacy.rights.gather import gather, known
from lakehouse.privacy.rights.summary import About

BEGUN, EXPORTED = "access.begun", "access.exported"
KINDS = (Kind.ACCESS, Kind.PORTABILITY)


def answer(office: Office, request: Request, tell: Tell = lambda _: None) -> exports.Export:
    """Killed anywhere, it is done again, with another key. Raises BadInputError where it is answered or is of another kind."""
    kind = Kind(request.kind)
    if kind not in KINDS or not request.is_open or request.verified_at is None:
        raise BadInputError(
            f"{request.request_id} is no open request to see data: {request.kind}, {request.state}",
            hint="`lakehouse privacy requests --open` lists what waits; ask anew with `lakehouse privacy access USER`",
        )
    whom, now = known(office, office.requests.whom(request.request_id)), datetime.now(UTC)
    office.record(BEGUN, purpose="access", request_id=request.request_id)
    about = About(
        request.request_id, kind, request.law, now, office.settings.bi_url is not None, whom.pid in restricted_people(office.files)
    )
    made = exports.write(office, about, gather(office, whom, kind, tell))
    told = {"datasets": made.written.datasets, "rows": made.written.rows, "media": made.written.media}
    evidence = told | {"sealed_sha256": made.sealed_sha256, "expires_at": made.expires_at.isoformat()}
    office.record(EXPORTED, purpose="access", request_id=request.request_id, **evidence)
    office.requests.reach(request.request_id, "answered", now, **evidence)
    office.requests.let_go()
    return made
