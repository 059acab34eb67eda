"""What a receipt must own up to: copies that a service keeps for a while by its own rules, and figures about many people.

terraform sets each term as short as the service allows (terraform/warehouse.tf, lake.tf); the moments are reckoned from the purge.
"""

from datetime import datetime, timedelta

from lakehouse.contracts.registry import Registry
from lakehouse.privacy.naming import naming_in_clean, pseudonyms
from lakehouse.settings import Settings

_CLOUD = (
    ("BigQuery time travel of the warehouse's datasets", timedelta(hours=48), "max_time_travel_hours = 48, the least there is"),
    (
        "BigQuery fail-safe storage",
        timedelta(hours=48) + timedelta(days=7),
        "7 days after time travel, fixed by the service; nobody can query it",
    ),
    ("Pub/Sub subscriptions and their dead letters", timedelta(days=7), "message_retention_duration, at most; sealed in raw by then"),
)
_DISK = ("blocks of the disk on which removed files lay", "overwritten as the file system reuses them; encrypt the disk")


def lapses(settings: Settings, purged_at: datetime) -> list[dict[str, str | None]]:
    """What, until when, and why. A cloud service's storage below its own interface is the service's promise, and not ours."""
    if settings.profile == "local":
        return [{"what": _DISK[0], "until": None, "why": _DISK[1]}]
    return [{"what": what, "until": (purged_at + term).isoformat(), "why": why} for what, term, why in _CLOUD]


def aggregates(contracts: Registry) -> list[dict[str, str]]:
    """Datasets that remain, are made from people's data, and name nobody: how the person's part in each ended."""
    named = pseudonyms(contracts.vocabulary)
    anew = [c for c in contracts.layer("curated") if not named & set(c.names)]
    kept = [c for c in contracts.layer("derived") if not naming_in_clean(c, contracts.vocabulary)]
    return [
        *({"dataset": c.id, "person": "worked out anew without the person, for every day on which they took part"} for c in anew),
        *({"dataset": c.id, "person": "kept: statistics of many people's answers, in which no row is about anybody"} for c in kept),
    ]
