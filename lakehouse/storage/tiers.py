"""Hot, warm, cold: how a day of a clean table is kept, by its age.

    0 .. 30 days   hot     read all the time: quick to write and to read
    31 .. 365      warm    written once more, smaller
    beyond         cold    written for the last time, as small as it gets

A file says its tier at the end of its name (`….warm.parquet`), so that a bucket's lifecycle rule can move it to a cheaper
class by that suffix alone, and nobody has to open it to know.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Tier:
    """`from_days`: the least age of its days. `zstd_level`: what bytes are worth against the seconds to write them."""

    name: str
    from_days: int
    zstd_level: int

    @property
    def suffix(self) -> str:
        return f".{self.name}.parquet"


TIERS = (Tier("hot", 0, 3), Tier("warm", 31, 9), Tier("cold", 366, 19))


def tier_of(day: date | None, today: date, tiers: Sequence[Tier] = TIERS) -> Tier:
    """What has no day is as new as its newest row: hot. So is a day to come, which a wrong clock may have made."""
    age = 0 if day is None else max(0, (today - day).days)
    return max((tier for tier in tiers if tier.from_days <= age), key=lambda tier: tier.from_days)
