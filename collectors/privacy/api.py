"""POST /v1/privacy/requests: a person asks something of us about their data; GET …/{request_id}: how far that is.

    scope privacy:request ─▶ an event of privacy.erasure_request, or of privacy.rights_request ─▶ 202, request_id, due_at
                                       └─▶ refine ─▶ `lakehouse privacy run` takes it up: closed within seconds

Whoever holds the scope vouches for who asks: an app that has its user signed in, the privacy office. A token that is bound to one
person asks for that person alone.
"""

import asyncio
import uuid
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.responses import Response

from collectors.events.answers import Refusal, answer
from lakehouse.access.caller import Scope
from lakehouse.contracts import registry
from lakehouse.door import door
from lakehouse.errors import BadInputError
from lakehouse.privacy.request_event import ERASURES, LAW, OTHERS, request_event
from lakehouse.privacy.requests import Kind, Requests, due_at
from lakehouse.settings import Settings
from lakehouse.storage.open import open_vault

if TYPE_CHECKING:
    from collectors.events.app import Collector

PATH = "/v1/privacy/requests"
_encode = msgspec.json.Encoder().encode


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    """What a request says: whom it is about, what is asked, by whom, and how it reached us."""

    user_id: str
    kind: Kind = Kind.ERASURE
    requester_role: str = "self"
    request_channel: str = "app"
    requester_id: str | None = None
    request_text: str | None = None
    org_id: int | None = None
    request_id: str | None = None
    rectified_dataset: str | None = None
    rectified_field: str | None = None
    rectified_row: str | None = None
    rectified_value: str | None = None
    restriction_reason: str | None = None


class Office:
    """The register as a collector sees it: opened with the first question."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def _requests(self) -> Requests:
        return Requests(open_vault(self._settings))

    def told(self, request_id: str) -> dict[str, Any]:
        """Raises BadInputError."""
        found = self._requests.get(request_id)
        moments = {name: at.isoformat() for name, at in found.moments.items() if at}
        return {"request_id": found.request_id, "kind": found.kind, "state": found.state} | moments


def add_routes(app: FastAPI, collector: "Collector", settings: Settings) -> None:
    office = Office(settings)

    @app.post(PATH, status_code=202, summary="Ask that a person be forgotten, or another right of theirs", openapi_extra=_DESCRIBED)
    async def ask(request: Request) -> Response:
        try:
            return await _ask(collector, request)
        except Refusal as refusal:
            return _response(refusal)

    @app.get(PATH + "/{request_id}", summary="How far a request is")
    async def look(request_id: str, request: Request) -> Response:
        """404 until it is taken up, within seconds; and where nobody asked."""
        try:
            await _enter(collector, request)
            told = await asyncio.to_thread(office.told, request_id)
        except Refusal as refusal:
            return _response(refusal)
        except BadInputError:
            return _response(Refusal(404, "not_found", "no request has this id, or it is not taken up yet"))
        return Response(_encode(told), media_type="application/json")


async def _ask(collector: "Collector", request: Request) -> Response:
    headers = dict(request.scope["headers"])
    zone_id, _ = collector.reader.head("POST", headers)
    caller = await collector.entrance.enter(request.scope, headers, zone_id, Scope.PRIVACY_REQUEST)
    body, _ = await collector.reader.body(headers, request.receive)
    asked = _read(body)
    if caller.user_id is not None and caller.user_id != asked.user_id:
        raise Refusal(403, "forbidden", "this token asks for its own person alone")
    now, request_id = datetime.now(UTC), asked.request_id or str(uuid.uuid4())
    fields = {name: value for name, value in msgspec.to_builtins(asked).items() if name not in ("org_id", "kind")}
    admission = door("http").admit_body(request_event(asked.kind, request_id, now, fields, asked.org_id), zone_id, now)
    if admission.rejected:
        return _response(answer(admission))
    await collector.keep(admission.lines)
    told = {"request_id": request_id, "due_at": due_at(now, LAW, asked.kind).isoformat(), "status": f"{PATH}/{request_id}"}
    return Response(_encode(told), 202, media_type="application/json")


async def _enter(collector: "Collector", request: Request) -> None:
    headers = dict(request.scope["headers"])
    zone_id = collector.reader.zone(headers.get(b"host", b""))
    await collector.entrance.enter(request.scope, headers, zone_id, Scope.PRIVACY_REQUEST)


def _read(body: bytes) -> Asked:
    """What msgspec says may quote a value, so the answer names the fields there are."""
    try:
        return msgspec.json.decode(body, type=Asked)
    except (msgspec.DecodeError, msgspec.ValidationError):
        names = ", ".join(field.name for field in msgspec.structs.fields(Asked))
        raise Refusal(400, "malformed_request", f"the body must be one JSON object with user_id; it may have {names}") from None


def _response(told) -> Response:
    reply = told.answer() if isinstance(told, Refusal) else told
    return Response(reply.body, reply.status, {k.decode(): v.decode() for k, v in reply.headers}, "application/json")


def _described() -> dict[str, Any]:
    words = [*registry().get(ERASURES).fields, *registry().get(OTHERS).fields]
    known = {f.name: {"type": "string", "description": f.description} | ({"enum": list(f.values)} if f.values else {}) for f in words}
    known["kind"] = {"type": "string", "description": "What is asked; erasure unless it is said.", "enum": list(Kind)}
    fields = [field.name for field in msgspec.structs.fields(Asked) if field.name in known]
    schema = {"type": "object", "required": ["user_id"], "properties": {name: known[name] for name in fields}}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


_DESCRIBED = _described()
