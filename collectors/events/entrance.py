"""Who comes in, and how much they may bring: asked before a body is read.

    Authorization ─▶ known? ── no ─▶ too many failures from this address? ─▶ look up, in a thread ─▶ 401 429 503
                       └─ yes ─▶ scope, zone ─▶ 403 ─▶ anything left in the bucket? ─▶ 429 ─▶ read the body ─▶ charge ─▶ 429

All that is held is bounded: buckets, addresses, and requests that wait for a look-up.
"""

import asyncio
import ipaddress
import math
from concurrent.futures import ThreadPoolExecutor

from collectors.events.answers import Refusal
from lakehouse.access.caller import Caller, Gate, RateLimit, Scope
from lakehouse.access.limit import Buckets, fits
from lakehouse.errors import DeniedError, UnavailableError
from lakehouse.verdicts import TOO_LARGE

_FAILURES = RateLimit(events_per_s=0.2, bytes_per_s=1, burst_s=100)  # 20 at once, then one in five seconds
_MOST_ADDRESSES = 10_000
_MOST_WAITING = 256
_THREADS = 4
_CHALLENGE = b'Bearer realm="megacity"'


class Entrance:
    """One collector's."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._buckets = Buckets()
        self._failures = Buckets(_MOST_ADDRESSES)
        self._waiting = 0
        self._threads = ThreadPoolExecutor(_THREADS, "access")

    async def enter(self, scope: dict, headers: dict[bytes, bytes], zone_id: str, wanted: Scope = Scope.EVENTS_WRITE) -> Caller:
        """Raises Refusal."""
        shown = headers.get(b"authorization")
        authorization = shown and shown.decode("latin-1")
        caller = self._gate.known(authorization)
        if caller is None:
            caller = await self._ask(authorization, _address(scope))
        try:
            caller.require(wanted, zone_id)
        except DeniedError as error:
            challenge = _CHALLENGE + b', error="insufficient_scope", scope="%b"' % wanted.encode()
            raise Refusal(403, "forbidden", f"{error}: {error.hint}", headers=((b"www-authenticate", challenge),)) from error
        if caller.limit is not None:
            # The bytes of a clip are bounded by its kind, and by how many are received at once.
            length = headers.get(b"content-length", b"") if wanted is Scope.EVENTS_WRITE else b""
            self._limited(caller, 1, int(length) if length.isdigit() and len(length) < 16 else 0, keep=False)
        return caller

    def charge(self, caller: Caller, events: int, size: int) -> None:
        """Take what a request brought out of the caller's bucket. Raises Refusal where it is not there; then nothing is taken."""
        if caller.limit is not None:
            self._limited(caller, events, size, keep=True)

    def close(self) -> None:
        self._threads.shutdown()
        self._gate.close()

    async def _ask(self, authorization: str | None, address: str) -> Caller:
        if not self._gate.remembers(authorization) and (wait := self._failures.wait_s(address, _FAILURES, 1, 0)):
            raise Refusal(429, "too_many_failures", "too many requests without a good key from this address", retry_after_s=math.ceil(wait))
        if self._waiting >= _MOST_WAITING:
            raise Refusal(503, "busy", "too many requests wait to be let in: send the same again", retry_after_s=1)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._gate.caller, authorization)
        except DeniedError as error:
            self._failures.take(address, _FAILURES, 1, 0)
            code, challenge = (
                ("no_credentials", _CHALLENGE) if authorization is None else ("bad_credentials", _CHALLENGE + b', error="invalid_token"')
            )
            raise Refusal(401, code, f"{error}: {error.hint}", headers=((b"www-authenticate", challenge),)) from error
        except UnavailableError as error:
            raise Refusal(503, "access_away", "it cannot be seen now who you are: send the same again", retry_after_s=5) from error
        finally:
            self._waiting -= 1

    def _limited(self, caller: Caller, events: int, size: int, *, keep: bool) -> None:
        if not fits(caller.limit, events, size):
            most = caller.limit.burst_s
            told = f"a request of this key holds at most {most * caller.limit.events_per_s:.0f} events and {most * caller.limit.bytes_per_s:.0f} bytes"
            raise Refusal(413, TOO_LARGE, told)
        ask = self._buckets.take if keep else self._buckets.wait_s
        if wait := ask(caller.key_id, caller.limit, events, size):
            raise Refusal(
                429, "rate_limited", "this key has sent as much as it may: send the same again later", retry_after_s=math.ceil(wait)
            )


def _address(scope: dict) -> str:
    """The client's address; of IPv6 the network that one subscriber has, who would otherwise have 2^64 of them."""
    host = scope["client"][0] if scope.get("client") else ""
    if ":" in host:
        try:
            return str(ipaddress.ip_network((host.partition("%")[0], 64), strict=False))
        except ValueError:
            return host
    return host
