"""How the source database stands, and what of it needs somebody.

revision, backfills, months, strays, replication slots ─▶ Status ─▶ a table or JSON; 20 and 22 where something is wrong
"""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import psycopg

from lakehouse.errors import IntegrityGapError, QualityGateError
from source_database import expand, migrating, partitions


@dataclass(frozen=True)
class Slot:
    """A reader of the write-ahead log. `kept_bytes`: WAL that waits for it; `wal_status` lost: changes are gone for it."""

    slot_name: str
    is_active: bool
    kept_bytes: int
    wal_status: str


@dataclass(frozen=True)
class Status:
    revision: str | None
    revisions_waiting: list[str]
    backfills_due: list[str]
    newest_months: dict[str, str]
    stray_rows: dict[str, int]
    slots: list[Slot]

    def as_dict(self) -> dict:
        return asdict(self)

    def require_healthy(self) -> None:
        """Raises IntegrityGapError where a slot has lost changes, QualityGateError where something needs care soon."""
        lost = [s.slot_name for s in self.slots if s.wal_status == "lost"]
        if lost:
            raise IntegrityGapError(
                f"slot {', '.join(lost)} has lost changes: its reader was away for too long",
                hint="docs/on_call/source_database.md, 'A slot is lost'",
            )
        this_month = f"{datetime.now(UTC):%Y-%m}"
        if self.revision is None:
            raise QualityGateError("the source database has no schema", hint="run `lakehouse source migrate`")
        if late := [table for table, month in self.newest_months.items() if month <= this_month]:
            raise QualityGateError(f"no month ahead for {', '.join(late)}", hint="run `lakehouse source partitions`, daily")
        if self.stray_rows:
            told = ", ".join(f"{name}: {count:,} rows" for name, count in self.stray_rows.items())
            raise QualityGateError(
                f"rows lie in default partitions ({told})", hint="run `lakehouse source partitions --since` with their first month"
            )


def status(connection: psycopg.Connection) -> Status:
    has_schema = connection.execute("select to_regclass('public.alembic_version') is not null").fetchone()[0]
    if not has_schema:
        return Status(None, migrating.waiting(None), [], {}, {}, _slots(connection))
    revision = connection.execute("select version_num from alembic_version").fetchone()[0]
    return Status(
        revision,
        migrating.waiting(revision),
        [b.name for b in expand.due(connection)],
        partitions.newest(connection),
        partitions.strays(connection),
        _slots(connection),
    )


def _slots(connection: psycopg.Connection) -> list[Slot]:
    rows = connection.execute(
        "select slot_name, active, coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::bigint, coalesce(wal_status, 'lost') "
        "from pg_replication_slots where database = current_database() order by 1"
    )
    return [Slot(*row) for row in rows]
