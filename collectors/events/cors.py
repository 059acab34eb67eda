"""Which pages may send from a browser, and what the browser is told.

    OPTIONS, Origin ─▶ 204 with what may be sent, or 403
    POST, Origin    ─▶ the answer, whatever its status, says that the page may read it

No cookie is ever asked for: who sends is said in Authorization, so a page of somebody else's cannot borrow a visitor's rights.
"""

from collectors.events.answers import Answer, Refusal
from collectors.events.cloudevents import HEADERS as CLOUD_EVENTS_HEADERS
from collectors.media.asking import HEADERS as MEDIA_HEADERS
from lakehouse.contracts.registry import Registry

_ANY = b"*"
_HEADERS = ", ".join(["authorization", "content-type", "content-encoding", "sent-at", *CLOUD_EVENTS_HEADERS, *MEDIA_HEADERS]).encode()
_KEPT_S = b"7200"  # browsers keep it no longer
_READABLE = b"retry-after, www-authenticate"


class Cors:
    """The origins of one collector. `listed`: with commas between, or `*`; the sites' own where it is None."""

    def __init__(self, contracts: Registry, listed: str | None) -> None:
        sites = [f"https://{www}{zone.site_host}" for zone in contracts.zones for www in ("", "www.")]
        origins = sites if listed is None else [o.strip().rstrip("/") for o in listed.split(",")]
        self._origins = frozenset(o.lower().encode() for o in origins if o)

    def headers(self, origin: bytes | None) -> tuple[tuple[bytes, bytes], ...]:
        """For any answer to a request of this origin."""
        if origin is None:
            return ()
        if _ANY in self._origins or origin.lower() in self._origins:
            return (b"access-control-allow-origin", origin), (b"vary", b"origin"), (b"access-control-expose-headers", _READABLE)
        return ((b"vary", b"origin"),)

    def preflight(self, origin: bytes | None) -> Answer:
        """Raises Refusal where the origin is not one of those that may send."""
        if origin is not None and len(self.headers(origin)) == 1:
            raise Refusal(403, "unknown_origin", "pages of this origin may not send; see LAKEHOUSE_COLLECTOR_CORS_ORIGINS")
        allowed = (
            (b"allow", b"POST, PUT, OPTIONS"),
            (b"access-control-allow-methods", b"POST, PUT"),
            (b"access-control-allow-headers", _HEADERS),
            (b"access-control-max-age", _KEPT_S),
        )
        return Answer(204, b"", allowed)
