"""What is not hot: health, figures, contracts, and the description of it all in OpenAPI.

The events route is served by app.py without FastAPI, and described here by hand from the same contracts.
"""

from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException as StarletteHTTPException

from lakehouse.contracts import project, registry
from lakehouse.contracts.model import Contract
from lakehouse.door import MAX_EVENTS
from lakehouse.skew import MOST_MS, TOLERANCE_MS
from lakehouse.verdicts import CODES

if TYPE_CHECKING:
    from collectors.events.app import Collector

_SENT_AT = {
    "name": "Sent-At",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "examples": ["2026-11-20T08:00:00.250Z", "1795161600250"]},
    "description": "When the request was sent, by the sender's clock: RFC 3339, or milliseconds since 1970. Where that clock is wrong by "
    f"more than {TOLERANCE_MS} ms, and by less than {MOST_MS // 86_400_000} days, event times are corrected by it.",
}
_OTHERWISE = {
    404: ("not_found", "nothing is here; GET /docs describes what is"),
    405: ("method_not_allowed", "this path takes another method; GET /docs describes it"),
}
_STATUSES = {
    "202": "Every event is durable.",
    "207": "Some events are durable, some are rejected; a verdict for each.",
    "400": "No event was accepted: the verdicts, or the reason for all, say why.",
    "405": "Another method than POST.",
    "408": "The request did not arrive in time.",
    "413": f"The body is too large, or holds more than {MAX_EVENTS} events.",
    "415": "The body is not JSON, or is encoded otherwise than by gzip.",
    "421": "The host name is no site of ours.",
    "431": "The request's line and headers are too long.",
    "503": "Too much at once, or the bus and the spool are away: send the same again after Retry-After seconds.",
    "507": "The disk or the spool is full: keep the events, send the same again after Retry-After seconds.",
}


def api(collector: "Collector", lifespan: Any) -> FastAPI:
    app = FastAPI(title="MegaCity event collector", version="1", lifespan=lifespan, docs_url="/docs", redoc_url=None)

    @app.exception_handler(StarletteHTTPException)
    def refused(_request: Request, error: StarletteHTTPException) -> JSONResponse:
        """The shape that answers.py gives; the path is not told back."""
        code, says = _OTHERWISE.get(error.status_code, ("refused", "the request was refused"))
        told = {"code": code, "message": error.detail if code == "not_found" and error.detail != "Not Found" else says}
        return JSONResponse(told, error.status_code, error.headers)

    @app.get("/healthz", summary="Is the process alive?")
    def healthz() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz", summary="May requests be sent here?")
    async def readyz(response: Response) -> dict[str, Any]:
        """503 while it starts, stops, or holds as much as it may, in memory or in the spool. Topics that wait in the spool
        do not make it unready as long as there is room."""
        backlog = collector.outbox.backlog
        is_full = collector.gatherer.is_full or bool(backlog and collector.outbox.room.is_full)
        is_ready = collector.is_open and not is_full
        response.status_code = 200 if is_ready else 503
        return {
            "status": "ready" if is_ready else "busy" if collector.is_open else "closed",
            "waiting_bytes": collector.gatherer.waiting_bytes,
            "spooled": backlog,
            "spool_bytes": collector.outbox.room.held_bytes,
        }

    @app.get("/metrics", summary="Figures for Prometheus", response_class=Response)
    def metrics() -> Response:
        text = collector.metrics.text(collector.gatherer.waiting_bytes, len(collector.outbox.backlog), collector.outbox.room.held_bytes)
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    @app.get("/v1/contracts", summary="The streams that events may belong to")
    def contracts() -> list[dict[str, Any]]:
        return [
            {"contract": c.id, "version": c.version, "title": c.title, "event_types": [t for t, _ in c.event_types]} for c in _streams()
        ]

    @app.get("/v1/contracts/{contract_id}", summary="JSON Schema of a stream's payload")
    def contract(contract_id: str) -> dict[str, Any]:
        found = next((c for c in _streams() if c.id == contract_id), None)
        if found is None:
            raise HTTPException(404, "no stream has this name; GET /v1/contracts lists them")
        return project.json_schema(found)

    app.openapi = lambda: _described(app)
    return app


def _streams() -> list[Contract]:
    return registry().layer("stream")


def _described(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        app.openapi_schema = get_openapi(title=app.title, version=app.version, routes=app.routes)
        event = {"oneOf": [_event(c) for c in _streams()]}
        app.openapi_schema["paths"]["/v1/events"] = {"post": _events_route(event)}
    return app.openapi_schema


def _events_route(event: dict[str, Any]) -> dict[str, Any]:
    body = {"oneOf": [event, {"type": "array", "items": event, "minItems": 1, "maxItems": MAX_EVENTS}]}
    return {
        "summary": "Send one event, or an array of them",
        "description": "The zone follows from the host name. An event is accepted only once it is durable; sending one again, "
        "under the same event_id, is harmless.\n\n" + "\n".join(f"- `{code}`: {m.says} {m.sender_should}" for code, m in CODES.items()),
        "parameters": [_SENT_AT],
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {status: {"description": says} for status, says in _STATUSES.items()},
    }


def _event(contract: Contract) -> dict[str, Any]:
    schema = {k: v for k, v in project.json_schema(contract).items() if not k.startswith("$")}
    words = registry().vocabulary
    return {
        "type": "object",
        "title": contract.id,
        "properties": {
            "event_id": {"type": "string", "pattern": words["event_id"].pattern, "description": words["event_id"].description},
            "contract": {"const": contract.id},
            "org_id": {"type": ["integer", "null"], "minimum": words["org_id"].minimum, "maximum": words["org_id"].maximum},
            "payload": schema,
        },
        "required": ["event_id", "contract", "payload"],
        "additionalProperties": False,
    }
