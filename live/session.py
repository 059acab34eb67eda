"""One WebSocket connection: who it is, what it watches, and what waits to be sent to it.

    accept ─▶ known? header, or first message ─▶ welcome ─▶ subscribe, unsubscribe … ─▶ close
                └ 4401                             │ snapshot, delta, heartbeat, error
                                                   └ queue full: 4408, come back for a snapshot

docs/how_to/watch_live.md describes the messages.
"""

import asyncio
import contextlib
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any

import msgspec
import redis.asyncio as redis
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from lakehouse.access.caller import Caller, Scope
from lakehouse.errors import BadInputError, DeniedError, LakehouseError, UnavailableError
from lakehouse.log import get_log
from live.asking import Asked, views
from live.board import Delta

if TYPE_CHECKING:
    from live.app import Live

NOT_KNOWN, NOT_ALLOWED, TOO_SLOW, TOO_MANY = 4401, 4403, 4408, 4429
SHUTTING_DOWN, TRY_LATER = 1012, 1013
MAX_MESSAGE_BYTES = 16 * 1024
_HELLO_WITHIN_S = 5.0
_HEARTBEAT_S = 15.0
_KNOWN_FOR_S = 60.0  # a key that was revoked is found out within this time
_CLOSE_WITHIN_S = 2.0
_QUEUE_BYTES = 8 * 1024 * 1024
_encode = msgspec.json.Encoder().encode
log = get_log(__name__)


class _Said(msgspec.Struct, forbid_unknown_fields=True):
    """A message of the client: one of the first three, and what belongs to it."""

    subscribe: str | None = None
    unsubscribe: str | None = None
    authorization: str | None = None
    id: str | None = None
    keys: dict[str, str | int | None] = {}


_decode = msgspec.json.Decoder(_Said).decode


class _Subscription:
    """One of a session's; the hub tells it of changes."""

    def __init__(self, session: "Session", name: str, what: Asked) -> None:
        self._session = session
        self._name = name
        self.what = what
        self._numbers = count(1)

    def changed(self, delta: Delta) -> None:
        if self.what.sees is not None:
            delta = delta.only(self.what.sees)
        if delta:
            self._session.send("delta", id=self._name, seq=next(self._numbers), rows=delta.changed, gone=delta.gone)


