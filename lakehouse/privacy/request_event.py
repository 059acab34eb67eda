"""A request as an event: as applications send it, the HTTP route makes it, and our own commands do where the owner of the data must read it.

privacy.erasure_request, privacy.rights_request: event_type "<kind>_requested", request_id, user_id … ─▶ erasure/intake.py
"""

import json
from collections.abc import Mapping
from datetime import datetime

from lakehouse.privacy.requests import Kind

ERASURES, OTHERS = "privacy.erasure_request", "privacy.rights_request"
LAW = "pipa"
"""The shorter term: an event does not say by which law."""
_ASKED = "_requested"


def contract_of(kind: Kind) -> str:
    return ERASURES if kind is Kind.ERASURE else OTHERS


def kind_of(event_type: str) -> Kind:
    return Kind(event_type.removesuffix(_ASKED))


def request_event(kind: Kind, request_id: str, asked_at: datetime, fields: Mapping[str, object], org_id: int | None) -> bytes:
    """For the door. What is None among `fields` is left out; `org_id`: the person's tenant, by which their region is known."""
    said = {name: value for name, value in fields.items() if value is not None}
    said |= {"event_type": f"{kind}{_ASKED}", "occurred_at": asked_at.isoformat(), "request_id": request_id}
    event = {"event_id": f"{kind}-{request_id}", "contract": contract_of(kind), "payload": said}
    return json.dumps(event | ({} if org_id is None else {"org_id": org_id}), ensure_ascii=False).encode()
