"""The forms in which events come, and one way of judging them all.

ours, an event or an array      ──────────────────────────▶ lakehouse.door ─▶ tenants the key is not for? ─▶ Admission
CloudEvents: binary, structured, batched ─▶ cloudevents.py ──▲
"""

from collections.abc import Iterable
from datetime import datetime
from enum import Enum

from collectors.events.cloudevents import CloudEvents, is_json_type
from lakehouse import verdicts
from lakehouse.admission import Admission, BodyRejectedError
from lakehouse.contracts.registry import Registry
from lakehouse.door import Door, elements, tenants_of
from lakehouse.judge import WHITESPACE
from lakehouse.verdicts import Rejection

JSON = b"application/json"
STRUCTURED = b"application/cloudevents+json"
BATCHED = b"application/cloudevents-batch+json"


class Form(Enum):
    """How a request carries its events."""

    OURS = "ours"
    BINARY = "binary"
    STRUCTURED = "structured"
    BATCHED = "batched"


def form_of(headers: dict[bytes, bytes]) -> Form | None:
    """By Content-Type and the headers ce-*; None where it is none of them."""
    content_type = headers.get(b"content-type", b"")
    kind = content_type.partition(b";")[0].strip().lower()
    if kind == STRUCTURED:
        return Form.STRUCTURED
    if kind == BATCHED:
        return Form.BATCHED
    if b"ce-specversion" in headers or b"ce-id" in headers or b"ce-type" in headers:
        return Form.BINARY if is_json_type(content_type.decode("latin-1")) else None
    return Form.OURS if kind == JSON else None


class Forms:
    """One collector's judge of whole requests."""

    def __init__(self, contracts: Registry, door: Door) -> None:
        self._cloud_events = CloudEvents(contracts)
        self._door = door

    def admit(
        self,
        form: Form,
        headers: Iterable[tuple[bytes, bytes]],
        body: bytes,
        zone_id: str,
        received_at: datetime,
        orgs: frozenset[int] | None,
        skew_ms: int | None = None,
    ) -> Admission:
        """A verdict for each event of the body. `orgs`: the tenants that they may belong to; None is any, and none at all.
        `skew_ms`: what their times are corrected by (lakehouse/skew.py).

        Raises BodyRejectedError where nothing of the body can be judged event by event.
        """
        if form is not Form.OURS:
            events = self._translated(form, headers, body)
            if any(isinstance(e, Rejection) for e in events):
                return self._door.admit_each(events, zone_id, received_at, orgs, skew_ms)
            body = b"[%b]" % b",".join(events)
        admission = self._door.admit_body(body, zone_id, received_at, skew_ms)
        if orgs is None or tenants_of(admission) <= orgs:
            return admission
        return self._door.admit_each(elements(body), zone_id, received_at, orgs, skew_ms)

    def _translated(self, form: Form, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> list[bytes | Rejection]:
        if not body.strip(WHITESPACE):
            raise BodyRejectedError(verdicts.EMPTY, "the body is empty")
        if form is Form.BINARY:
            return [self._cloud_events.binary(headers, body)]
        if form is Form.STRUCTURED:
            return [self._cloud_events.structured(body)]
        if not body.lstrip(WHITESPACE).startswith(b"["):
            raise BodyRejectedError(verdicts.WRONG_TYPE, "a batch of CloudEvents is an array")
        return [self._cloud_events.structured(event) for event in elements(body)]
