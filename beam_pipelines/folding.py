"""The current state of a source table as a fold over its changes and floors. Pure.

    the row that current has ┐
    new changes of its key   ├─▶ folded() ─▶ the row that current gets ─▶ and, where a floor took it away, a delete for
    floors of the table      ┘                                            the history (ended())

The newest change of a key decides, by position. A field that it does not carry (`unchanged_fields`) has the value of the
newest change before it that does, so a row remembers from which change such a value is: a change that comes late then
finds its place. What is below the highest floor counts for nothing. So the answer is that of a fold over everything, in
whatever order, however often and in however many pieces it came.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from lakehouse.business_day import business_day
from lakehouse.contracts import project
from lakehouse.contracts.model import Contract, Field

IS_DELETED, CARRIED = "is_deleted", "carried_values"
ENDED_BY_FLOOR = "floor."
"""What the event_id of a delete starts with that the writer made, because of a floor."""
_NOT_CURRENT = frozenset({"event_key", "dt", "unchanged_fields"})
_POSITION = ("op", "changed_at", "source_lsn", "source_epoch")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RANK_AT_ONE_LSN = {"r": 0, "d": 1}
_LAST_LSN = 2**63 - 1
Row = dict[str, Any]
Position = tuple[int, int, int, int, str]
Place = tuple[int, int]


@dataclass(frozen=True, order=True)
class Floor:
    """Rows last changed before this place in the source's log are gone."""

    place: Place
    changed_at: datetime
    received_at: datetime

    @property
    def just_before(self) -> Place:
        """Where the delete stands that it causes: no change is there, since records of a log are 8 bytes apart."""
        epoch, lsn = self.place
        return (epoch, lsn - 1) if lsn else (epoch - 1, _LAST_LSN)


@dataclass(frozen=True)
class Shape:
    """Which columns a current table has: those of clean, in their order, and which of them are the row's own values."""

    key: str
    columns: tuple[str, ...]
    values: tuple[str, ...]
    column_of: Mapping[str, str]


def shape(contract: Contract, words: Mapping[str, Field]) -> Shape:
    column_of = {f.name: f.becomes or f.name for f in contract.fields if f.treatment != "drop"}
    columns = tuple(f.name for f in project.clean_fields(contract, dict(words)) if f.name not in _NOT_CURRENT)
    key = column_of.get(contract.row_key, contract.row_key)
    own = tuple(n for n in columns if n in column_of.values() and n != key and n not in _POSITION)
    return Shape(key, columns, own, column_of)


def position(row: Row) -> Position:
    """What is newer: by epoch and LSN; at one LSN a photograph is older than any change, since it shows what the changes
    that begin there began with, and a deletion older than the row that it makes way for, where one UPDATE moves a row; then
    by time and, so that it is always the same, by event_id."""
    at = (row["changed_at"] - _EPOCH) // timedelta(microseconds=1)
    return row["source_epoch"] or 0, row["source_lsn"], _RANK_AT_ONE_LSN.get(row["op"], 2), at, row["event_id"]


def folded(state: Row | None, changes: Sequence[Row], floors: Sequence[Floor], of: Shape) -> Row:
    """`changes`: rows of the history of one key, at least one unless there is a state. `floors`: sorted."""
    newest = max([*([state] if state else []), *changes], key=position)
    highest = floors[-1].place if floors else (0, 0)
    row = {name: newest.get(name) for name in of.columns}
    if newest["op"] == "d" or position(newest)[:2] < highest:
        return row | dict.fromkeys(of.values) | {IS_DELETED: True, CARRIED: None}
    alive = [c for c in changes if position(c)[:2] >= highest]
    carried: dict[str, Position | None] = {}
    own = position(newest)
    for name in of.values:
        found = [(position(c), c) for c in alive if name not in unchanged(c, of)]
        if state and (at := _carried_from(state, name)) is not None and at[:2] >= highest:
            found.append((at, state))
        at, holder = max(found, key=lambda pair: pair[0], default=(None, None))
        row[name] = None if holder is None or holder["op"] == "d" else holder.get(name)
        if at != own:
            carried[name] = at
    return row | {IS_DELETED: False, CARRIED: json.dumps(carried) if carried else None}


def unchanged(change: Row, of: Shape) -> set[str]:
    """The columns that a change does not carry. A delete carries them all: it says that there is no value."""
    if change["op"] == "d":
        return set()
    return {of.column_of.get(name, name) for name in change.get("unchanged_fields") or ()}


def _carried_from(state: Row, name: str) -> Position | None:
    """The position of the change that a value of the state is from; None where no change is known that carried it."""
    carried = json.loads(state[CARRIED]) if state[CARRIED] else {}
    if name not in carried:
        return position(state)
    return None if carried[name] is None else tuple(carried[name])


def floor_over(row: Row, floors: Sequence[Floor]) -> Floor | None:
    """The first floor that is above a row's last change."""
    return next((f for f in floors if position(row)[:2] < f.place), None)


def ended(before: Row | None, after: Row, changes: Sequence[Row], floors: Sequence[Floor], of: Shape) -> Row | None:
    """The delete by which those who read the history alone see that a floor took the row away; None where none did, or
    an earlier one has said so."""
    floor = floor_over(after, floors)
    if after["op"] == "d" or floor is None:
        return None
    if before and before[IS_DELETED] and before["op"] != "d" and floor_over(before, floors) == floor:
        return None
    known = next((c for c in changes if c["event_id"] == after["event_id"]), before)
    epoch, lsn = floor.just_before
    named = f"{of.key}\n{after[of.key]}\n{floor.place}"
    return {name: known.get(name) for name in of.columns} | {
        "event_id": ENDED_BY_FLOOR + hashlib.sha256(named.encode()).hexdigest()[:40],
        "op": "d",
        "changed_at": floor.changed_at,
        "received_at": floor.received_at,
        "source_epoch": epoch,
        "source_lsn": lsn,
        "dt": business_day(floor.changed_at),
    }
