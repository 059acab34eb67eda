"""The collector as an ASGI application.

POST /v1/events ─▶ raw ASGI: every microsecond counts here
/v1/media…      ─▶ collectors/media/app.py
all else        ─▶ FastAPI (api.py): /healthz /readyz /metrics /v1/contracts, and OpenAPI, where the hot route stands too
"""

import errno
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from collectors.events.answers import Answer, Refusal, answer
from collectors.events.api import api
from collectors.events.cors import Cors
from collectors.events.entrance import Entrance
from collectors.events.forms import Forms
from collectors.events.gather import Gatherer
from collectors.events.metrics import Metrics
from collectors.events.outbox import Outbox
from collectors.events.rebirth import JournaledBus, Watch
from collectors.events.request import Reader
from collectors.events.room import Room, SpoolFullError
from collectors.media.app import MEDIA_PATH, Media
from lakehouse import skew
from lakehouse.access.caller import Caller, Scope
from lakehouse.access.open import open_gate
from lakehouse.admission import BodyRejectedError
from lakehouse.contracts import registry
from lakehouse.door import door
from lakehouse.errors import BadInputError, BusyError, NotDurableError
from lakehouse.log import get_log
from lakehouse.places import Home
from lakehouse.settings import Settings
from lakehouse.storage.open import has_lake, open_bus, open_journal, open_spool
from lakehouse.storage.protocols import Bus
from lakehouse.verdicts import TOO_LARGE

EVENTS_PATH = "/v1/events"
_THREADS = 8
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
log = get_log(__name__)


class Collector:
    """One collector: the state behind the routes."""

    def __init__(self, settings: Settings) -> None:
        self.metrics = Metrics()
        self.is_open = False
        self._forms = Forms(registry(), door("http"))
        self._cors = Cors(registry(), settings.collector_cors_origins)
        self.entrance = Entrance(open_gate(settings))
        self.reader = Reader(registry(), settings.collector_max_body_bytes, settings.collector_bodies_bytes)
        self._threads = ThreadPoolExecutor(_THREADS, "deliver")
        spool = open_spool(settings)
        room = Room(spool, settings.home, settings.collector_spool_bytes, settings.collector_spool_reserve_bytes)
        self.outbox = Outbox(self._journaled(settings), spool, room, self.metrics)
        self.gatherer = Gatherer(self.outbox, self._threads, settings.collector_linger_ms, settings.collector_queue_bytes)
        self.media = Media(settings, self.entrance, self._cors, self.metrics.registry) if has_lake(settings) else None
        self._restricted = {c.id: Scope(c.write_scope) for c in registry().layer("stream") if c.write_scope != Scope.EVENTS_WRITE}
        self._api = api(self, self._lifespan, settings)

    def _journaled(self, settings: Settings) -> Bus:
        """The bus; where it may come back empty, with a journal and somebody who watches it."""
        bus, journal, self._watch = open_bus(settings), open_journal(settings), None
        if journal is None:
            return bus
        self._watch = Watch(bus, journal, Home(settings.home).journal, settings.collector_journal_watch_seconds)
        return JournaledBus(bus, journal)

    async def __call__(self, scope: dict, receive, send) -> None:
        if scope["type"] == "http" and scope["path"] == EVENTS_PATH:
            await self._events(scope, receive, send)
        elif self.media and scope["type"] == "http" and scope["path"].startswith(MEDIA_PATH):
            await self.media(scope, receive, send)
        else:
            await self._api(scope, receive, send)

    @asynccontextmanager
    async def _lifespan(self, _api):
        """The server closes the doors and lets every request in flight end before it comes back here."""
        self.outbox.start()
        if self._watch:
            self._watch.start()
        self.is_open = True
        yield
        self.is_open = False
        self._threads.shutdown()
        if self.media:
            self.media.close()
        if self._watch:
            self._watch.close()
        self.outbox.close()
        self.entrance.close()

    async def _events(self, scope: dict, receive, send) -> None:
        began = time.perf_counter()
        headers = dict(scope["headers"])
        try:
            reply = await self._collect(scope, headers, receive)
        except Refusal as refusal:
            self.metrics.refused(refusal.code)
            reply = refusal.answer()
        except Exception as error:  # noqa: BLE001
            # A defect of ours. The sender gets a 500, keeps what it sent, and sends it again; nothing was accepted.
            log.error("collect_failed", error=error)
            reply = Refusal(500, "internal", "the collector failed; nothing of this request was accepted").answer()
        await reply.send(send, self._cors.headers(headers.get(b"origin")))
        self.metrics.answered(reply.status, time.perf_counter() - began)

    async def _collect(self, scope: dict, headers: dict[bytes, bytes], receive) -> Answer:
        """Raises Refusal."""
        if scope["method"] == "OPTIONS":
            return self._cors.preflight(headers.get(b"origin"))
        zone_id, form = self.reader.head(scope["method"], headers)
        caller = await self.entrance.enter(scope, headers, zone_id)
        body, size = await self.reader.body(headers, receive)
        received_at = datetime.now(UTC)
        skew_ms = self._skew(headers.get(b"sent-at"), received_at)
        try:
            admission = self._forms.admit(form, scope["headers"], body, zone_id, received_at, caller.orgs, skew_ms)
        except BodyRejectedError as error:
            self.entrance.charge(caller, 1, size)
            raise Refusal(413 if error.code == TOO_LARGE else 400, error.code, str(error), error.position) from error
        self.entrance.charge(caller, admission.size, size)
        self._refuse_restricted(caller, admission.lines)
        if admission.lines:
            await self.keep(admission.lines)
        self.metrics.admitted(zone_id, admission)
        return answer(admission)

    def _refuse_restricted(self, caller: Caller, contracts: Iterable[str]) -> None:
        """Some streams are not for everybody who may send events. Raises Refusal: then nothing of the request is kept."""
        for contract in contracts:
            wanted = self._restricted.get(contract)
            if wanted is not None and wanted not in caller.scopes:
                raise Refusal(403, "forbidden", f"events of {contract} need the scope {wanted}: nothing of this request was accepted")

    def _skew(self, sent_at: bytes | None, received_at: datetime) -> int | None:
        """What event times are to be corrected by. Raises Refusal."""
        if sent_at is None:
            return None
        try:
            ms = skew.skew_ms(sent_at.decode("latin-1").strip(), received_at)
        except BadInputError as error:
            raise Refusal(400, "bad_sent_at", "the header Sent-At must be RFC 3339 with an offset, or milliseconds since 1970") from error
        if skew.is_negligible(ms):
            return None
        self.metrics.skewed("corrected" if skew.is_plausible(ms) else "implausible")
        return ms if skew.is_plausible(ms) else None

    async def keep(self, lines: dict[str, list[bytes]]) -> None:
        try:
            await self.gatherer.keep(lines)
        except BusyError as error:
            raise Refusal(503, "busy", str(error), retry_after_s=1) from error
        except SpoolFullError as error:
            raise Refusal(507, "spool_full", "the bus is away and the spool is full: keep the events", retry_after_s=30) from error
        except NotDurableError as error:
            # What the cause says is about our disk and our bus: whoever sends is told only what to do.
            if getattr(error.__cause__, "errno", None) in _NO_ROOM:
                raise Refusal(507, "disk_full", "the disk is full: keep the events, and send them again later", retry_after_s=30) from error
            raise Refusal(503, "not_durable", "nothing could be kept: send the same again later", retry_after_s=5) from error


def create_app(settings: Settings) -> Collector:
    """The application for `settings`; opens bus and spool."""
    return Collector(settings)
