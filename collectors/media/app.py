"""The media routes as an ASGI application; the collector of events hands it every path below /v1/media.

PUT  /v1/media/{media_id} ─▶ signed, or allowed? ─▶ a slot free? ─▶ the vault: whose key? ─▶ receive ─▶ 201 new, 200 there already
POST /v1/media            ─▶ allowed? ─▶ 201 with a URL to PUT to

At most `media_uploads` objects are received at once, each in less than a MB of memory; the next one is told to come again.
"""

import asyncio
import errno
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from urllib.parse import urlencode

import msgspec
from prometheus_client import CollectorRegistry

from collectors.events.answers import Answer, Refusal
from collectors.events.cors import Cors
from collectors.events.entrance import Entrance
from collectors.media.asking import KIND_HEADER, ORG_HEADER, USER_HEADER, Asked, Asking
from collectors.media.metrics import MediaMetrics
from collectors.media.receiving import Incoming, discard, received
from collectors.media.tickets import Ticket, Tickets
from lakehouse.access.caller import Scope
from lakehouse.contracts import registry
from lakehouse.errors import DeniedError, LakehouseError, NotDurableError
from lakehouse.log import get_log
from lakehouse.media.writing import ConflictError, DigestMismatchError, MediaName, Upload, Written
from lakehouse.settings import Settings
from lakehouse.storage.open import open_files, open_vault

MEDIA_PATH = "/v1/media"
_MOST_WISH_BYTES = 4_096
_THREADS = 4
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
log = get_log(__name__)


