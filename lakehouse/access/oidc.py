"""Bearer tokens of an OIDC issuer: a signed statement of who asks, and what they may.

    token ─▶ alg RS256 or ES256, and the key's own ─▶ signature ─▶ iss, aud, exp, nbf ─▶ scopes, zones, orgs, user, role ─▶ Caller

What a token does not say it does not give: without a claim for zones or orgs it is for none of them, and `*` is all.
"""

import hmac
import os
from datetime import UTC, datetime, timedelta

import jwt

from lakehouse.access.caller import Caller, RateLimit, Role, Scope
from lakehouse.access.jwks import KeySet
from lakehouse.errors import DeniedError, SettingsError
from lakehouse.settings import Settings

ALGORITHMS = ("RS256", "ES256")
EVERYWHERE = "*"
_MAX_TOKEN_CHARS = 8_192
_LONGEST_LIFE = timedelta(days=1)
_BURST_S = 20.0


class Tokens:
    """Knows the holders of one issuer's tokens."""

    def __init__(self, settings: Settings, id_key: bytes | None = None) -> None:
        """`id_key`: what holders' ids are made with; of this process alone where it is None."""
        if not settings.oidc_audience:
            raise SettingsError("LAKEHOUSE_OIDC_AUDIENCE is not set", hint="name what tokens for this platform carry in their `aud` claim")
        self._settings = settings
        self._keys = KeySet(settings.oidc_issuer, settings.oidc_jwks_url, ALGORITHMS)
        self._limit = RateLimit(settings.oidc_events_per_second, settings.oidc_bytes_per_second, _BURST_S)
        self._id_key = id_key or os.urandom(32)

    def caller(self, token: str) -> Caller:
        """Raises DeniedError where the token is not good, UnavailableError where the issuer's keys are not there."""
        claims = self._claims(token)
        chosen = self._settings
        known = {str(scope) for scope in Scope}
        scopes = _texts(claims, chosen.oidc_scope_claim)
        zones = _texts(claims, chosen.oidc_zones_claim)
        orgs = _texts(claims, chosen.oidc_orgs_claim)
        user_id = claims.get(chosen.oidc_user_claim)
        if user_id is not None and not (isinstance(user_id, str) and user_id):
            raise _unreadable(chosen.oidc_user_claim)
        if not (EVERYWHERE in orgs or all(o.isascii() and o.isdigit() for o in orgs)):
            raise _unreadable(chosen.oidc_orgs_claim)
        role, region = claims.get(chosen.oidc_role_claim), claims.get(chosen.oidc_region_claim)
        return Caller(
            self._id(claims["sub"]),
            frozenset(Scope(s) for s in scopes if s in known),
            None if EVERYWHERE in zones else frozenset(zones),
            None if EVERYWHERE in orgs else frozenset(map(int, orgs)),
            user_id,
            self._limit,
            datetime.fromtimestamp(int(claims["exp"]), UTC) + timedelta(seconds=chosen.oidc_leeway_seconds),
            Role(role) if isinstance(role, str) and role in set(Role) else None,
            region if isinstance(region, str) else None,
        )

    def _claims(self, token: str) -> dict:
        if len(token) > _MAX_TOKEN_CHARS:
            raise _unknown("the token is longer than any of ours")
        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") not in ALGORITHMS or not isinstance(header.get("kid"), str):
                raise _unknown("the token is signed in a way that is not accepted, or does not say by which key")
            key = self._keys.key(header["kid"])
            if key is None:
                raise _unknown("the token is signed by a key that its issuer does not publish")
            claims = jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                issuer=self._settings.oidc_issuer,
                audience=self._settings.oidc_audience,
                leeway=self._settings.oidc_leeway_seconds,
                options={"require": ["exp", "iss", "aud", "sub"], "enforce_minimum_key_length": True},
            )
        except jwt.ExpiredSignatureError:
            raise _unknown("the token has expired") from None
        except (jwt.PyJWTError, ValueError, OverflowError, RecursionError):
            raise _unknown("the token is not good here: its signature, issuer, audience or time is wrong") from None
        if int(claims["exp"]) > (datetime.now(UTC) + _LONGEST_LIFE).timestamp():
            raise _unknown("the token is good for more than a day")
        return claims

    def _id(self, subject: str) -> str:
        """The same for all tokens of one holder wherever the id key is, and of no use to anybody else."""
        return "token-" + hmac.digest(self._id_key, subject.encode(), "sha256")[:8].hex()


def _texts(claims: dict, name: str) -> list[str]:
    """A claim that is a list of texts or whole numbers, or one text with blanks between. Raises DeniedError."""
    value = claims.get(name, [])
    values = value.split() if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(v, str | int) and not isinstance(v, bool) for v in values):
        raise _unreadable(name)
    return [str(v) for v in values]


def _unknown(message: str) -> DeniedError:
    return DeniedError(message, hint="ask the issuer for a new token", is_known=False)


def _unreadable(claim: str) -> DeniedError:
    return DeniedError(f"the token's claim {claim} has another form than agreed", hint="see docs/how_to/give_access.md", is_known=True)
