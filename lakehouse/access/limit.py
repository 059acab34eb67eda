"""Token buckets: how much a caller may still send. Exact, and in bounded memory whatever the number of callers.

    take(name, limit, events, bytes) ─▶ 0, and it is taken │ seconds until it would fit, and nothing is taken

A bucket is two instants, in whole nanoseconds: when it would be full again of events, and of bytes. A full bucket is no
bucket, so those that have filled up are forgotten without changing any answer.
"""

import time
from collections.abc import Callable

from lakehouse.access.caller import RateLimit

_S = 1_000_000_000


class Buckets:
    """Buckets by name, for one event loop or under a lock. Holds at most `most`."""

    def __init__(self, most: int = 100_000, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._most = most
        self._clock_ns = clock_ns
        self._full_at: dict[str, tuple[int, int]] = {}

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, name: str, limit: RateLimit, events: float, size: int) -> float:
        """0 where it was taken; otherwise the seconds until it would fit."""
        wait, full_at = self._after(name, limit, events, size)
        if wait > 0:
            return wait / _S
        if name not in self._full_at and len(self._full_at) >= self._most:
            self._forget()
        self._full_at[name] = full_at
        return 0.0

    def wait_s(self, name: str, limit: RateLimit, events: float, size: int) -> float:
        """What `take` would answer, without taking."""
        return max(self._after(name, limit, events, size)[0], 0) / _S

    def _after(self, name: str, limit: RateLimit, events: float, size: int) -> tuple[int, tuple[int, int]]:
        now = self._clock_ns()
        events_at, bytes_at = self._full_at.get(name, (now, now))
        events_at = max(events_at, now) + int(events * _S / limit.events_per_s)
        bytes_at = max(bytes_at, now) + int(size * _S / limit.bytes_per_s)
        return max(events_at, bytes_at) - now - int(limit.burst_s * _S), (events_at, bytes_at)

    def _forget(self) -> None:
        """The full ones; and where that is not enough, the quarter nearest to full, who gain what little they lacked."""
        now = self._clock_ns()
        left = [(name, at) for name, at in self._full_at.items() if max(at) > now]
        if len(left) > 3 * self._most // 4:
            left = sorted(left, key=lambda entry: max(entry[1]))[len(left) - 3 * self._most // 4 :]
        self._full_at = dict(left)


def fits(limit: RateLimit, events: int, size: int) -> bool:
    """Whether a full bucket holds that much at all."""
    return max(events / limit.events_per_s, size / limit.bytes_per_s) <= limit.burst_s