class Media:
    """One collector's uploads. `registry_of_metrics`: where their figures are shown."""

    def __init__(self, settings: Settings, entrance: Entrance, cors: Cors, registry_of_metrics: CollectorRegistry) -> None:
        self._entrance, self._cors = entrance, cors
        self._files, self._vault = open_files(settings), open_vault(settings)
        self._tickets = Tickets(self._vault, settings.media_url_seconds)
        self._asking = Asking(registry(), settings.media_url_seconds)
        self._metrics = MediaMetrics(registry_of_metrics)
        self._most, self._in_progress = settings.media_uploads, set()
        self._threads = ThreadPoolExecutor(_THREADS, "media")
        self._threads.submit(self._sweep)

    async def __call__(self, scope: dict, receive, send) -> None:
        kind, origin, receive = "", dict(scope["headers"]).get(b"origin"), Incoming(receive)
        try:
            media_id = scope["path"].removeprefix(MEDIA_PATH).removeprefix("/")
            if scope["method"] == "OPTIONS":
                reply = self._cors.preflight(origin)
            elif scope["method"] == "POST" and not media_id:
                reply = await self._sign(scope, receive)
            elif scope["method"] == "PUT" and media_id:
                asked = self._asking.upload(scope, media_id)
                kind = asked.kind.name
                await self._may(scope, asked)
                reply = await self._upload(asked, receive)
            else:
                allowed = b"PUT" if media_id else b"POST"
                reply = Answer(405, _encode({"code": "method_not_allowed", "message": f"use {allowed.decode()}"}), ((b"allow", allowed),))
        except Refusal as refusal:
            await discard(receive)
            reply = _closing(refusal.answer())
        except Exception as error:  # noqa: BLE001
            # A defect of ours. The sender gets a 500, keeps what it sent, and sends it again; nothing of it is there.
            log.error("upload_failed", error=error)
            reply = _closing(Refusal(500, "internal", "the collector failed; nothing of this upload was kept").answer())
        await reply.send(send, self._cors.headers(origin))
        self._metrics.answered(kind, reply.status)

    def close(self) -> None:
        self._threads.shutdown()

    async def _run(self, function, *arguments):
        """In a thread: it may ask the vault or the disk."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)

    async def _may(self, scope: dict, asked: Asked) -> None:
        """Raises Refusal."""
        if asked.signed is None:
            await self._enter(scope, asked.zone_id, asked.org_id, asked.user_id)
            return
        try:
            await self._run(self._tickets.require, *asked.signed, datetime.now(UTC))
        except DeniedError as error:
            raise Refusal(403, "forbidden", f"{error}: {error.hint}") from error

    async def _enter(self, scope: dict, zone_id: str, org_id: int | None, user_id: str) -> None:
        """By the caller's own right. Raises Refusal."""
        caller = await self._entrance.enter(scope, dict(scope["headers"]), zone_id, Scope.MEDIA_WRITE)
        try:
            caller.require(Scope.MEDIA_WRITE, zone_id, frozenset() if org_id is None else frozenset([org_id]))
        except DeniedError as error:
            raise Refusal(403, "forbidden", f"{error}: {error.hint}") from error
        if caller.orgs is not None and org_id is None:
            raise Refusal(403, "forbidden", f"a key of some tenants alone says in {ORG_HEADER} for which of them it uploads")
        if caller.user_id is not None and caller.user_id != user_id:
            raise Refusal(403, "forbidden", "the token is another person's: upload with the token of whoever it is of")
        self._entrance.charge(caller, 1, 0)

    async def _upload(self, asked: Asked, receive) -> Answer:
        began = time.perf_counter()
        this = (asked.user_id, asked.media_id)
        if len(self._in_progress) >= self._most or this in self._in_progress:
            raise Refusal(503, "busy", "too many uploads at once, or this one is on its way already: send it again", retry_after_s=2)
        self._in_progress.add(this)
        self._metrics.in_progress.set(len(self._in_progress))
        try:
            written = await self._receive(asked, receive)
        finally:
            self._in_progress.discard(this)
            self._metrics.in_progress.set(len(self._in_progress))
        if written.is_new:
            self._metrics.kept(asked.kind.name, written.record.plain_bytes, time.perf_counter() - began)
        return Answer(201 if written.is_new else 200, _encode({"media_id": asked.media_id, "size_bytes": written.record.plain_bytes}))

    async def _receive(self, asked: Asked, receive) -> Written:
        try:
            upload = await self._run(self._begin, asked)
            return await received(asked, upload, receive, self._threads)
        except ConflictError as error:
            raise Refusal(409, "conflict", f"{error}: {error.hint}") from error
        except DigestMismatchError as error:
            raise Refusal(400, "digest_mismatch", f"{error}: {error.hint}") from error
        except NotDurableError as error:
            # What the cause says is about our disk: whoever sends is told only what to do.
            log.warning("upload_not_durable", kind=asked.kind.name, error=error)
            if getattr(error.__cause__, "errno", None) in _NO_ROOM:
                raise Refusal(507, "disk_full", "the disk is full: keep it, and send it again later", retry_after_s=30) from error
            raise Refusal(503, "not_durable", "it could not be kept: send it again later", retry_after_s=5) from error

    def _begin(self, asked: Asked) -> Upload:
        owner = self._vault.subjects([asked.user_id]).get(asked.user_id)
        if owner is None:
            raise Refusal(410, "forgotten", "nothing of this person is kept any more")
        name = MediaName(asked.media_id, asked.contract, asked.kind, asked.content_type, asked.zone_id, asked.org_id, owner)
        return Upload(self._files, name, asked.sha256, datetime.now(UTC))

    async def _sign(self, scope: dict, receive) -> Answer:
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > _MOST_WISH_BYTES:
                raise Refusal(413, "too_large", f"at most {_MOST_WISH_BYTES} bytes")
        ticket = self._asking.wish(scope, body)
        await self._enter(scope, ticket.zone_id, ticket.org_id, ticket.user_id)
        signature = await self._run(self._tickets.sign, ticket)
        return Answer(201, _encode(_told(scope, ticket, signature)))

    def _sweep(self) -> None:
        """What a collector that was killed left half-written on the disk was never confirmed to anybody."""
        try:
            if swept := self._files.sweep():
                log.info("half_uploads_removed", files=swept)
        except (LakehouseError, OSError) as error:
            # They stay, sealed and unnamed, until the next start.
            log.warning("half_uploads_not_removed", error=error)


def _told(scope: dict, ticket: Ticket, signature: str) -> dict:
    host = dict(scope["headers"])[b"host"].decode("latin-1")
    query = urlencode({"kind": ticket.kind, "max_bytes": ticket.max_bytes, "expires_at": ticket.expires_at, "signature": signature})
    headers = {USER_HEADER: ticket.user_id} | ({} if ticket.org_id is None else {ORG_HEADER: str(ticket.org_id)})
    return {
        "method": "PUT",
        "url": f"{scope['scheme']}://{host}{MEDIA_PATH}/{ticket.media_id}?{query}",
        "headers": headers,
        "expires_at": datetime.fromtimestamp(ticket.expires_at, UTC).isoformat(),
        KIND_HEADER.replace("-", "_"): ticket.kind,
        "max_bytes": ticket.max_bytes,
    }


def _closing(reply: Answer) -> Answer:
    """There may be more of the body than anybody wants to read."""
    kept = tuple(h for h in reply.headers if h[0] != b"connection")
    return Answer(reply.status, reply.body, (*kept, (b"connection", b"close")))


_encode = msgspec.json.Encoder().encode
