"""The live server as an ASGI application.

    WebSocket /v1/live ─▶ session.py     GET /v1/live/{view} ─▶ a snapshot     GET /v1/live ─▶ the views
    GET /healthz /readyz /metrics

Tokens travel in headers and messages, never in an address: addresses are logged.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
import redis.asyncio as redis
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from lakehouse.access.caller import Caller, Gate, Scope
from lakehouse.contracts.registry import Registry
from lakehouse.errors import BadInputError, DeniedError, UnavailableError
from lakehouse.privacy.chain import Outcome
from lakehouse.settings import Settings
from lakehouse.storage.protocols import Vault
from live.asking import PREFIX, Asked, asked, views
from live.hub import Hub
from live.looks import Looks
from live.metrics import ServerMetrics
from live.reader import Reader, State
from live.session import SHUTTING_DOWN, Session

_encode = msgspec.json.Encoder().encode


class Live:
    """What all connections of one server share."""

    def __init__(self, settings: Settings, contracts: Registry, gate: Gate, vault: Vault, looks: Looks, redis_url: str) -> None:
        self.settings = settings
        self.contracts = contracts
        self.gate = gate
        self.metrics = ServerMetrics()
        self.hub = Hub(contracts, Reader(redis_url), settings.live_window_minutes, settings.live_push_ms, self.metrics)
        self.is_open = False
        self.looks = looks
        self._vault = vault
        self._sessions: dict[Session, Caller] = {}
        self._held: Counter[str] = Counter()

    async def caller(self, authorization: str | None) -> Caller:
        """Raises DeniedError, UnavailableError."""
        return self.gate.known(authorization) or await asyncio.to_thread(self.gate.caller, authorization)

    def pid_of(self, user_id: str) -> str | None:
        found = self._vault.subjects([user_id]).get(user_id)
        return found.pid if found else None

    async def asked(self, caller: Caller, view: str, keys: Mapping[str, Any]) -> Asked:
        """What may be shown, once it is recorded. Raises DeniedError, recorded as well, BadInputError, UnavailableError."""
        said = (keys.get("zone_id"), keys.get("org_id")), view if view.startswith(PREFIX) else PREFIX + view
        known = said[1] if self.contracts.find(said[1]) else "live"
        try:
            what = await asyncio.to_thread(asked, self.contracts, caller, view, keys, self.pid_of, lambda: self.looks.hidden)
        except DeniedError:
            await self.looks.record(caller, known, (), Outcome.DENIED)
            raise
        await self.looks.record(caller, known, said[0], Outcome.ALLOWED)
        return what

    def enter(self, caller: Caller, session: Session) -> bool:
        """False where the caller's key holds as many connections as it may, or the server is closing."""
        if not self.is_open or self._held[caller.key_id] >= self.settings.live_connections_per_key:
            return False
        self._held[caller.key_id] += 1
        self._sessions[session] = caller
        self.metrics.connections.inc()
        return True

    def leave(self, caller: Caller, session: Session) -> None:
        if self._sessions.pop(session, None) is not None:
            self._held[caller.key_id] -= 1
            if not self._held[caller.key_id]:
                del self._held[caller.key_id]
            self.metrics.connections.dec()

    def say_goodbye(self) -> None:
        """Before the server closes its connections: every subscriber is told to come back."""
        self.is_open = False
        for session in list(self._sessions):
            session.end(SHUTTING_DOWN)

    @asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        await self.looks.look()
        await self.hub.open()
        following = asyncio.create_task(self.looks.follow(self._show_anew))
        self.is_open = True
        yield
        self.is_open = False
        following.cancel()
        await self.hub.close()
        self.gate.close()
        self.looks.close()

    def _show_anew(self) -> None:
        """Whoever may have been shown somebody that is hidden now comes back, and gets a snapshot without them."""
        for session in list(self._sessions):
            if session.is_of_people:
                session.end(SHUTTING_DOWN)


def create_app(live: Live) -> Starlette:
    async def socket(websocket: WebSocket) -> None:
        await Session(live, websocket).run()

    async def healthz(_request: Request) -> Response:
        return _answer(200, {"status": "alive"})

    async def readyz(_request: Request) -> Response:
        """503 while it starts, stops, or Redis is away."""
        is_ready = live.is_open and live.hub.state is not State.AWAY
        return _answer(200 if is_ready else 503, {"status": "ready" if is_ready else "not ready", "figures": live.hub.state})

    async def metrics(_request: Request) -> Response:
        return Response(live.metrics.text(), media_type=CONTENT_TYPE_LATEST)

    async def listed(request: Request) -> Response:
        return await _refusing(_listed(live, request))

    async def snapshot(request: Request) -> Response:
        return await _refusing(_snapshot(live, request))

    routes = [
        WebSocketRoute("/v1/live", socket),
        Route("/v1/live", listed),
        Route("/v1/live/{view}", snapshot),
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route("/metrics", metrics),
    ]
    return Starlette(routes=routes, lifespan=live.lifespan)


async def _caller(live: Live, request: Request) -> Caller:
    caller = await live.caller(request.headers.get("authorization"))
    caller.require(Scope.LIVE_READ)
    return caller


async def _listed(live: Live, request: Request) -> Response:
    told = [
        {"view": c.id, "title": c.title, "row": c.description, "keys": list(c.live.partition), "fields": list(c.names)}
        for c in views(live.contracts, await _caller(live, request))
    ]
    return _answer(200, {"views": told})


async def _snapshot(live: Live, request: Request) -> Response:
    caller = await _caller(live, request)
    keys: dict[str, Any] = {name: _number(live, name, text) for name, text in request.query_params.items()}
    what = await live.asked(caller, request.path_params["view"], keys)
    rows = [row for row in await live.hub.snapshot(what.contract, what.values) if what.sees is None or what.sees(row)]
    return _answer(200, {"view": what.contract.id, "as_of": datetime.now(UTC), "state": live.hub.state, "rows": rows})


def _number(live: Live, name: str, text: str) -> str | int:
    """An address has texts only; a key that is an integer is read as one."""
    word = live.contracts.vocabulary.get(name)
    return int(text) if word and word.type == "integer" and text.isdecimal() and len(text) < 19 else text


async def _refusing(work) -> Response:
    try:
        return await work
    except DeniedError as error:
        headers = {} if error.is_known else {"www-authenticate": "Bearer"}
        return _answer(403 if error.is_known else 401, {"code": "denied", "message": str(error), "hint": error.hint}, headers)
    except BadInputError as error:
        return _answer(400, {"code": "bad_request", "message": str(error), "hint": error.hint})
    except UnavailableError:
        return _answer(503, {"code": "away", "message": "it cannot be known now who asks, or not be recorded"}, {"retry-after": "5"})
    except redis.RedisError:
        return _answer(503, {"code": "away", "message": "the figures cannot be reached"}, {"retry-after": "2"})


def _answer(status: int, told: dict, headers: dict[str, str] | None = None) -> Response:
    return Response(_encode(told), status, {"cache-control": "no-store"} | (headers or {}), "application/json")
