"""The integrity ledger: which source was captured, from where to where, and how much of it; what went wrong, and when.

    epoch ──▶ generation (one snapshot: floor, tables, completed?) ──▶ batch ──▶ batch ──▶ …   (a chain: each knows the last one's digest)
                                                                         └─▶ progress, table_state, row_count, drift
    alert: everything that a person should know of, kept until it is acknowledged

SQLite: one transaction must cover a batch, its counts and its place in the chain, and the supervisor, `status` and `check`
read while the engine writes. A batch is entered after the bus has it and before Debezium is told so; hence always
slot <= offsets <= ledger <= bus, and anything else is a gap.
"""

import hashlib
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from collectors.cdc.ledger_tables import ALERT, BATCH, DRIFT, EPOCH, GENERATION, METADATA, PROGRESS, ROW_COUNT, SECRET, TABLE_STATE, WISH
from lakehouse.storage.sql import sqlite_engine

KEPT_BATCHES = 100_000
_PRUNE_EVERY = 5_000
_GENESIS = b"\0" * 32


@dataclass(frozen=True)
class Standing:
    """What the ledger holds to be true: the newest epoch and generation, and how far they have come."""

    epoch: int
    system_identifier: str
    timeline: int
    slot: str
    generation: int
    floor_lsn: int
    slot_lsn: int | None
    tables: frozenset[str]
    is_complete: bool
    seen_lsn: int
    wished: str | None


@dataclass(frozen=True)
class Entry:
    """What one published batch adds. `seen_lsn`: the position that Debezium may confirm after it."""

    first_lsn: int
    last_lsn: int
    rows: int
    seen_lsn: int
    content: bytes
    counts: Mapping[tuple[str, str, int | None, str], int]
    table_lsns: Mapping[str, int]
    drift: Mapping[tuple[str, str], int]


