"""Stage 1, at once: nobody can read, find or meet the person any more, whatever lies where.

    request ─▶ noted (sealed): pseudonym, key ─▶ vault: key and pseudonym destroyed, tombstone set ─▶ every place closed ─▶ closed

What it costs does not depend on how much is stored. Killed anywhere, it is done again, and nothing of it twice is wrong: what
the vault destroyed stays noted, sealed, until the proof.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from lakehouse.privacy.disclosures.recipients import to_tell
from lakehouse.privacy.erasure.office import Office
from lakehouse.privacy.hidden import erased_people, hide, restrict, restricted_people
from lakehouse.privacy.requests import Kind, Request, Whom
from lakehouse.privacy.retention.covering import holds_on
from lakehouse.privacy.tombstones import CLOSED, written


def close(office: Office, requests: Sequence[Request]) -> list[Request]:
    """Those that were verified and are not closed; answers them as they are now. Whom a legal hold covers waits, `held`."""
    return [_held(office, r) if holds_on(office.settings, office.vault, r.subject_digest) else _close(office, r) for r in requests]


def to_close(office: Office) -> list[Request]:
    return office.requests.waiting(Kind.ERASURE, after="verified", before="closed")


def _held(office: Office, request: Request) -> Request:
    """Told once; it is looked at again with every closing, and goes on where the hold is released."""
    if request.held_at is None:
        office.record("erasure.held", request_id=request.request_id)
    return office.requests.reach(request.request_id, "held", datetime.now(UTC))


def _close(office: Office, request: Request) -> Request:
    began, now = time.perf_counter(), datetime.now(UTC)
    whom = _noted(office, request)
    [stone] = office.vault.forget([whom.subject], now)
    destroyed_ms = _ms_since(began)
    if whom.pid:
        hide(office.files, erased_people(office.files) | {whom.pid})
        if whom.pid in (restricted := restricted_people(office.files)):
            restrict(office.files, {pid: one for pid, one in restricted.items() if pid != whom.pid})
    for place in office.places:
        place.close([whom])
    closed_ms = _ms_since(began)
    told = {"key_destroyed_ms": destroyed_ms, "closed_ms": closed_ms}
    office.record(CLOSED, request_id=request.request_id, **written(stone), **told)
    return office.requests.reach(request.request_id, "closed", stone.forgotten_at, recipients=to_tell(office, request), **told)


def _noted(office: Office, request: Request) -> Whom:
    """Written down before anything is destroyed: the purge and the proof must know what to look for."""
    whom = office.requests.whom(request.request_id)
    if whom.key_id is None and (known := office.vault.find([whom.subject]).get(whom.subject)):
        whom = replace(whom, pid=known.pid, key_id=known.key_id)
        office.requests.note(request.request_id, whom)
    return whom


def _ms_since(began: float) -> int:
    return int((time.perf_counter() - began) * 1000)
