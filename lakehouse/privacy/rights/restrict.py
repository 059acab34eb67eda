"""A person's data is kept and not used: at once nobody reads it, then no figure holds it; and all of it can be undone.

    restrict  on the list, with the reason ─▶ every place: restrict ─▶ closed ─▶ figures of their days anew, without them ─▶ answered
    lift      off the list                 ─▶ every place: release  ─▶ closed ─▶ figures of their days anew, with them    ─▶ answered

From the moment that a person is on the list they are in nothing that is built, served or trained: clean's views leave them out. What was
built before is hidden from readers row by row; figures that counted them follow with the next `lakehouse privacy run`.
Rows of clean, what is sealed and the key stay: to hold evidence of what was, or for claims, is what a restriction is for (GDPR,
article 18(2)). What comes in meanwhile is stored, and not used either.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from lakehouse.contracts import registry
from lakehouse.errors import BadInputError
from lakehouse.privacy import hidden
from lakehouse.privacy.disclosures.recipients import to_tell
from lakehouse.privacy.erasure.copies import Tell
from lakehouse.privacy.erasure.office import Office
from lakehouse.privacy.hidden import Restriction, restricted_people
from lakehouse.privacy.requests import Kind, Request, Whom

KINDS = (Kind.RESTRICTION, Kind.LIFTING)


def reasons() -> tuple[str, ...]:
    return registry().word("restriction_reason").values


def to_close(office: Office) -> list[Request]:
    return [one for kind in KINDS for one in office.requests.waiting(kind, after="verified", before="closed")]


def close(office: Office, requests: Sequence[Request]) -> list[Request]:
    """At once: on the list, or off it. In the order in which they were received; what cannot be is refused, with the reason."""
    return [_close(office, request) for request in sorted(requests, key=lambda one: (one.received_at, one.request_id))]


def to_answer(office: Office) -> list[Request]:
    return [one for kind in KINDS for one in office.requests.waiting(kind, after="closed", before="answered")]


def answer(office: Office, requests: Sequence[Request], tell: Tell = lambda _: None) -> list[Request]:
    """Figures follow, for all of them together."""
    people = [office.requests.whom(request.request_id) for request in requests]
    if people:
        for place in office.places:
            tell(place.name)
            place.follow(people)
    done = []
    for request in requests:
        office.record(f"{request.kind}.followed", purpose=request.kind, request_id=request.request_id)
        done.append(office.requests.reach(request.request_id, "answered", datetime.now(UTC), followed_with=len(requests)))
    office.requests.let_go()
    return done


def _close(office: Office, request: Request) -> Request:
    whom, now, people = office.requests.whom(request.request_id), datetime.now(UTC), restricted_people(office.files)
    try:
        pid = whom.pid or _pid(office, whom, is_made=request.kind == Kind.RESTRICTION)
        if request.kind == Kind.RESTRICTION:
            if whom.reason not in reasons():
                raise BadInputError("a restriction has a reason", hint=f"one of {', '.join(reasons())}")
            people.setdefault(pid, Restriction(whom.reason, now, request.request_id))
        elif people.pop(pid, None) is None and whom.pid is None:  # noted with a pseudonym, it was killed after it was lifted
            raise BadInputError("nothing of this person is restricted", hint="`lakehouse privacy restrictions` lists whom")
    except BadInputError as error:
        office.record(f"{request.kind}.refused", purpose=request.kind, request_id=request.request_id)
        return office.requests.refuse(request.request_id, str(error))
    noted = Whom(whom.subject, whom.identifiers, pid, reason=whom.reason)
    office.requests.note(request.request_id, noted)
    # No list without a record, which says why and of which request; whom, the register alone can tell.
    office.record(f"{request.kind}.closed", purpose=request.kind, request_id=request.request_id, reason=whom.reason)
    hidden.restrict(office.files, people)
    for place in office.places:
        (place.restrict if request.kind == Kind.RESTRICTION else place.release)([noted])
    told = {"recipients": to_tell(office, request)} if request.kind == Kind.RESTRICTION else {}
    return office.requests.reach(request.request_id, "closed", now, **told)


def _pid(office: Office, whom: Whom, is_made: bool) -> str:
    """For a restriction one is made of somebody never met, so that what comes of them later is not used either."""
    known = (office.vault.subjects if is_made else office.vault.find)([whom.subject]).get(whom.subject)
    if known is None:
        raise BadInputError("nothing is known of this person", hint="the person was erased, or never met")
    return known.pid