class Ledger:
    """One file under LAKEHOUSE_HOME/cdc. Several processes may hold it open."""

    def __init__(self, folder: Path) -> None:
        self._engine = sqlite_engine(folder / "ledger.sqlite")
        with self._engine.begin() as db:
            for table in METADATA.sorted_tables:  # create_all() would look first, and two processes may look at once
                db.execute(sa.schema.CreateTable(table, if_not_exists=True))
            db.execute(insert(SECRET).values(only=1, key=secrets.token_bytes(32)).on_conflict_do_nothing())
            self.secret: bytes = db.execute(sa.select(SECRET.c.key)).scalar_one()
            last = db.execute(sa.select(BATCH.c.number, BATCH.c.digest).order_by(BATCH.c.number.desc()).limit(1)).one_or_none()
        self._number, self._digest = last or (0, _GENESIS)

    def standing(self) -> Standing | None:
        """None before the first epoch."""
        newest = sa.select(EPOCH, GENERATION).join_from(EPOCH, GENERATION, EPOCH.c.epoch == GENERATION.c.epoch)
        with self._engine.connect() as db:
            row = db.execute(newest.order_by(GENERATION.c.generation.desc()).limit(1)).mappings().one_or_none()
            seen = db.execute(sa.select(PROGRESS.c.seen_lsn)).scalar_one_or_none()
            wished = db.execute(sa.select(WISH.c.reason)).scalar_one_or_none()
        if row is None:
            return None
        tables = frozenset(row["tables"].split(","))
        return Standing(
            row["epoch"], row["system_identifier"], row["timeline"], row["slot"], row["generation"], row["floor_lsn"], row["slot_lsn"],
            tables, row["completed_at"] is not None, seen or 0, wished,
        )  # fmt: skip

    def begin_epoch(self, system_identifier: str, timeline: int, slot: str, reason: str) -> int:
        """Epochs count seconds since 1970, so that they grow even where this ledger is lost and begun anew."""
        with self._engine.begin() as db:
            last = db.execute(sa.select(sa.func.max(EPOCH.c.epoch))).scalar() or 0
            epoch = max(last + 1, int(time.time()))
            db.execute(EPOCH.insert().values(epoch=epoch, system_identifier=system_identifier, timeline=timeline, slot=slot, reason=reason, began_at=_now()))  # fmt: skip
        return epoch

    def begin_generation(self, epoch: int, floor_lsn: int, tables: Sequence[str], reason: str) -> int:
        """A new snapshot: what it reads is placed at `floor_lsn`."""
        values = {"epoch": epoch, "floor_lsn": floor_lsn, "tables": ",".join(sorted(tables)), "reason": reason, "started_at": _now()}
        with self._engine.begin() as db:
            db.execute(WISH.delete())
            db.execute(_progressed(floor_lsn, floor_lsn, _restarts))
            return db.execute(GENERATION.insert().values(values)).inserted_primary_key[0]

    def complete_generation(self, generation: int) -> None:
        with self._engine.begin() as db:
            db.execute(GENERATION.update().where(GENERATION.c.generation == generation).values(completed_at=_now()))

    def slot_seen(self, generation: int, slot_lsn: int) -> None:
        with self._engine.begin() as db:
            db.execute(GENERATION.update().where(GENERATION.c.generation == generation).values(slot_lsn=slot_lsn))

    def enter(self, epoch: int, generation: int, entry: Entry) -> None:
        """Raises NotDurableError."""
        digest = _chained(self._digest, entry.first_lsn, entry.last_lsn, entry.rows, entry.content)
        with self._engine.begin() as db:
            db.execute(_progressed(entry.seen_lsn, entry.last_lsn, _grows))
            if entry.rows:
                values = {"first_lsn": entry.first_lsn, "last_lsn": entry.last_lsn, "rows": entry.rows, "content": entry.content}
                db.execute(BATCH.insert().values(number=self._number + 1, generation=generation, digest=digest, **values))
                self._add(db, epoch, entry)
                if (self._number + 1) % _PRUNE_EVERY == 0:
                    db.execute(BATCH.delete().where(BATCH.c.number <= self._number + 1 - KEPT_BATCHES))
        if entry.rows:
            self._number, self._digest = self._number + 1, digest

    def _add(self, db: sa.Connection, epoch: int, entry: Entry) -> None:
        counts = insert(ROW_COUNT)
        sums = counts.on_conflict_do_update(
            index_elements=list(ROW_COUNT.primary_key), set_={"rows": ROW_COUNT.c.rows + counts.excluded.rows}
        )
        db.execute(sums, [{"epoch": epoch, "table": t, "zone_id": z, "org_id": o or 0, "op": op, "rows": n} for (t, z, o, op), n in entry.counts.items()])  # fmt: skip
        states = insert(TABLE_STATE)
        newer = states.on_conflict_do_update(
            index_elements=[TABLE_STATE.c.table], set_={n: states.excluded[n] for n in ("last_lsn", "epoch", "at")}
        )
        db.execute(newer, [{"table": t, "last_lsn": lsn, "epoch": epoch, "at": time.time()} for t, lsn in entry.table_lsns.items()])
        if entry.drift:
            drift = insert(DRIFT)
            more = drift.on_conflict_do_update(index_elements=list(DRIFT.primary_key), set_={"rows": DRIFT.c.rows + drift.excluded.rows})
            db.execute(more, [{"table": t, "column": c, "first_at": _now(), "rows": n} for (t, c), n in entry.drift.items()])

    def alert(self, kind: str, detail: str) -> None:
        """`detail` names tables and positions, and never a value."""
        with self._engine.begin() as db:
            db.execute(ALERT.insert().values(at=_now(), kind=kind, detail=detail))

    def acknowledge(self) -> int:
        """Somebody has seen to the open alerts; returns how many there were."""
        with self._engine.begin() as db:
            return db.execute(ALERT.update().where(ALERT.c.acknowledged_at.is_(None)).values(acknowledged_at=_now())).rowcount

    def wish(self, reason: str) -> None:
        """Ask for a new snapshot at the next start."""
        with self._engine.begin() as db:
            db.execute(insert(WISH).values(only=1, reason=reason).on_conflict_do_nothing())

    def rows(self, name: str, newest: int = 1_000) -> list[dict]:
        """A table of the ledger as it stands, newest first."""
        table = METADATA.tables[name]
        order = [c.desc() for c in table.primary_key]
        with self._engine.connect() as db:
            return [dict(row) for row in db.execute(sa.select(table).order_by(*order).limit(newest)).mappings()]

    def batches(self) -> int:
        """How many were ever entered."""
        with self._engine.connect() as db:
            return db.execute(sa.select(sa.func.max(BATCH.c.number))).scalar() or 0

    def silence_s(self) -> float:
        """Since the engine was last heard from."""
        with self._engine.connect() as db:
            at = db.execute(sa.select(PROGRESS.c.at)).scalar_one_or_none()
        return time.time() - at if at else 0.0

    def broken_links(self) -> list[int]:
        """Numbers of batches that do not continue the one before them: somebody changed the ledger, or lost a part of it."""
        broken, before = [], None
        with self._engine.connect() as db:
            for row in db.execute(sa.select(BATCH).order_by(BATCH.c.number)):
                follows = before is None or row.number == before.number + 1
                if not follows or (before and row.digest != _chained(before.digest, row.first_lsn, row.last_lsn, row.rows, row.content)):
                    broken.append(row.number)
                before = row
        return broken

    def close(self) -> None:
        self._engine.dispose()


def _progressed(seen_lsn: int, published_lsn: int, seen) -> sa.Insert:
    values = {"seen_lsn": seen_lsn, "published_lsn": published_lsn, "at": time.time()}
    return (
        insert(PROGRESS)
        .values(only=1, **values)
        .on_conflict_do_update(index_elements=[PROGRESS.c.only], set_=values | {"seen_lsn": seen(seen_lsn)})
    )


def _grows(seen_lsn: int) -> sa.Function:
    """What is delivered a second time lies before what was seen already."""
    return sa.func.max(PROGRESS.c.seen_lsn, seen_lsn)


def _restarts(seen_lsn: int) -> int:
    """Another cluster's log may be shorter."""
    return seen_lsn


def _chained(before: bytes, first_lsn: int, last_lsn: int, rows: int, content: bytes) -> bytes:
    return hashlib.sha256(before + f"{first_lsn}|{last_lsn}|{rows}|".encode() + content).digest()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
