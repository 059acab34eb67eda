"""Source against copy, as pure functions: first how many rows each tenant has, then, where that differs, which rows.

counts of both ─▶ differing tenants ─▶ key → digest of both ─▶ missing, stale, phantom
                                            two looks ─▶ only what was wrong in both: the copy is seconds behind
"""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NamedTuple


class Tenant(NamedTuple):
    """A table's rows of one organization in one zone."""

    table: str
    zone_id: str
    org_id: int | None


@dataclass(frozen=True)
class KeyDifferences:
    """`missing`: only the source has it; `phantom`: only the copy does; `stale`: both do, and not the same."""

    missing: frozenset[str] = frozenset()
    stale: frozenset[str] = frozenset()
    phantom: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.missing or self.stale or self.phantom)

    def __and__(self, other: "KeyDifferences") -> "KeyDifferences":
        """What both looks saw. A row that was missing and is stale now is on its way."""
        return KeyDifferences(self.missing & other.missing, self.stale & other.stale, self.phantom & other.phantom)


def differing(source: Mapping[Tenant, int], copy: Mapping[Tenant, int]) -> dict[Tenant, tuple[int, int]]:
    """Tenant → rows in the source, rows in the copy, where these are not equal."""
    both = {tenant: (source.get(tenant, 0), copy.get(tenant, 0)) for tenant in source.keys() | copy.keys()}
    return {tenant: counts for tenant, counts in sorted(both.items(), key=str) if counts[0] != counts[1]}


def key_differences(source: Mapping[str, bytes], copy: Mapping[str, bytes]) -> KeyDifferences:
    """`source` and `copy`: key → digest of the row."""
    stale = {key for key in source.keys() & copy.keys() if source[key] != copy[key]}
    return KeyDifferences(frozenset(source.keys() - copy.keys()), frozenset(stale), frozenset(copy.keys() - source.keys()))


def digest(row: Mapping[str, Any], fields: Collection[str]) -> bytes:
    """Of the values of these fields, however the two sides spell them."""
    told = "\0".join(f"{name}={_plain(row.get(name))}" for name in sorted(fields) if row.get(name) is not None)
    return hashlib.blake2b(told.encode(), digest_size=16).digest()


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int | float | Decimal):
        return f"{float(value):.9g}"
    return str(value)
