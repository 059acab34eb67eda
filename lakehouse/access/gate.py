"""The gate that is closed: who shows a key or a token that is good comes in.

    Authorization ─▶ seen in the last seconds ─▶ Caller            one look-up in a dict
                     otherwise: mck_… ─▶ keys.py │ a.b.c ─▶ oidc.py ─▶ Caller, remembered │ DeniedError

A revoked key is good for as long as it is remembered, which is seconds. While the store of keys or the issuer is away, whoever
came in lately still does, for a while; others are asked to come again.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

import sqlalchemy as sa

from lakehouse.access.caller import Caller
from lakehouse.access.keys import PREFIX, KeyStore
from lakehouse.access.oidc import Tokens
from lakehouse.errors import DeniedError, NotDurableError, UnavailableError
from lakehouse.log import get_log

MOST_REMEMBERED = 20_000
AWAY_S = 900.0
log = get_log(__name__)


class _Seen(NamedTuple):
    caller: Caller
    fresh_until: float
    usable_until: float


class ClosedGate:
    """A Gate over keys and, where there is an issuer, tokens. For several threads."""

    is_open = False

    def __init__(self, keys: KeyStore, tokens: Tokens | None, fresh_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._keys = keys
        self._tokens = tokens
        self._fresh_s = fresh_s
        self._clock = clock
        self._seen: dict[str, _Seen] = {}

    def known(self, authorization: str | None) -> Caller | None:
        seen = self._seen.get(authorization)
        return seen.caller if seen is not None and seen.fresh_until > self._clock() else None

    def remembers(self, authorization: str | None) -> bool:
        return authorization in self._seen

    def caller(self, authorization: str | None) -> Caller:
        shown = _credentials(authorization)
        try:
            caller = self._look_up(shown)
        except DeniedError:
            self._seen.pop(authorization, None)
            raise
        except UnavailableError as error:
            return self._as_remembered(authorization, error)
        self._remember(authorization, caller, AWAY_S)
        return caller

    def close(self) -> None:
        self._keys.close()

    def _look_up(self, shown: str) -> Caller:
        if not shown.startswith(PREFIX):
            if self._tokens is None:
                raise _denied("no such key")
            return self._tokens.caller(shown)
        try:
            key = self._keys.find(shown, datetime.now(UTC))
        except (sa.exc.SQLAlchemyError, NotDurableError) as error:
            log.warning("keys_away", error=error)
            raise UnavailableError("the store of keys does not answer", hint="see LAKEHOUSE_ACCESS_URL") from error
        if key is None:
            raise _denied("no such key, or it is revoked or has expired")
        return key.caller

    def _as_remembered(self, authorization: str, away: UnavailableError) -> Caller:
        """Raises `away` where nobody is remembered."""
        seen = self._seen.get(authorization)
        now = self._clock()
        if seen is None or seen.usable_until <= now or seen.caller.expires_at <= datetime.now(UTC):
            raise away
        self._remember(authorization, seen.caller, seen.usable_until - now)
        return seen.caller

    def _remember(self, authorization: str, caller: Caller, usable_s: float) -> None:
        now = self._clock()
        left_s = (caller.expires_at - datetime.now(UTC)).total_seconds()
        if authorization not in self._seen and len(self._seen) >= MOST_REMEMBERED:
            for oldest in list(self._seen)[: MOST_REMEMBERED // 4]:
                self._seen.pop(oldest, None)
        self._seen[authorization] = _Seen(caller, now + min(self._fresh_s, left_s), now + usable_s)


def _credentials(authorization: str | None) -> str:
    scheme, _, shown = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not shown.strip():
        raise DeniedError("a key or a token is needed", hint="send it as `Authorization: Bearer …`", is_known=False)
    return shown.strip()


def _denied(message: str) -> DeniedError:
    return DeniedError(message, hint="`lakehouse keys list` shows which are active", is_known=False)
