"""Reading a request without trusting it: method, host, type, and a body that may not grow beyond its limit.

headers ─▶ head: zone_id, form      or Refusal
receive ─▶ body: the bytes          or Refusal
"""

from collectors.events.answers import Refusal
from collectors.events.encoding import TooLargeError, gunzip, unzstd
from collectors.events.forms import Form, form_of
from lakehouse.contracts.registry import Registry
from lakehouse.verdicts import MALFORMED_JSON, TOO_LARGE

_DECODERS = {b"identity": None, b"gzip": gunzip, b"zstd": unzstd}
_KINDS = (
    "the Content-Type must be application/json, application/cloudevents+json or application/cloudevents-batch+json; "
    "a page that is being left sends with fetch and keepalive, since navigator.sendBeacon can neither say its type nor show a key"
)
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

    def head(self, method: str, headers: dict[bytes, bytes]) -> tuple[str, Form]:
        """Zone, and form of the events. Raises Refusal."""
        if method != "POST":
            raise Refusal(405, "method_not_allowed", "send events with POST")
        zone_id = self.zone(headers.get(b"host", b""))
        form = form_of(headers)
        if form is None:
            raise Refusal(415, "unsupported_media_type", _KINDS)
        if headers.get(b"content-encoding", b"identity").strip().lower() not in _DECODERS:
            raise Refusal(415, "unsupported_encoding", "the Content-Encoding may be gzip or zstd, or absent")
        return zone_id, form

    async def body(self, headers: dict[bytes, bytes], receive) -> tuple[bytes, int]:
        """The body, decoded, and what it weighs: no less than came over the line. Raises Refusal."""
        body = await self._body(receive, headers.get(b"content-length", b""))
        decode = _DECODERS[headers.get(b"content-encoding", b"identity").strip().lower()]
        if decode is None:
            return body, len(body)
        try:
            decoded = decode(body, self._max)
        except TooLargeError:
            self._too_large()
        except ValueError:
            raise Refusal(400, MALFORMED_JSON, "the body is not what its Content-Encoding promises") from None
        return decoded, max(len(body), len(decoded))

    def zone(self, host: bytes) -> str:
        """Raises Refusal."""
        zone_id = self._zones.get(host)
        if zone_id is None:
            zone_id = self._contracts.zone_of_host(host.decode("latin-1"))
            if zone_id is None:
                raise Refusal(421, "unknown_site", "the host name of this request is no site of ours; see contracts/reference/zones.yaml")
            if len(self._zones) < 1_000:  # upper and lower case, ports: many spellings of few hosts
                self._zones[host] = zone_id
        return zone_id

    async def _body(self, receive, length: bytes) -> bytes:
        message = await receive()
        if length.isdigit() and int(length) > self._max:
            await self._discard(receive, message)
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
                    await self._discard(receive, message)
                if self._held > self._most_held:
                    raise Refusal(503, "busy", "too many bodies are coming in at once", retry_after_s=1)
        finally:
            self._held -= len(whole)
        if message["type"] == "http.disconnect":
            raise Refusal(400, "incomplete", "the client went away in mid-request")
        return bytes(whole)

    async def _discard(self, receive, message: dict) -> None:
        """Read what comes after `message`, keeping none: a client that is writing does not see an answer. Give up in the end."""
        left = self._max * _DISCARD_FACTOR
        while message.get("more_body") and left > 0:
            message = await receive()
            left -= len(message.get("body", b""))
        self._too_large()

    def _too_large(self) -> bytes:
        raise Refusal(413, TOO_LARGE, f"a body holds at most {self._max} bytes, also once it is decompressed")
