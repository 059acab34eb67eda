"""The public keys of the issuer of tokens, fetched when they are needed and kept while it is away.

    key(kid) ─▶ known and young ─▶ it
                known and old   ─▶ fetch anew; where that fails, the old one goes on working
                unknown         ─▶ fetch anew, but not more often than every few seconds ─▶ it, or None

Nobody waits behind somebody else's fetch: of all threads one fetches, so that an issuer that hangs stops one of them.
"""

import http.client
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from urllib.parse import urlsplit

import jwt

from lakehouse.errors import SettingsError, UnavailableError
from lakehouse.log import get_log

MAX_AGE_S = 300.0
PAUSE_S = 10.0
_TIMEOUT_S = 5
_MAX_BYTES = 256 * 1024
log = get_log(__name__)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect could lead from https to anywhere."""

    def redirect_request(self, *_args) -> None:
        return None


_open = urllib.request.build_opener(_NoRedirect).open


class KeySet:
    """Keys by kid of one issuer. Those of an algorithm that is not in `algorithms` are passed over."""

    def __init__(self, issuer: str, url: str | None, algorithms: tuple[str, ...], clock: Callable[[], float] = time.monotonic) -> None:
        """Raises SettingsError where an address is not https (or this machine)."""
        self._issuer = issuer
        self._url = url
        self._algorithms = algorithms
        self._clock = clock
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at: float | None = None
        self._next_try_at = clock()
        self._fetching = threading.Lock()
        _only_https(url or issuer)

    def key(self, kid: str) -> jwt.PyJWK | None:
        """None where the issuer has no such key. Raises UnavailableError where that cannot be known now."""
        found = self._keys.get(kid)
        if found is not None and self._clock() - self._fetched_at < MAX_AGE_S:
            return found
        if not self._fetching.acquire(blocking=False):
            if found is None:
                raise UnavailableError("the issuer's keys are being fetched", hint="try again in a second")
            return found
        try:
            self._fetch_if_due()
        finally:
            self._fetching.release()
        return self._keys.get(kid)

    def _fetch_if_due(self) -> None:
        if self._clock() >= self._next_try_at:
            self._next_try_at = self._clock() + PAUSE_S
            try:
                self._keys = self._fetched()
                self._fetched_at = self._clock()
            except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError, RecursionError, jwt.PyJWTError) as error:
                log.warning("jwks_away", keys_kept=len(self._keys), error=error)
        if self._fetched_at is None:
            raise UnavailableError("the issuer's keys could not be fetched", hint="see that LAKEHOUSE_OIDC_ISSUER answers")

    def _fetched(self) -> dict[str, jwt.PyJWK]:
        if self._url is None:
            found = _get(self._issuer.rstrip("/") + "/.well-known/openid-configuration")
            if found["issuer"] != self._issuer:
                raise ValueError("the issuer calls itself otherwise")
            _only_https(found["jwks_uri"])
            self._url = found["jwks_uri"]
        usable = [k for k in _get(self._url)["keys"] if k.get("use", "sig") == "sig" and k.get("kty") in ("RSA", "EC")]
        keys = {k["kid"]: key for k in usable if "kid" in k and (key := _usable(k, self._algorithms))}
        if not keys:
            raise ValueError("the issuer publishes no key that we could use")
        return keys


def _usable(published: dict, algorithms: tuple[str, ...]) -> jwt.PyJWK | None:
    try:
        key = jwt.PyJWK(published)
    except jwt.PyJWTError:
        return None  # of a kind that PyJWT does not know; the others may be good
    return key if key.algorithm_name in algorithms else None


def _get(url: str) -> dict:
    with _open(url, timeout=_TIMEOUT_S) as answer:
        text = answer.read(_MAX_BYTES + 1)
    if len(text) > _MAX_BYTES:
        raise ValueError("the issuer's answer has no end")
    return json.loads(text)


def _only_https(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost")):
        raise SettingsError(
            "the issuer of tokens must be reached by https",
            hint="mend LAKEHOUSE_OIDC_ISSUER, LAKEHOUSE_OIDC_JWKS_URL or the issuer's discovery",
        )
