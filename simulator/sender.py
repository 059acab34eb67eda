"""Requests → collector, over several connections, each until it is answered for good.

    Request ─▶ POST /v1/events (Host: the zone's) ─┬─▶ 202, 207, 400: verdicts, held against what was expected
    MediaUpload ─▶ PUT /v1/media/{media_id} ───────┤   201, 200: it is there
                                                   └─▶ 503, 507, no answer: the same bytes again, a little later

Sending again what may have arrived is safe: event_ids stay the same, and refine drops what it has seen.
"""

import asyncio
import base64
import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lakehouse.errors import BadInputError, NotDurableError, require
from simulator.media import MediaUpload
from simulator.requests import Request

if TYPE_CHECKING:
    import httpx

PATH, MEDIA_PATH = "/v1/events", "/v1/media"
TRY_AGAIN = frozenset({429, 502, 503, 504, 507})
_MOST_WAIT_S = 5.0


@dataclass
class Tally:
    """What became of the events. `unexpected`: verdicts that the simulator did not foresee, in words, the first few."""

    requests: int = 0
    retries: int = 0
    sent: int = 0
    accepted: int = 0
    rejected: Counter = field(default_factory=Counter)
    duplicates: int = 0
    late: int = 0
    media: Counter = field(default_factory=Counter)
    surprises: int = 0
    unexpected: list[str] = field(default_factory=list)

    def surprise(self, words: str) -> None:
        self.surprises += 1
        if len(self.unexpected) < 10:
            self.unexpected.append(words)


class Sender:
    """A collector's client. Use as `async with`; `send` returns once all requests are answered."""

    def __init__(self, url: str, connections: int, patience_s: float) -> None:
        self._url, self._connections, self._patience_s = url.rstrip("/"), connections, patience_s
        self.tally = Tally()

    async def __aenter__(self) -> "Sender":
        httpx = require("httpx", "simulator")
        limits = httpx.Limits(max_connections=self._connections, max_keepalive_connections=self._connections)
        self._transport_error = httpx.TransportError
        self._client = httpx.AsyncClient(limits=limits, timeout=60, trust_env=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def send(self, requests: Iterable[Request], advance) -> None:
        """Send all; `advance(events)` is called after each. Raises NotDurableError where patience ends."""

        async def deliver(request: Request) -> None:
            await self._deliver(request)
            advance(request.events)

        await self._share(requests, deliver)

    async def upload(self, uploads: Iterable[MediaUpload]) -> None:
        """The same for media objects. An event may well be there before its object."""
        await self._share(uploads, self._put)

    async def _share(self, work: Iterable, do: Callable[[object], Awaitable[None]]) -> None:
        waiting = iter(work)  # shared by all connections: each takes the next one

        async def go_on() -> None:
            for one in waiting:
                await do(one)

        async with asyncio.TaskGroup() as group:
            for _ in range(self._connections):
                group.create_task(go_on())

    async def _deliver(self, request: Request) -> None:
        headers = {"Host": request.host, "Content-Type": "application/json"} | ({"Content-Encoding": "gzip"} if request.is_gzip else {})
        post = lambda: self._client.post(self._url + PATH, content=request.body, headers=headers)  # noqa: E731
        self._count(request, await self._answered(post))

    async def _put(self, media: MediaUpload) -> None:
        digest = base64.b64encode(hashlib.sha256(media.data).digest()).decode()
        headers = {"Host": media.host, "Content-Type": media.content_type, "Content-Digest": f"sha-256=:{digest}:"}
        headers |= {"Media-Kind": media.kind, "Media-User-Id": media.user_id, "Media-Org-Id": str(media.org_id)}
        put = lambda: self._client.put(f"{self._url}{MEDIA_PATH}/{media.media_id}", content=media.data, headers=headers)  # noqa: E731
        response = await self._answered(put)
        if response.status_code in (200, 201):
            self.tally.media[media.kind] += 1
        else:
            self.tally.surprise(f"{media.host}: a {media.kind} was to be kept, and was answered {response.status_code}")

    async def _answered(self, ask: Callable[[], Awaitable["httpx.Response"]]) -> "httpx.Response":
        """Ask until there is an answer for good. Raises NotDurableError."""
        waited, wait = 0.0, 0.1
        while True:
            why = ""
            try:
                response = await ask()
                if response.status_code not in TRY_AGAIN:
                    return response
                why = f"HTTP {response.status_code}"
            except self._transport_error as error:
                why = type(error).__name__
            if waited >= self._patience_s:
                raise NotDurableError(
                    f"{self._url} did not take events for {waited:.0f} s ({why})",
                    hint="is the collector running (`lakehouse collect`)? Simulate again afterwards: what arrived is not doubled",
                )
            self.tally.retries += 1
            await asyncio.sleep(wait)
            waited, wait = waited + wait, min(wait * 2, _MOST_WAIT_S)

    def _verdicts(self, response: "httpx.Response") -> dict:
        try:
            return response.json()
        except ValueError:
            raise BadInputError(
                f"{self._url} answered {response.status_code}, and not in JSON",
                hint="is that a collector? `lakehouse collect` prints its address",
            ) from None

    def _count(self, request: Request, response: "httpx.Response") -> None:
        tally = self.tally
        tally.requests += 1
        tally.sent += request.events
        tally.duplicates += request.duplicates
        tally.late += request.late
        told = self._verdicts(response)
        refused, fields = dict.fromkeys(range(request.events), told.get("code")) if "code" in told else {}, {}
        for verdict in told.get("results", ()):
            if verdict["status"] == "rejected":
                refused[verdict["index"]], fields[verdict["index"]] = verdict["code"], verdict["field"]
        tally.rejected.update(refused.values())
        tally.accepted += request.events - len(refused)
        expected = dict.fromkeys(range(request.events), request.refused_whole) if request.refused_whole else request.expected
        for index in sorted(refused.keys() | expected.keys()):
            if refused.get(index) != expected.get(index):
                where = f" ({fields[index]})" if fields.get(index) else ""
                tally.surprise(
                    f"{request.host}: expected {expected.get(index, 'accepted')}, was told {refused.get(index, 'accepted')}{where}"
                )
