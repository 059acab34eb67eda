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

from lakehouse.contracts.live import MINUTE, check_all
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
    _entries: dict[str, str] = field(default_factory=dict)

    def entry(self, name: str) -> str:
        """The value of a field as it is kept among the newest: it sorts by `order`. Several views may want it."""
        found = self._entries.get(name)
        if found is None:
            found = self._entries[name] = self.order + _to_json(self.values[name]).decode()
        return found


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
        self._of_type = lru_cache(maxsize=256)(self._steps)

    def _steps(self, event_type: object) -> tuple["_Step", ...]:
        measures = [m for m in self.contract.live.measures if all(v == event_type for n, v in m.when if n == "event_type")]
        return tuple(_Step(m) for m in measures)

    def add(self, folded: Folded, one: Record) -> None:
        value_of = one.values.get
        for name in self.required:
            if value_of(name) is None:
                return
        cell = None
        for step in self._of_type(value_of("event_type")):
            value = True if step.of is None else value_of(step.of)
            if value is None or any(value_of(n) != v for n, v in step.when):
                continue
            if cell is None:
                at = keys.partition(self.contract.table, map(value_of, self.partition)), one.minute
                row, cell = keys.joined(map(value_of, self.row)), folded.cells[at]
            if step.kind == "last":
                cell.newest.setdefault(f"{row}{step.last}", (step.keep, []))[1].append(one.entry(step.of))
                continue
            if step.kind != "sum":
                cell.adds[f"{row}{step.n}"] += 1
            if step.kind != "count":
                cell.adds[f"{row}{step.sum}"] += millionths(value)
        if cell is not None and self.contract.subject:
            folded.about[value_of(self.contract.subject)].add(f"{keys.cell(*at)}\n{row}")


class _Step:
    """A measure for events of one type, and what stands behind the row in the names of its fields."""

    __slots__ = ("keep", "kind", "last", "n", "of", "sum", "when")

    def __init__(self, measure: Measure) -> None:
        self.kind, self.of, self.keep = measure.kind, measure.of, measure.keep
        self.when = tuple((n, v) for n, v in measure.when if n != "event_type")
        self.n, self.sum, self.last = (f"|{measure.name}|{part}" for part in ("n", "sum", "last"))


def millionths(number: float | int | bool) -> int:
    if isinstance(number, float) and not number.is_integer():
        return int(Decimal(repr(number)).quantize(Decimal("0.000001"), ROUND_HALF_UP) * MILLION)
    return int(number) * MILLION


def views_of(contracts: Registry, source_id: str) -> list[View]:
    """The views that count this stream."""
    return [View(c) for c in contracts.layer("live") if c.live.source == source_id]


def sources(contracts: Registry) -> list[Contract]:
    """The streams that any view counts. Raises ContractError where a view cannot be counted."""
    check_all(contracts)
    ids = {c.live.source for c in contracts.layer("live")}
    return [c for c in contracts.layer("stream") if c.id in ids]


def fold(views: Sequence[View], records: Iterable[Record]) -> Folded:
    folded = Folded()
    for one in records:
        for view in views:
            view.add(folded, one)
    return folded
