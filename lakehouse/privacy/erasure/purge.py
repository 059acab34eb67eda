"""Stage 2, for many people together: no byte of them stays in any table, file or log.

    closed requests ─▶ every place: prepare ─▶ every place, in order: purge ─▶ off the hidden list ─▶ purged

Copy-on-write costs the bytes of the files that hold somebody, and most files of a busy day hold somebody of any hundred people;
so one purge of a hundred costs little more than one of one.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from lakehouse.privacy.erasure.copies import Purged, Tell
from lakehouse.privacy.erasure.office import Office
from lakehouse.privacy.hidden import erased_people, hide
from lakehouse.privacy.requests import Kind, Request, Whom

PURGED = "erasure.purged"


def to_purge(office: Office) -> list[Request]:
    return office.requests.waiting(Kind.ERASURE, after="closed", before="purged")


def purge(office: Office, requests: Sequence[Request], tell: Tell = lambda _: None) -> list[Purged]:
    """Answers what was taken out where. Without requests it still takes out whom a backup brought back."""
    people = [office.requests.whom(request.request_id) for request in requests]
    for request, before in zip(requests, _of_each(office, people)):
        if not _is_told(office, request):
            office.requests.tell(request.request_id, before=before)
    for place in office.places:
        place.prepare(people)
    done = [purged for place in office.places for purged in place.purge(people, tell)]
    hide(office.files, erased_people(office.files) - {one.pid for one in people})
    told = {"purged": [asdict(one) for one in done], "purged_with": len(requests)}
    for request in requests:
        office.requests.reach(request.request_id, "purged", datetime.now(UTC), **told)
    totals = {name: sum(getattr(one, name) for one in done) for name in ("rows", "bytes_held", "bytes_written")}
    office.record(PURGED, requests=len(requests), places=len(done), **totals)
    return done


def _of_each(office: Office, people: Sequence[Whom]) -> list[dict[str, int]]:
    """Place → rows, of each of them."""
    left = [one for place in office.places for one in place.left(people)] if people else []
    return [{one.place: one.rows[whom.pid] for one in left if whom.pid in one.rows} for whom in people]


def _is_told(office: Office, request: Request) -> bool:
    """A predecessor that was killed has counted already, when everything was still there."""
    return "before" in office.requests.progress(request.request_id)
