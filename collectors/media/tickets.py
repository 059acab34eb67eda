"""Upload URLs: a permission to PUT one object, signed, that needs no key and soon expires.

    POST /v1/media ─▶ Ticket ─ HMAC ─▶ /v1/media/{media_id}?kind=…&max_bytes=…&expires_at=…&signature=…
    PUT that URL, tenant and user in headers ─▶ the same HMAC? not expired? ─▶ Ticket

Zone, tenant and user are part of what is signed and not of the URL: URLs are logged on their way. The key is derived from the
vault's key of the day on which a URL expires, so that any collector can check what another one has signed.
"""

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from lakehouse.errors import DeniedError
from lakehouse.storage.protocols import Vault


@dataclass(frozen=True)
class Ticket:
    """What may be uploaded: by whom everything but the bytes is said already. `expires_at`: seconds since 1970."""

    zone_id: str
    org_id: int | None
    user_id: str
    media_id: str
    kind: str
    max_bytes: int
    expires_at: int


class Tickets:
    """Signs and checks. `ttl_s`: how long a URL is good for."""

    def __init__(self, vault: Vault, ttl_s: int) -> None:
        self._vault = vault
        self.ttl_s = ttl_s

    def sign(self, ticket: Ticket) -> str:
        day = datetime.fromtimestamp(ticket.expires_at, UTC).date()
        key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"megacity media tickets").derive(self._vault.day_key(day).key)
        parts = (ticket.zone_id, ticket.org_id, ticket.user_id, ticket.media_id, ticket.kind, ticket.max_bytes, ticket.expires_at)
        # None of them can hold a line end, so no two tickets have one text.
        return hmac.new(key, "\n".join(map(str, parts)).encode(), "sha256").hexdigest()

    def require(self, ticket: Ticket, signature: str, now: datetime) -> None:
        """Raises DeniedError. The time is looked at first: an odd date must not make the vault grow by a key."""
        if not 0 < ticket.expires_at - now.timestamp() <= self.ttl_s + 1:
            raise DeniedError("the upload URL has expired", hint="ask for a new one with POST /v1/media", is_known=True)
        if not hmac.compare_digest(self.sign(ticket).encode(), signature.encode()):
            raise DeniedError(
                "the signature is for another upload",
                hint="send the headers that POST /v1/media answered with, to this very URL",
                is_known=True,
            )
