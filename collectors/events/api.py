"""What is not hot: health, figures, contracts, and the description of it all in OpenAPI.

The events route is served by app.py without FastAPI, and described in openapi.py from the same contracts.
"""

from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, HTTPException, Response
from fastapi.openapi.utils import get_openapi
from prometheus_client import CONTENT_TYPE_LATEST

from collectors.events.openapi import SCHEMES, events_path
from lakehouse.contracts import project, registry
from lakehouse.contracts.model import Contract

if TYPE_CHECKING:
    from collectors.events.app import Collector


def api(collector: "Collector", lifespan: Any) -> FastAPI:
    app = FastAPI(title="MegaCity event collector", version="1", lifespan=lifespan, docs_url="/docs", redoc_url=None)

    @app.get("/healthz", summary="Is the process alive?")
    def healthz() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz", summary="May requests be sent here?")
    async def readyz(response: Response) -> dict[str, Any]:
        """503 while it starts, stops, or holds as much as it may. Topics in the spool do not make it unready."""
        is_ready = collector.is_open and not collector.gatherer.is_full
        response.status_code = 200 if is_ready else 503
        return {
            "status": "ready" if is_ready else "busy" if collector.is_open else "closed",
            "waiting_bytes": collector.gatherer.waiting_bytes,
            "spooled": collector.outbox.backlog,
        }

    @app.get("/metrics", summary="Figures for Prometheus", response_class=Response)
    def metrics() -> Response:
        text = collector.metrics.text(collector.gatherer.waiting_bytes, len(collector.outbox.backlog))
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
        app.openapi_schema["paths"]["/v1/events"] = events_path()
        app.openapi_schema.setdefault("components", {})["securitySchemes"] = SCHEMES
    return app.openapi_schema