class Session:
    """Of one connection."""

    def __init__(self, live: "Live", socket: WebSocket) -> None:
        self._live = live
        self._socket = socket
        self._caller: Caller | None = None
        self._authorization: str | None = None
        self._subscriptions: dict[str, _Subscription] = {}
        self._queue: asyncio.Queue[bytes] = asyncio.Queue()
        self._queued_bytes = 0
        self._end: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """Until either side closes."""
        await self._socket.accept()
        tasks = [asyncio.create_task(work()) for work in (self._converse, self._write, self._beat)]
        try:
            await asyncio.wait([*tasks, self._end], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            for result in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(result, Exception) and not isinstance(result, WebSocketDisconnect):
                    log.error("session_failed", error=result)  # the subscriber comes back for a snapshot; figures are in Redis
            self._leave()
            await self._close()

    @property
    def is_of_people(self) -> bool:
        """Whether a row that it was sent may name a person."""
        return any(each.what.contract.subject is not None for each in self._subscriptions.values())

    def end(self, code: int) -> None:
        """Close with this code, as soon as may be."""
        if not self._end.done():
            self._end.set_result(code)

    def send(self, kind: str, **said: Any) -> None:
        """Queue a message. A reader that lets too much of it wait is dropped."""
        message = _encode({"type": kind, **said})
        if self._queue.qsize() >= self._live.settings.live_queue_messages or self._queued_bytes + len(message) > _QUEUE_BYTES > len(
            message
        ):
            self.end(TOO_SLOW)
            return
        self._queued_bytes += len(message)
        self._queue.put_nowait(message)
        self._live.metrics.messages.labels(kind).inc()

    # --------------------------------------------------------------------------------------------------------- the tasks

    async def _write(self) -> None:
        while True:
            message = await self._queue.get()
            await self._socket.send_text(message.decode())
            self._queued_bytes -= len(message)

    async def _beat(self) -> None:
        """Heartbeats; and whether the caller is still known."""
        for turn in count(1):
            await asyncio.sleep(_HEARTBEAT_S)
            if self._caller is None:
                continue
            self.send("heartbeat", as_of=datetime.now(UTC), state=self._live.hub.state)
            if turn % int(_KNOWN_FOR_S / _HEARTBEAT_S) == 0:
                with contextlib.suppress(UnavailableError):  # it was known a minute ago, and will be asked about again
                    if await self._known(self._authorization) is None:
                        self.end(NOT_KNOWN)

    async def _converse(self) -> None:
        if not await self._introduced():
            return
        self.send("welcome", views={c.id: list(c.live.partition) for c in views(self._live.contracts, self._caller)})
        while True:
            await self._answer(await self._receive())

    async def _introduced(self) -> bool:
        """By the Authorization header; or, where there is none that suffices, by the first message."""
        header = self._socket.headers.get("authorization")
        try:
            caller = await self._known(header)
            if caller is None and header is None:
                said = await asyncio.wait_for(self._receive(), _HELLO_WITHIN_S)
                header = said.authorization if said else None
                caller = await self._known(header) if header else None
        except TimeoutError:
            caller = None
        except UnavailableError:
            self.end(TRY_LATER)
            return False
        if caller is None:
            self.end(NOT_KNOWN)
        elif Scope.LIVE_READ not in caller.scopes:
            self.end(NOT_ALLOWED)
        elif not self._live.enter(caller, self):
            self.end(TOO_MANY)
        else:
            self._caller, self._authorization = caller, header
            return True
        return False

    async def _known(self, authorization: str | None) -> Caller | None:
        try:
            return await self._live.caller(authorization)
        except DeniedError:
            return None

    async def _receive(self) -> _Said | None:
        """None where it was no message of ours."""
        event = await self._socket.receive()
        if event["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(event.get("code", 1005))
        try:
            return _decode(event.get("text") or event.get("bytes") or b"")
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None

    # ------------------------------------------------------------------------------------------------------------- words

    async def _answer(self, said: _Said | None) -> None:
        name = said and (said.id or said.subscribe)
        try:
            if said is None or (said.subscribe is None) == (said.unsubscribe is None):
                raise BadInputError("no message of ours", hint='send {"subscribe": view, "keys": {…}, "id": …} or {"unsubscribe": id}')
            if said.unsubscribe is not None:
                self._stop(said.unsubscribe)
                self.send("unsubscribed", id=said.unsubscribe)
            else:
                await self._subscribe(name, said)
        except DeniedError as error:
            self._refuse(name, "denied", error)
        except BadInputError as error:
            self._refuse(name, "bad_request", error)
        except UnavailableError:
            self.send("error", id=name, code="away", message="the look cannot be recorded", hint="subscribe again in some seconds")
        except redis.RedisError:
            self.send("error", id=name, code="away", message="the figures cannot be reached", hint="subscribe again in some seconds")

    async def _subscribe(self, name: str, said: _Said) -> None:
        if name in self._subscriptions:
            raise BadInputError("there is a subscription of this id", hint="choose another id, or unsubscribe first")
        if len(self._subscriptions) >= self._live.settings.live_subscriptions:
            raise BadInputError("too many subscriptions on one connection", hint="unsubscribe one, or open another connection")
        what = await self._live.asked(self._caller, said.subscribe, said.keys)
        subscription = self._subscriptions[name] = _Subscription(self, name, what)
        self._live.metrics.subscriptions.inc()
        try:
            rows = await self._live.hub.subscribe(what.contract, what.values, subscription)
        except redis.RedisError:
            self._stop(name)
            raise
        seen = [row for row in rows if what.sees is None or what.sees(row)]
        state, as_of = self._live.hub.state, datetime.now(UTC)
        self.send("snapshot", id=name, view=what.contract.id, seq=0, as_of=as_of, state=state, rows=seen)

    def _stop(self, name: str) -> None:
        if subscription := self._subscriptions.pop(name, None):
            self._live.hub.unsubscribe(subscription.what.contract, subscription.what.values, subscription)
            self._live.metrics.subscriptions.dec()

    def _refuse(self, name: str | None, code: str, error: LakehouseError) -> None:
        self.send("error", id=name, code=code, message=str(error), hint=error.hint)

    # --------------------------------------------------------------------------------------------------------------- end

    def _leave(self) -> None:
        for name in list(self._subscriptions):
            self._stop(name)
        if self._caller is not None:
            self._live.leave(self._caller, self)

    async def _close(self) -> None:
        """A reader that reads nothing does not get the code either: the connection ends all the same."""
        if self._socket.client_state is not WebSocketState.CONNECTED or self._socket.application_state is not WebSocketState.CONNECTED:
            return
        code = self._end.result() if self._end.done() else 1011
        self._live.metrics.closed.labels(code).inc()
        with contextlib.suppress(TimeoutError, RuntimeError, WebSocketDisconnect):
            await asyncio.wait_for(self._socket.close(code), _CLOSE_WITHIN_S)
