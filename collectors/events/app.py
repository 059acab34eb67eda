"""The collector as an ASGI application.

POST /v1/events ─▶ raw ASGI: every microsecond counts here
all else        ─▶ FastAPI (api.py): /healthz /readyz /metrics /v1/contracts, and OpenAPI, where the hot route stands too
"""

import errno
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from collectors.events.answers import Answer, Refusal, answer
from collectors.events.api import api
from collectors.events.gather import Gatherer
from collectors.events.metrics import Metrics
from collectors.events.outbox import Outbox
from collectors.events.rebirth import JournaledBus, Watch
from collectors.events.request import Reader
from lakehouse.contracts import registry
from lakehouse.door import BodyRejectedError, door
from lakehouse.errors import BusyError, NotDurableError
from lakehouse.log import get_log
from lakehouse.places import Home
from lakehouse.settings import Settings
from lakehouse.storage.open import open_bus, open_journal, open_spool
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
        self._door = door("http")
        self._reader = Reader(registry(), settings.collector_max_body_bytes)
        self._threads = ThreadPoolExecutor(_THREADS, "deliver")
        self.outbox = Outbox(self._journaled(settings), open_spool(settings), self.metrics)
        self.gatherer = Gatherer(self.outbox, self._threads, settings.collector_linger_ms, settings.collector_queue_bytes)
        self._api = api(self, self._lifespan)

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
        if self._watch:
            self._watch.close()
        self.outbox.close()

    async def _events(self, scope: dict, receive, send) -> None:
        began = time.perf_counter()
        try:
            reply = await self._collect(scope, receive)
        except Refusal as refusal:
            self.metrics.refused(refusal.code)
            reply = refusal.answer()
        except Exception as error:  # noqa: BLE001
            # A defect of ours. The sender gets a 500, keeps what it sent, and sends it again; nothing was accepted.
            log.error("collect_failed", error=error)
            reply = Refusal(500, "internal", "the collector failed; nothing of this request was accepted").answer()
        await reply.send(send)
        self.metrics.answered(reply.status, time.perf_counter() - began)

    async def _collect(self, scope: dict, receive) -> Answer:
        """Raises Refusal."""
        zone_id, body = await self._reader.read(scope, receive)
        try:
            admission = self._door.admit_body(body, zone_id, datetime.now(UTC))
        except BodyRejectedError as error:
            raise Refusal(413 if error.code == TOO_LARGE else 400, error.code, str(error), error.position) from error
        if admission.lines:
            await self._keep(admission.lines)
        self.metrics.admitted(zone_id, admission)
        return answer(admission)

    async def _keep(self, lines: dict[str, list[bytes]]) -> None:
        try:
            await self.gatherer.keep(lines)
        except BusyError as error:
            raise Refusal(503, "busy", str(error), retry_after_s=1) from error
        except NotDurableError as error:
            # What the cause says is about our disk and our bus: whoever sends is told only what to do.
            if getattr(error.__cause__, "errno", None) in _NO_ROOM:
                raise Refusal(507, "disk_full", "the disk is full: keep the events, and send them again later", retry_after_s=30) from error
            raise Refusal(503, "not_durable", "nothing could be kept: send the same again later", retry_after_s=5) from error


def create_app(settings: Settings) -> Collector:
    """The application for `settings`; opens bus and spool."""
    return Collector(settings)
