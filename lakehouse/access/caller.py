"""A caller, what it may do where, and the gate that knows it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from lakehouse.errors import DeniedError


class Scope(StrEnum):
    """What a key or a token may be for."""

    EVENTS_WRITE = "events:write"
    MEDIA_WRITE = "media:write"
    LIVE_READ = "live:read"
    PRIVACY_REQUEST = "privacy:request"
    DATA_READ = "data:read"


class Role(StrEnum):
    """As what somebody reads data: the roles of MegaCity, and those of the platform's own people."""

    STUDENT = "student"
    PARENT = "parent"
    TEACHER = "teacher"
    TUTOR = "tutor"
    ORG_ADMIN = "org_admin"
    ZONE_ADMIN = "zone_admin"
    SYS_ADMIN = "sys_admin"
    ANALYST = "analyst"
    ML_ENGINEER = "ml_engineer"
    DATA_ENGINEER = "data_engineer"
    PRIVACY_OFFICER = "privacy_officer"


@dataclass(frozen=True, slots=True)
class RateLimit:
    """How much a caller may send. After a pause it may send `burst_s` seconds' worth at once, and that is also the most in one request."""

    events_per_s: float
    bytes_per_s: float
    burst_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Caller:
    """A program or a signed-in person, known by a key's or a token's id and never by a name.

    zones, orgs  where it may act; None means everywhere
    user_id      set where only one person's own data may be read (a parent's or a student's token)
    role         as what it reads data; None reads none by the policy of lakehouse/privacy
    region       where it sits, as the issuer says; None: not known
    limit        what it may send; None means without limit
    expires_at   when the key or token ends; None means never (the gate that stands open)
    """

    key_id: str
    scopes: frozenset[str]
    zones: frozenset[str] | None = None
    orgs: frozenset[int] | None = None
    user_id: str | None = None
    limit: RateLimit | None = None
    expires_at: datetime | None = None
    role: Role | None = None
    region: str | None = None

    def require(self, scope: Scope, zone_id: str | None = None, org_ids: frozenset[int] = frozenset()) -> None:
        """Raises DeniedError where the scope is lacking, or the zone or one of the tenants is not this caller's."""
        if scope not in self.scopes:
            raise DeniedError(f"the scope {scope} is lacking", hint=f"ask for a key or token with {scope}", is_known=True)
        if zone_id is not None and self.zones is not None and zone_id not in self.zones:
            raise DeniedError("the key is for other zones", hint="use the key of this zone", is_known=True)
        if self.orgs is not None and not org_ids <= self.orgs:
            raise DeniedError("the key is for other tenants", hint="use the key of this tenant", is_known=True)


class Gate(Protocol):
    """Knows callers. In an event loop: `gate.known(a) or await asyncio.to_thread(gate.caller, a)`."""

    is_open: bool
    """Whether everybody comes in, so that nobody need be asked for a key."""

    def caller(self, authorization: str | None) -> Caller:
        """Of the value of an Authorization header. May wait for a database or the network.

        Raises DeniedError with is_known=False where it names nobody we know, UnavailableError where that cannot be known now.
        """

    def known(self, authorization: str | None) -> Caller | None:
        """A caller who was here in the last seconds; None where only `caller` can tell. Never waits."""

    def remembers(self, authorization: str | None) -> bool:
        """Whether it let this one in lately, so that it is no guess."""

    def close(self) -> None: ...


class OpenGate:
    """Everybody may do everything: for the local profile alone."""

    is_open = True
    _anybody = Caller("anybody", frozenset(Scope))

    def caller(self, authorization: str | None) -> Caller:
        return self._anybody

    def known(self, authorization: str | None) -> Caller | None:
        return self._anybody

    def remembers(self, authorization: str | None) -> bool:
        return True

    def close(self) -> None:
        """Nothing is held open."""
