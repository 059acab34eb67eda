"""Records to what they add to the cells. Pure, and blind to order: adding up, and keeping the newest, forget it.

    Record, Record, … ─▶ fold ─▶ {(partition, minute): Cell(adds, newest)}, {person: where}

A float is added in millionths: sums of integers are the same in every order, sums of floats are not.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import msgspec

from lakehouse.contracts.live import MINUTE
from lakehouse.contracts.model import Contract, Measure
from lakehouse.contracts.registry import Registry
from live import keys

MILLION = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_to_json = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Record:
    """One valid event, as views see it: `values` by the names that clean gives them.

    digest  of its event_id: what it is known by
    minute  of its event time, since 1970
    order   sorts as its event time does, and never equals another event's
    """

    digest: bytes
    minute: int
    order: str
    values: dict[str, Any]


def record(event_id: str, occurred_at: datetime, values: dict[str, Any]) -> Record:
    digest = blake2b(event_id.encode(), digest_size=16).digest()
    microseconds = (occurred_at - _EPOCH) // datetime.resolution
    return Record(digest, microseconds // (60 * MILLION), f"{microseconds:017d}{int.from_bytes(digest[:8]):020d}", values)


@dataclass(slots=True)
class Cell:
    """What a batch adds to one cell: numbers by field, and newest values by field with how many of them are kept."""

    adds: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    newest: dict[str, tuple[int, list[str]]] = field(default_factory=dict)


@dataclass(slots=True)
class Folded:
    cells: dict[tuple[str, int], Cell] = field(default_factory=lambda: defaultdict(Cell))
    about: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # person → "<cell>\n<row>"


class View:
    """A live contract over a stream, ready to fold."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.partition = contract.live.partition
        self.row = tuple(n for n in contract.primary_key if n not in self.partition and n != MINUTE)
        self.required = tuple(n for n in contract.primary_key if contract.field(n).required and n != MINUTE)
        self.by_minute = MINUTE in contract.primary_key
        # Most conditions ask for the type of an event: asked once a type, and not once an event.
        self._of_type = lru_cache(maxsize=256)(self._measures)

    def _measures(self, event_type: object) -> tuple[Measure, ...]:
        return tuple(m for m in self.contract.live.measures if all(v == event_type for n, v in m.when if n == "event_type"))

    def add(self, folded: Folded, one: Record) -> None:
        values = one.values
        if any(values.get(n) is None for n in self.required):
            return
        measures = [m for m in self._of_type(values.get("event_type")) if all(values.get(n) == v for n, v in m.when)]
        measures = [m for m in measures if m.of is None or values.get(m.of) is not None]
        if not measures:
            return
        at = keys.partition(self.contract.table, [values.get(n) for n in self.partition]), one.minute
        row, cell = keys.joined(values.get(n) for n in self.row), folded.cells[at]
        for measure in measures:
            _put(cell, f"{row}|{measure.name}", measure, one)
        if self.contract.subject:
            folded.about[values[self.contract.subject]].add(f"{keys.cell(*at)}\n{row}")


def _put(cell: Cell, name: str, measure: Measure, one: Record) -> None:
    if measure.kind == "last":
        entry = one.order + _to_json(one.values[measure.of]).decode()
        cell.newest.setdefault(f"{name}|last", (measure.keep, []))[1].append(entry)
        return
    if measure.kind in ("count", "mean"):
        cell.adds[f"{name}|n"] += 1
    if measure.kind in ("sum", "mean"):
        cell.adds[f"{name}|sum"] += millionths(one.values[measure.of])


def millionths(number: float | int | bool) -> int:
    if isinstance(number, float):
        return int(Decimal(repr(number)).quantize(Decimal("0.000001"), ROUND_HALF_UP) * MILLION)
    return int(number) * MILLION


def views_of(contracts: Registry, source_id: str) -> list[View]:
    """The views that count this stream."""
    return [View(c) for c in contracts.layer("live") if c.live.source == source_id]


def sources(contracts: Registry) -> list[Contract]:
    """The streams that any view counts."""
    ids = {c.live.source for c in contracts.layer("live")}
    return [c for c in contracts.layer("stream") if c.id in ids]


def fold(views: Sequence[View], records: Iterable[Record]) -> Folded:
    folded = Folded()
    for one in records:
        for view in views:
            view.add(folded, one)
    return folded
