"""The rows of one partition, kept up to date from its cells. Pure.

    cells of some minutes ─▶ Board.update ─▶ Delta(rows that changed, rows that are gone)

A row is the fold of its parts over the minutes of the window. A board of a view over another view folds that view's rows.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from lakehouse.contracts.live import MINUTE
from lakehouse.contracts.model import Contract, Measure
from lakehouse.contracts.registry import Registry
from live import keys
from live.fold import MILLION, View, millionths

AHEAD_MINUTES = 11  # a producer's clock may be ten minutes fast
Row = dict[str, Any]
Parts = dict[str, bytes]  # "<measure>|<part>" → value
_of_json = msgspec.json.decode


@dataclass(frozen=True, slots=True)
class Delta:
    changed: list[Row] = field(default_factory=list)
    gone: list[Row] = field(default_factory=list)  # primary keys only

    def __bool__(self) -> bool:
        return bool(self.changed or self.gone)

    def only(self, sees: Callable[[Row], bool]) -> "Delta":
        return Delta([r for r in self.changed if sees(r)], [r for r in self.gone if sees(r)])


class Board:
    """One partition of one view."""

    def __init__(self, contracts: Registry, contract: Contract, values: Sequence[object]) -> None:
        """`values` of the partition's fields, in their order."""
        self.contract = contract
        self.rows: dict[tuple, Row] = {}
        self._base = None
        self._known = dict(zip(contract.live.partition, values))
        source = contracts.get(contract.live.source)
        if source.layer == "live":
            self._base = Board(contracts, source, values)
            self.partition = self._base.partition
            return
        self._view = View(contract)
        self.partition = keys.partition(contract.table, values)
        self._cells: dict[int, dict[str, Parts]] = {}

    def minutes(self, now_minute: int, window_minutes: int) -> range:
        """All that the window may hold."""
        return range(now_minute - window_minutes + 1, now_minute + AHEAD_MINUTES + 1)

    def update(self, fresh: Mapping[int, Mapping[bytes, bytes]], minutes: range) -> Delta:
        """Take the cells of some minutes as they are now; minutes outside of `minutes` have left the window."""
        if self._base is not None:
            self._base.update(fresh, minutes)
            return self._compared(dict.fromkeys(self.rows) | self._over(self._base.rows.values()))
        touched: set[tuple[str, int | None]] = set()
        for minute, cell in [*fresh.items(), *((m, {}) for m in self._cells if m not in minutes)]:
            parts = _by_row(cell) if minute in minutes else {}
            touched |= {(row, minute if self._view.by_minute else None) for row in parts.keys() | self._cells.get(minute, {}).keys()}
            if parts:
                self._cells[minute] = parts
            else:
                self._cells.pop(minute, None)
        return self._compared({at: self._row(*at) for at in touched})

    def _compared(self, now: dict[tuple, Row | None]) -> Delta:
        """`now`: the rows that were looked at, None where there is nothing any more."""
        changed = [row for row_id, row in now.items() if row is not None and self.rows.get(row_id) != row]
        gone = [self._grain(self.rows.pop(row_id)) for row_id, row in now.items() if row is None and row_id in self.rows]
        self.rows |= {row_id: row for row_id, row in now.items() if row is not None}
        return Delta(changed, gone)

    def _grain(self, row: Row) -> Row:
        return {name: row[name] for name in self.contract.primary_key}

    def _row(self, row: str, minute: int | None) -> Row | None:
        cells = self._cells.values() if minute is None else [self._cells.get(minute, {})]
        parts = [cell[row] for cell in cells if row in cell]
        if not parts:
            return None
        texts = dict(zip(self._view.row, keys.parted(row)))
        own = {
            name: int(text) if text is not None and self.contract.field(name).type == "integer" else text for name, text in texts.items()
        }
        if minute is not None:
            own[MINUTE] = datetime.fromtimestamp(minute * 60, UTC)
        grain = self._known | own
        return {n: grain[n] for n in self.contract.primary_key} | {m.name: self._figure(m, parts) for m in self.contract.live.measures}

    def _figure(self, measure: Measure, parts: list[Parts]) -> Any:
        if measure.kind == "last":
            entries = [e for p in parts if (text := p.get(f"{measure.name}|last")) for e in text.decode().split(keys.ENTRY_END)]
            newest = [_of_json(entry[keys.ORDER_DIGITS :]) for entry in sorted(entries, reverse=True)[: measure.keep]]
            if measure.keep > 1:
                return [value if isinstance(value, str) else msgspec.json.encode(value).decode() for value in newest]
            return newest[0] if newest else None
        number = sum(int(p.get(f"{measure.name}|n", 0)) for p in parts)
        total = sum(int(p.get(f"{measure.name}|sum", 0)) for p in parts)
        return self._told(measure, number, total)

    def _told(self, measure: Measure, number: int, total: int) -> int | float | None:
        if measure.kind == "mean":
            return total / (number * MILLION) if number else None
        if measure.kind == "count":
            return number
        return total // MILLION if self.contract.field(measure.name).type == "integer" else total / MILLION

    def _over(self, rows: Iterable[Row]) -> dict[tuple, Row]:
        """A view over rows: their fields are its records."""
        grouped: dict[tuple, list[Row]] = {}
        for row in rows:
            grouped.setdefault(tuple(row[n] for n in self.contract.primary_key), []).append(row)
        return {grain: self._sums(grain, members) for grain, members in grouped.items()}

    def _sums(self, grain: tuple, members: list[Row]) -> Row:
        row = dict(zip(self.contract.primary_key, grain))
        for measure in self.contract.live.measures:
            those = [r for r in members if all(r[n] == v for n, v in measure.when) and (measure.of is None or r[measure.of] is not None)]
            total = 0 if measure.kind == "count" else sum(millionths(r[measure.of]) for r in those)
            row[measure.name] = self._told(measure, len(those), total)
        return row


def _by_row(cell: Mapping[bytes, bytes]) -> dict[str, Parts]:
    found: dict[str, Parts] = {}
    for name, value in cell.items():
        row, measure = name.decode().split("|", 1)
        found.setdefault(row, {})[measure] = value
    return found
