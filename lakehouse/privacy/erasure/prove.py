"""The proof: every place is asked by key, every byte is looked at, and what was found, which is nothing, is signed.

purged requests ─▶ left(): 0 rows everywhere? ─▶ scan: 0 hits? ─▶ receipt ─▶ lake, audit log ─▶ nothing is known of them any more
                       └────────────── no ────────────┴─▶ NotForgottenError: which places; the request stays purged, unproved
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from lakehouse.contracts import registry
from lakehouse.errors import NotForgottenError
from lakehouse.places import receipt
from lakehouse.privacy.erasure.copies import Tell
from lakehouse.privacy.erasure.office import Office
from lakehouse.privacy.erasure.receipt import ISSUED, hash_of
from lakehouse.privacy.erasure.remains import aggregates, lapses
from lakehouse.privacy.erasure.scan import Scan
from lakehouse.privacy.erasure.scanning import scan_everything
from lakehouse.privacy.erasure.sealed import Sealed
from lakehouse.privacy.requests import Kind, Request, Whom

LEAST_BYTES = 5
"""Shorter texts are in many files by chance: they are asked for by key alone, and the receipt says so."""


def to_prove(office: Office) -> list[Request]:
    return office.requests.waiting(Kind.ERASURE, after="purged", before="proved")


def prove(office: Office, requests: Sequence[Request], tell: Tell = lambda _: None) -> list[dict]:
    """The receipts. Raises NotForgottenError where anything is left; then nothing is proved."""
    if not requests:
        return []
    people = [office.requests.whom(request.request_id) for request in requests]
    after = _nothing_left(office, people)
    found = _nothing_found(office, people, tell)
    under = Sealed(office.settings).under(people)
    receipts = [_receipt(office, request, whom, after, found, under.get(whom.key_id, 0)) for request, whom in zip(requests, people)]
    office.requests.let_go()
    return receipts


def _nothing_left(office: Office, people: Sequence[Whom]) -> dict[str, int]:
    """Place → rows that were looked through there."""
    left = [one for place in office.places for one in place.left(people)]
    if still := [one for one in left if one.rows]:
        places = ", ".join(f"{one.place} ({sum(one.rows.values())} rows)" for one in still)
        raise NotForgottenError(
            f"people who were erased are still in {places}", hint="run `lakehouse privacy purge --again`, then prove again"
        )
    return {one.place: one.of_rows for one in left}


def _nothing_found(office: Office, people: Sequence[Whom], tell: Tell) -> Scan:
    needles = {text.encode() for whom in people for text in whom.traces}
    found = scan_everything(office.settings, office.files, sorted(n for n in needles if len(n) >= LEAST_BYTES), tell)
    if found.hits:
        places = ", ".join(sorted({f"{hit.path} ({hit.where})" for hit in found.hits})[:10])
        raise NotForgottenError(
            f"{len(found.hits)} traces of people who were erased are still in {places}",
            hint="docs/on_call/privacy.md says what each place waits for; then run `lakehouse privacy purge --again`, and prove again",
        )
    return found


def _receipt(office: Office, request: Request, whom: Whom, after: dict[str, int], found: Scan, sealed_records: int) -> dict:
    now, told = datetime.now(UTC), office.requests.progress(request.request_id)
    before = told.get("before", {})
    last_day = (request.closed_at + timedelta(days=max(c.raw_retention_days for c in registry().ingested))).date()
    sequence, head = office.audit.head()
    facts = {
        "request_id": request.request_id,
        "subject_digest": request.subject_digest.hex(),
        "law": request.law,
        **{f"{step}_at": getattr(request, f"{step}_at").isoformat() for step in ("received", "due", "verified", "closed", "purged")},
        "proved_at": now.isoformat(),
        "key_destroyed_ms": told["key_destroyed_ms"],
        "closed_ms": told["closed_ms"],
        "places": [{"place": p, "rows_before": before.get(p, 0), "rows_after": 0, "rows_looked_at": rows} for p, rows in after.items()],
        "purge": {"requests_together": told["purged_with"], "tables": told["purged"]},
        "scan": {
            "traces": len([text for text in whom.traces if len(text.encode()) >= LEAST_BYTES]),
            "traces_too_short": len([text for text in whom.traces if len(text.encode()) < LEAST_BYTES]),
            "files": found.files,
            "read_bytes": found.read_bytes,
            "decoded_bytes": found.decoded_bytes,
            "hits": 0,
        },
        "sealed": {"records_nobody_can_read": sealed_records, "expire_by": last_day.isoformat()},
        "lapses": lapses(office.settings, request.purged_at, now),
        "aggregates": aggregates(registry()),
        "recipients_to_tell": told.get("recipients", []),
        "audit": {"sequence": sequence, "hash": head},
    }
    signed = office.signer.sign(facts)
    office.files.put(receipt(request.request_id), json.dumps(signed, indent=1, ensure_ascii=False).encode())
    office.record(ISSUED, request_id=request.request_id, receipt_hash=hash_of(signed))
    office.requests.reach(request.request_id, "proved", now)
    return signed
