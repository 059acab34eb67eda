"""What is not hot: health, figures, contracts, and the description of it all in OpenAPI.

The events route is served by app.py without FastAPI, and described in openapi.py from the same contracts.
"""

from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException as StarletteHTTPException

from collectors.events.openapi import SCHEMES, events_path
from collectors.media.openapi import media_paths
from collectors.privacy.api import add_routes
from lakehouse.contracts import project, registry
from lakehouse.contracts.model import Contract
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from collectors.events.app import Collector

_OTHERWISE = {
    404: ("not_found", "nothing is here; GET /docs describes what is"),
    405: ("method_not_allowed", "this path takes another method; GET /docs describes it"),
}


def api(collector: "Collector", lifespan: Any, settings: Settings) -> FastAPI:
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

    if collector.media is not None:  # it knows where the lake is, and so the vault
        add_routes(app, collector, settings)
    app.openapi = lambda: _described(app, takes_media=collector.media is not None)
    return app


def _streams() -> list[Contract]:
    return registry().layer("stream")


def _described(app: FastAPI, *, takes_media: bool) -> dict[str, Any]:
    if app.openapi_schema is None:
        app.openapi_schema = get_openapi(title=app.title, version=app.version, routes=app.routes)
        app.openapi_schema["paths"]["/v1/events"] = events_path()
        if takes_media:
            app.openapi_schema["paths"] |= media_paths(registry())
        app.openapi_schema.setdefault("components", {})["securitySchemes"] = SCHEMES
    return app.openapi_schema
