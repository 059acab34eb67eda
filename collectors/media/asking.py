"""Reading what a request asks for, without trusting it: zone, object, kind, owner, size, digest, and by what right.

scope ─▶ Asked, and whether a signed URL permits it      or Refusal
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
from collectors.media.tickets import Ticket
from lakehouse import verdicts
from lakehouse.contracts import project
from lakehouse.contracts.model import Contract, MediaKind
from lakehouse.contracts.registry import Registry

USER_HEADER, ORG_HEADER, KIND_HEADER, DIGEST_HEADER = "media-user-id", "media-org-id", "media-kind", "content-digest"
HEADERS = (USER_HEADER, ORG_HEADER, KIND_HEADER, DIGEST_HEADER)
_SHA256 = re.compile(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/]{43}=):\s*(?:,|$)")


@dataclass(frozen=True)
class Asked:
    """An upload that is wanted. `signed`: the ticket and signature of its URL; None where the caller's own right must do."""

    zone_id: str
    org_id: int | None
    user_id: str
    media_id: str
    contract: Contract
    kind: MediaKind
    content_type: str
    max_bytes: int
    sha256: bytes
    signed: tuple[Ticket, str] | None


class Wish(msgspec.Struct, forbid_unknown_fields=True):
    """The body of POST /v1/media."""

    media_id: str
    kind: str
    user_id: str
    org_id: int | None = None
    max_bytes: int | None = None


class Asking:
    """Reads the requests of one collector. `url_seconds`: how long a URL that is wished for will be good."""

    def __init__(self, contracts: Registry, url_seconds: int) -> None:
        self._contracts = contracts
        self._url_seconds = url_seconds
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
        self._at_home(org_id, contract)
        signed = _signed(query, zone_id, org_id, user_id, media_id) if "signature" in query else None
        most = min(kind.max_bytes, signed[0].max_bytes) if signed else kind.max_bytes
        content_type = sniff.canonical(named.get("content-type", ""))
        if content_type not in kind.content_types:
            raise Refusal(415, "unsupported_media_type", f"a {kind.name} is one of {', '.join(kind.content_types)}")
        said = named.get("content-length", "")
        if said.isdigit() and int(said) > most:
            raise Refusal(413, "too_large", f"at most {most} bytes")
        return Asked(zone_id, org_id, user_id, media_id, contract, kind, content_type, most, self._digest(named), signed)

    def wish(self, scope: dict, body: bytes) -> Ticket:
        """Of a POST. Raises Refusal."""
        zone_id = self.zone(scope)
        try:
            wish = msgspec.json.decode(body, type=Wish)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            # msgspec's words may quote a value of a person; the description of the body says what is wanted.
            raise Refusal(400, "bad_body", "send {media_id, kind, user_id} and perhaps {org_id, max_bytes}, as JSON") from None
        org_id = self._org(None if wish.org_id is None else str(wish.org_id))
        self._word("user_id", wish.user_id, "user_id is not one")
        self._word("media_id", wish.media_id, "a media_id has 8 to 64 letters, digits, - and _")
        contract, kind = self._kind(wish.kind)
        self._at_home(org_id, contract)
        most = kind.max_bytes if wish.max_bytes is None else min(kind.max_bytes, wish.max_bytes)
        if most < 1:
            raise Refusal(400, "bad_body", "max_bytes is a positive number")
        expires_at = int(datetime.now(UTC).timestamp()) + self._url_seconds
        return Ticket(zone_id, org_id, wish.user_id, wish.media_id, kind.name, most, expires_at)

    def zone(self, scope: dict) -> str:
        host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
        zone_id = self._contracts.zone_of_host(host)
        if zone_id is None:
            raise Refusal(421, "unknown_site", "the host name of this request is no site of ours; see contracts/reference/zones.yaml")
        return zone_id

    def _kind(self, name: str) -> tuple[Contract, MediaKind]:
        found = self._contracts.media_kind(name)
        if found is None:
            known = sorted(k.name for c in self._contracts for k in c.media_kinds)
            raise Refusal(400, "unknown_kind", f"say in {KIND_HEADER} what it is, one of {', '.join(known)}")
        return found

    def _at_home(self, org_id: int | None, contract: Contract) -> None:
        if not self._contracts.here.is_home_of(org_id, contract):
            raise Refusal(421, verdicts.ANOTHER_REGION, verdicts.CODES[verdicts.ANOTHER_REGION].sender_should)

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
        found = _SHA256.search(named.get(DIGEST_HEADER, ""))
        try:
            return base64.b64decode(found[1], validate=True) if found else _no_digest()
        except binascii.Error:
            return _no_digest()


def _no_digest() -> bytes:
    raise Refusal(400, "digest_missing", "send Content-Digest: sha-256=:<base64 of the SHA-256 of the bytes>: (RFC 9530)")


def _signed(query: dict[str, str], zone_id: str, org_id: int | None, user_id: str, media_id: str) -> tuple[Ticket, str]:
    numbers = query.get("max_bytes", ""), query.get("expires_at", "")
    if not all(n.isascii() and n.isdigit() and len(n) < 16 for n in numbers) or not query["signature"].isascii() or "kind" not in query:
        raise Refusal(400, "bad_url", "this is not a URL that POST /v1/media has answered with")
    return Ticket(zone_id, org_id, user_id, media_id, query["kind"], *map(int, numbers)), query["signature"]
