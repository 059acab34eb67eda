"""What a receipt must own up to: copies that a service keeps for a while by its own rules, and figures about many people.

terraform sets each term as short as the service allows (terraform/warehouse.tf, lake.tf, keys.tf); the moments are reckoned from the purge,
and those of the vault from the proof, with which it lets the last of them go.
"""

from datetime import datetime, timedelta

from lakehouse.contracts.registry import Registry
from lakehouse.privacy.naming import naming_in_clean, pseudonyms
from lakehouse.privacy.rotation import EVERY
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
_VAULT = (
    "the vault's database: free space of its pages, write-ahead log and backups",
    EVERY + timedelta(days=1) + timedelta(days=30),  # daily_key_rotation looks once a day; destroy_scheduled_duration of terraform/keys.tf
    "the keys there are wrapped by a master key that the next rotation destroys, 30 days after which nobody can have it back",
)
_MARTS = (
    "the published marts' database: write-ahead log and backups",
    "by its own rules; what lies there names a pseudonym that nobody can tie to the person",
)
_DISK = ("blocks of the disk on which removed files lay", "overwritten as the file system reuses them; encrypt the disk")


def lapses(settings: Settings, purged_at: datetime, proved_at: datetime) -> list[dict[str, str | None]]:
    """What, until when, and why. A cloud service's storage below its own interface is the service's promise, and not ours."""
    endless = [*([_DISK] if settings.profile == "local" else []), *([_MARTS] if settings.bi_url else [])]
    ending = [*((what, purged_at + term, why) for what, term, why in _CLOUD), (_VAULT[0], proved_at + _VAULT[1], _VAULT[2])]
    return [
        *({"what": what, "until": until.isoformat(), "why": why} for what, until, why in (ending if settings.profile != "local" else [])),
        *({"what": what, "until": None, "why": why} for what, why in endless),
    ]


def aggregates(contracts: Registry) -> list[dict[str, str]]:
    """Datasets that remain, are made from people's data, and name nobody: how the person's part in each ended."""
    named = pseudonyms(contracts.vocabulary)
    anew = [c for c in contracts.layer("curated") if not named & set(c.names)]
    kept = [c for c in contracts.layer("derived") if not naming_in_clean(c, contracts.vocabulary)]
    return [
        *({"dataset": c.id, "person": "worked out anew without the person, for every day on which they took part"} for c in anew),
        *({"dataset": c.id, "person": "kept: statistics of many people's answers, in which no row is about anybody"} for c in kept),
    ]
