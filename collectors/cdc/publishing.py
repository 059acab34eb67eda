"""A batch of Debezium's changes, made durable: translated, on the bus, entered in the ledger; only then may it be confirmed.

    lines ─▶ translate ─▶ bus, topic by topic ─▶ floors ─▶ ledger ─▶ how many of its records may be confirmed

Several changes may share an LSN, and Debezium goes on *after* the LSN it confirmed. A batch that ends between two of them must
not be confirmed up to that LSN, or a kill loses the others: what may still have company waits for the next batch.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from collectors.cdc.ledger import Entry, Ledger
from collectors.cdc.translate import FLOORS, SNAPSHOT, Translated, Translator
from lakehouse.envelope import Packer
from lakehouse.log import get_log
from lakehouse.storage.protocols import Bus

_log = get_log(__name__)
_BETWEEN_TRANSACTIONS = ("", "COMMIT")  # empty: no change was streamed yet


@dataclass(frozen=True)
class Position:
    """Debezium's own offset after the last record of a batch."""

    lsn: int
    is_snapshot: bool
    message_type: str


OnBatch = Callable[[list[bytes], Position], int]
"""A batch's lines and where it ends → how many of its records may be confirmed."""


class Publisher:
    """One run of one engine. `check_first` is called before anything is published: what it raises ends the run."""

    def __init__(
        self,
        bus: Bus,
        ledger: Ledger,
        translator: Translator,
        epoch: int,
        generation: int,
        floor_lsn: int,
        tables: list[str],
        is_snapshot: bool,
        check_first: Callable[[Position], None],
    ) -> None:
        self._bus = bus
        self._ledger = ledger
        self._translator = translator
        self._epoch, self._generation, self._floor_lsn, self._tables = epoch, generation, floor_lsn, tables
        self._in_snapshot = is_snapshot
        self._check_first: Callable[[Position], None] | None = check_first
        self._packer = Packer()
        self._told_drift: set[tuple[str, str]] = set()

    def publish(self, lines: list[bytes], position: Position) -> int:
        """Returns how many records, from the first, may be confirmed. Raises NotDurableError, and whatever the check raises."""
        now = datetime.now(UTC)
        done = self._translator.translate(lines, now)
        if self._check_first:
            self._check_first(position)
            self._check_first = None
        content = hashlib.sha256()
        for topic, envelopes in done.lines.items():
            self._put(topic, envelopes, content)
        for topic, line in done.unreadable:
            self._bus.publish(topic, [line])
        completes = self._in_snapshot and not position.is_snapshot
        floors = done.floors + (self._translator.floors(self._tables, self._floor_lsn, SNAPSHOT, now) if completes else [])
        if floors:
            self._put(FLOORS, floors, content)
        self._enter(done, position, content.digest())
        if completes:
            self._ledger.complete_generation(self._generation)
            self._in_snapshot = False
            _log.info("snapshot completed", generation=self._generation, tables=len(self._tables))
        return len(lines) if position.is_snapshot else confirmable(done.lsns, position)

    def _put(self, topic: str, envelopes: list[bytes], content) -> None:
        self._packer.add(envelopes)
        messages = self._packer.take()
        self._bus.publish(topic, messages)
        for message in messages:
            content.update(message)

    def _enter(self, done: Translated, position: Position, content: bytes) -> None:
        lsns = [lsn for lsn in done.lsns if lsn is not None]
        rows = sum(done.counts.values())
        entry = Entry(
            min(lsns, default=position.lsn),
            max(lsns, default=position.lsn),
            rows,
            position.lsn,
            content,
            done.counts,
            done.table_lsns,
            done.drift,
        )
        self._ledger.enter(self._epoch, self._generation, entry)
        if done.unreadable:
            _log.error("changes could not be read, and went to the dead letters", count=len(done.unreadable))
            self._ledger.alert("unreadable", f"{len(done.unreadable)} changes became dead letters")
        if done.abroad:
            _log.info("rows of tenants who live in another region were left to it", **done.abroad)
        for table, column in done.drift.keys() - self._told_drift:
            self._told_drift.add((table, column))
            _log.warning("a column that no contract knows", table=table, column=column)
            self._ledger.alert("drift", f"{table}.{column} is in no contract: it stays in sealed raw")


def confirmable(lsns: list[int | None], position: Position) -> int:
    """How many records of a batch, from the first, certainly have no company at their LSN in the next batch. `lsns`: None
    for a heartbeat, whose position is that of the change before it."""
    if position.message_type in _BETWEEN_TRANSACTIONS:
        return len(lsns)
    for count in range(len(lsns), 0, -1):
        lsn = lsns[count - 1]
        if lsn is not None and lsn != position.lsn:
            return count
    return 0
