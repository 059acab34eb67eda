"""The definition of right: live rows worked out from all accepted events, in the slowest and most obvious way.

No cell, no increment, no Redis: for each view take the events that it looks at, sort them, group them, and read off
each figure. Whoever wonders what a live figure means reads it here.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from hashlib import blake2b
from typing import Any

from lakehouse.contracts.model import Contract, Measure
from lakehouse.contracts.registry import Registry

Event = dict[str, Any]  # event_id, zone_id, org_id, user_pid, and the payload's fields; occurred_at a datetime


def recount(contracts: Registry, events: Iterable[Event], first_minute: datetime) -> dict[str, list[dict]]:
    """View → its rows, over the events that happened from `first_minute` on, sorted by their grain."""
    once = {e["event_id"]: e for e in events}.values()
    recent = sorted((e for e in once if e["occurred_at"] >= first_minute), key=lambda e: (e["occurred_at"], _tie(e["event_id"])))
    found: dict[str, list[dict]] = {}
    for view in sorted(contracts.layer("live"), key=lambda c: contracts.get(c.live.source).layer == "live"):
        records = found[view.live.source] if view.live.source in found else [e | {"minute_at": _minute(e["occurred_at"])} for e in recent]
        found[view.id] = _rows(view, records)
    return found


def _tie(event_id: str) -> bytes:
    """Which of two events of one microsecond is the newer does not matter; that everybody says the same does."""
    return blake2b(event_id.encode(), digest_size=16).digest()[:8]


def _minute(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(second=0, microsecond=0)


def _rows(view: Contract, records: list[dict]) -> list[dict]:
    groups: dict[tuple, list[dict]] = {}
    for r in records:
        if all(r.get(n) is not None for n in view.primary_key if view.field(n).required) and any(_counts(m, r) for m in view.live.measures):
            groups.setdefault(tuple(r.get(n) for n in view.primary_key), []).append(r)
    rows = [dict(zip(view.primary_key, grain)) | {m.name: _figure(view, m, g) for m in view.live.measures} for grain, g in groups.items()]
    return sorted(rows, key=lambda row: [str(row[n]) for n in view.primary_key])


def _counts(measure: Measure, r: dict) -> bool:
    return all(r.get(n) == v for n, v in measure.when) and (measure.of is None or r.get(measure.of) is not None)


def _figure(view: Contract, measure: Measure, group: list[dict]) -> Any:
    those = [r for r in group if _counts(measure, r)]
    if measure.kind == "count":
        return len(those)
    values = [r[measure.of] for r in those]
    if measure.kind == "last":
        newest = [_plain(v) for v in reversed(values)][: measure.keep]
        return newest[0] if measure.keep == 1 and newest else None if measure.keep == 1 else [_text(v) for v in newest]
    exact = [
        Fraction(Decimal(repr(v)).quantize(Decimal("0.000001"), ROUND_HALF_UP)) if isinstance(v, float) else Fraction(int(v))
        for v in values
    ]
    if measure.kind == "mean":
        return float(sum(exact) / len(exact)) if exact else None
    return int(sum(exact)) if view.field(measure.name).type == "integer" else float(sum(exact))


def _plain(value: Any) -> Any:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else {True: "true", False: "false"}[value]


def window_start(now: datetime, window_minutes: int) -> datetime:
    return _minute(now) - timedelta(minutes=window_minutes - 1)
