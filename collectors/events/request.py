"""Reading a request without trusting it: method, host, type, and a body that may not grow beyond its limit.

scope, receive ─▶ zone_id, body      or Refusal
"""

import zlib

from collectors.events.answers import Refusal
from lakehouse.contracts.registry import Registry
from lakehouse.verdicts import MALFORMED_JSON, TOO_LARGE

_GZIP = 31  # zlib's word for gzip with the largest window
_DISCARD_FACTOR = 8


class Reader:
    """Reads requests of one collector. `max_body_bytes` holds before and after decompression; `most_held_bytes` for all
    bodies together that are still coming in."""

    def __init__(self, contracts: Registry, max_body_bytes: int, most_held_bytes: int) -> None:
        self._contracts = contracts
        self._max = max_body_bytes
        self._most_held = most_held_bytes
        self._held = 0
        self._zones: dict[bytes, str] = {}

    async def read(self, scope: dict, receive) -> tuple[str, bytes]:
        """Zone and body. Raises Refusal."""
        if scope["method"] != "POST":
            raise Refusal(405, "method_not_allowed", "send events with POST")
        headers = dict(scope["headers"])
        zone_id = self._zone(headers.get(b"host", b""))
        kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if kind != b"application/json":
            raise Refusal(415, "unsupported_media_type", "the Content-Type must be application/json")
        encoding = headers.get(b"content-encoding", b"identity").strip().lower()
        if encoding not in (b"identity", b"gzip"):
            raise Refusal(415, "unsupported_encoding", "the Content-Encoding may be gzip, or absent")
        body = await self._body(receive, headers.get(b"content-length", b""))
        return zone_id, self._gunzip(body) if encoding == b"gzip" else body

    def _zone(self, host: bytes) -> str:
        zone_id = self._zones.get(host)
        if zone_id is None:
            zone_id = self._contracts.zone_of_host(host.decode("latin-1"))
            if zone_id is None:
                raise Refusal(421, "unknown_site", "the host name of this request is no site of ours; see contracts/reference/zones.yaml")
            if len(self._zones) < 1_000:  # upper and lower case, ports: many spellings of few hosts
                self._zones[host] = zone_id
        return zone_id

    async def _body(self, receive, length: bytes) -> bytes:
        if length.isdigit() and int(length) > self._max:
            await self._discard(receive)
        message = await receive()
        body = message.get("body", b"")
        if not message.get("more_body") and message["type"] == "http.request":
            return body if len(body) <= self._max else self._too_large()
        whole = bytearray(body)  # and no list of pieces: a client may send a byte at a time
        try:
            self._held += len(body)
            while message.get("more_body"):
                message = await receive()
                piece = message.get("body", b"")
                whole += piece
                self._held += len(piece)
                if len(whole) > self._max:
                    await self._discard(receive)
                if self._held > self._most_held:
                    raise Refusal(503, "busy", "too many bodies are coming in at once", retry_after_s=1)
        finally:
            self._held -= len(whole)
        if message["type"] == "http.disconnect":
            raise Refusal(400, "incomplete", "the client went away in mid-request")
        return bytes(whole)

    async def _discard(self, receive) -> None:
        """Read what is still coming, keeping none: a client that is writing does not see an answer. Give up in the end."""
        left = self._max * _DISCARD_FACTOR
        message = {"more_body": True}
        while message.get("more_body") and left > 0:
            message = await receive()
            left -= len(message.get("body", b""))
        self._too_large()

    def _gunzip(self, body: bytes) -> bytes:
        pieces, left = [], self._max + 1
        try:
            while body and left > 0:
                member = zlib.decompressobj(_GZIP)
                pieces.append(member.decompress(body, left))
                left -= len(pieces[-1])
                if not member.eof and left > 0:
                    raise zlib.error("incomplete")
                body = member.unused_data
        except zlib.error:
            raise Refusal(400, MALFORMED_JSON, "the body is not the gzip that its Content-Encoding promises") from None
        return b"".join(pieces) if left > 0 else self._too_large()

    def _too_large(self) -> bytes:
        raise Refusal(413, TOO_LARGE, f"a body holds at most {self._max} bytes, also once it is decompressed")
