"""Reading what a request asks for, without trusting it: zone, object, kind, owner, size, digest, and by what right.

scope ─▶ Asked      or Refusal
"""

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qs

import msgspec

from collectors.events.answers import Refusal
from collectors.media import sniff
from collectors.media.tickets import Ticket, Tickets
from lakehouse.access.caller import Gate, Scope
from lakehouse.contracts import project
from lakehouse.contracts.model import Contract, MediaKind
from lakehouse.contracts.registry import Registry
from lakehouse.errors import DeniedError

USER_HEADER, ORG_HEADER, KIND_HEADER = "media-user-id", "media-org-id", "media-kind"
_SHA256 = re.compile(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/]{43}=):\s*(?:,|$)")
_SIGNED = ("kind", "max_bytes", "expires_at", "signature")


@dataclass(frozen=True)
class Asked:
    """An upload that may be. `length`: what the client says; None where it does not."""

    zone_id: str
    org_id: int | None
    user_id: str
    media_id: str
    contract: Contract
    kind: MediaKind
    content_type: str
    max_bytes: int
    length: int | None
    sha256: bytes


class Wish(msgspec.Struct, forbid_unknown_fields=True):
    """The body of POST /v1/media."""

    media_id: str
    kind: str
    user_id: str
    org_id: int | None = None
    max_bytes: int | None = None


class Asking:
    """Reads the requests of one collector."""

    def __init__(self, contracts: Registry, gate: Gate, tickets: Tickets) -> None:
        self._contracts = contracts
        self._gate = gate
        self._tickets = tickets
        self._take = {n: msgspec.json.Decoder(project.python_type(contracts.word(n))).decode for n in ("media_id", "user_id", "org_id")}

    def upload(self, scope: dict, media_id: str) -> Asked:
        """Of a PUT. Raises Refusal."""
        named = {n.decode("latin-1"): v.decode("latin-1") for n, v in scope["headers"]}
        zone_id = self.zone(scope)
        org_id = self._org(named.get(ORG_HEADER))
        user_id = self._word("user_id", named.get(USER_HEADER, ""), f"say whose it is in {USER_HEADER}")
        self._word("media_id", media_id, "a media_id has 8 to 64 letters, digits, - and _")
        query = {name: values[-1] for name, values in parse_qs(scope["query_string"].decode("latin-1")).items()}
        kind_name = query.get("kind") or named.get(KIND_HEADER, "")
        contract, kind = self._kind(kind_name)
        most = kind.max_bytes
        if "signature" in query:
            most = min(most, self._ticket(query, zone_id, org_id, user_id, media_id))
        else:
            self._allowed(named.get("authorization"), zone_id, org_id, user_id)
        content_type = sniff.canonical(named.get("content-type", ""))
        if content_type not in kind.content_types:
            raise Refusal(415, "unsupported_media_type", f"a {kind.name} is one of {', '.join(kind.content_types)}")
        said = named.get("content-length", "")
        length = int(said) if said.isdigit() else None
        if length is not None and length > most:
            raise Refusal(413, "too_large", f"at most {most} bytes")
        return Asked(zone_id, org_id, user_id, media_id, contract, kind, content_type, most, length, self._digest(named))

    def wish(self, scope: dict, body: bytes) -> Ticket:
        """Of a POST. Raises Refusal."""
        named = {n.decode("latin-1"): v.decode("latin-1") for n, v in scope["headers"]}
        zone_id = self.zone(scope)
        try:
            wish = msgspec.json.decode(body, type=Wish)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            # msgspec's words may quote a value of a person; the description of the body says what is wanted.
            raise Refusal(400, "bad_body", "send {media_id, kind, user_id} and perhaps {org_id, max_bytes}, as JSON") from None
        org_id = self._org(None if wish.org_id is None else str(wish.org_id))
        self._word("user_id", wish.user_id, "user_id is not one")
        self._word("media_id", wish.media_id, "a media_id has 8 to 64 letters, digits, - and _")
        _, kind = self._kind(wish.kind)
        self._allowed(named.get("authorization"), zone_id, org_id, wish.user_id)
        most = kind.max_bytes if wish.max_bytes is None else min(kind.max_bytes, wish.max_bytes)
        if most < 1:
            raise Refusal(400, "bad_body", "max_bytes is a positive number")
        expires_at = int(datetime.now(UTC).timestamp()) + self._tickets.ttl_s
        return Ticket(zone_id, org_id, wish.user_id, wish.media_id, kind.name, most, expires_at)

    def zone(self, scope: dict) -> str:
        host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
        zone_id = self._contracts.zone_of_host(host)
        if zone_id is None:
            raise Refusal(421, "unknown_site", "the host name of this request is no site of ours; see contracts/reference/zones.yaml")
        return zone_id

    def _allowed(self, authorization: str | None, zone_id: str, org_id: int | None, user_id: str) -> None:
        try:
            caller = self._gate.caller(authorization)
            caller.require(Scope.MEDIA_WRITE, zone_id, frozenset() if org_id is None else frozenset([org_id]))
            if caller.user_id is not None and caller.user_id != user_id:
                raise DeniedError("the token is another person's", hint="upload with the token of whoever it is of", is_known=True)
        except DeniedError as error:
            raise Refusal(403 if error.is_known else 401, "denied", f"{error}: {error.hint}" if error.hint else str(error)) from error

    def _ticket(self, query: dict[str, str], zone_id: str, org_id: int | None, user_id: str, media_id: str) -> int:
        """The size that the URL allows."""
        if (
            not all(query.get(name, "").isascii() for name in _SIGNED)
            or not (query.get("max_bytes", "") + query.get("expires_at", "")).isdigit()
        ):
            raise Refusal(400, "bad_url", "this is not a URL that POST /v1/media has answered with")
        try:
            ticket = Ticket(zone_id, org_id, user_id, media_id, query["kind"], int(query["max_bytes"]), int(query["expires_at"]))
            self._tickets.require(ticket, query["signature"], datetime.now(UTC))
        except (KeyError, ValueError):
            raise Refusal(400, "bad_url", "this is not a URL that POST /v1/media has answered with") from None
        except DeniedError as error:
            raise Refusal(403, "denied", f"{error}: {error.hint}") from error
        return ticket.max_bytes

    def _kind(self, name: str) -> tuple[Contract, MediaKind]:
        found = self._contracts.media_kind(name)
        if found is None:
            known = sorted(k.name for c in self._contracts for k in c.media_kinds)
            raise Refusal(400, "unknown_kind", f"say in {KIND_HEADER} what it is, one of {', '.join(known)}")
        return found

    def _org(self, text: str | None) -> int | None:
        if text is None:
            return None
        try:
            return self._take["org_id"](text)
        except msgspec.DecodeError:
            raise Refusal(400, "bad_header", f"{ORG_HEADER} is a number") from None

    def _word(self, name: str, text: str, otherwise: str) -> str:
        try:
            return self._take[name](msgspec.json.encode(text))
        except msgspec.ValidationError:
            raise Refusal(400, "bad_header" if name == "user_id" else "bad_media_id", otherwise) from None

    @staticmethod
    def _digest(named: dict[str, str]) -> bytes:
        found = _SHA256.search(named.get("content-digest", ""))
        try:
            return base64.b64decode(found[1], validate=True) if found else _no_digest()
        except binascii.Error:
            return _no_digest()


def _no_digest() -> bytes:
    raise Refusal(400, "digest_missing", "send Content-Digest: sha-256=:<base64 of the SHA-256 of the bytes>: (RFC 9530)")
