"""A key for everything, in one line: outside the local profile nobody comes in without one."""

from datetime import UTC, datetime, timedelta

from lakehouse.access.caller import RateLimit, Scope
from lakehouse.access.keys import Key
from lakehouse.access.open import open_keys
from lakehouse.settings import Settings


def a_key(access_url: str) -> str:
    """As the value of an Authorization header."""
    limit, now = RateLimit(events_per_s=1e6, bytes_per_s=1e9), datetime.now(UTC)
    key = Key("", "test", frozenset(Scope), None, None, limit, now, now + timedelta(hours=12))
    return f"Bearer {open_keys(Settings(access_url=access_url)).create(key)}"
