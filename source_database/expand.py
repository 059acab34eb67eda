"""Changing a large table while it is written to: expand, backfill, contract.

    expand    add the column (instant), and a trigger that keeps old and new in step ─▶ old and new programs both work
    backfill  the rows that were there before, in small batches, each a transaction ─▶ run_backfill()
    contract  prove that nothing is missing, forbid nulls, drop the old ─▶ once no program needs the old shape

No step may keep a writer waiting for long. What needs a strong lock is over in an instant, gives up after lock_timeout,
and is tried again (migrating.py); what takes long needs a weak one: CREATE INDEX CONCURRENTLY, VALIDATE CONSTRAINT, and
batches that lock some hundred rows for some milliseconds.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import psycopg
from alembic import op
from psycopg import sql
from sqlalchemy import text

from lakehouse.errors import BadInputError, BusyError
from lakehouse.log import get_log

log = get_log(__name__)
BATCH_ROWS = 500
MOST_LAG_BYTES = 64 * 1024 * 1024
_PATIENCE_S = 120
_TRANSIENT = (
    psycopg.errors.LockNotAvailable,  # a writer holds a row for longer than lock_timeout
    psycopg.errors.DeadlockDetected,  # a writer locks the same rows in another order
    psycopg.errors.SerializationFailure,
)


@dataclass(frozen=True)
class Backfill:
    """Fill `column` of the rows where it is null with `expression`, in the order of `key`."""

    name: str
    table: str
    key: str
    column: str
    expression: str


BACKFILLS = (Backfill("response_time_ms", "responses", "response_id", "response_time_ms", "round(response_time * 1000)::bigint"),)
"""Those of all revisions. One is due while its table has the column and rows without it."""


def due(connection: psycopg.Connection) -> list[Backfill]:
    return [b for b in BACKFILLS if _has_old_shape(connection, b) and _is_missing(connection, b)]


def run_backfill(connection: psycopg.Connection, backfill: Backfill, advance: Callable[[int], None], batch_rows: int = BATCH_ROWS) -> int:
    """Fill what is missing; returns the rows that it changed. `advance(rows)` is called after every batch.

    May be stopped at any time: where it stood is kept with every batch, and the next run goes on from there. Raises
    BusyError where a reader of the write-ahead log is too far behind for too long. `connection` is in autocommit.
    """
    connection.execute("set lock_timeout = '1s'")
    changed = 0
    for part in _parts(connection, backfill.table):
        after = _stood_at(connection, backfill, part)
        while after is not None:
            _wait_for_readers(connection)
            after, rows = _batch(connection, backfill, part, after, batch_rows)
            changed += rows
            advance(rows)
    return changed


def rows_to_look_at(connection: psycopg.Connection, backfill: Backfill) -> int:
    """Rows of the table as the planner estimates them: for a progress bar."""
    parts = _parts(connection, backfill.table)
    return connection.execute(
        "select coalesce(sum(greatest(reltuples, 0)), 0)::bigint from pg_class where relname = any(%s)", (parts,)
    ).fetchone()[0]


def _batch(connection: psycopg.Connection, backfill: Backfill, part: str, after: str, batch_rows: int) -> tuple[str | None, int]:
    """One transaction: the next rows, and where we stand. Returns the last key looked at (None: no more), and the rows changed."""
    key, column = sql.Identifier(backfill.key), sql.Identifier(backfill.column)
    update = sql.SQL(
        "with batch as (select {key} from {part} where {key} > %(after)s order by {key} limit %(rows)s), "
        "filled as (update {part} set {column} = {expression} where {column} is null and {key} in (select {key} from batch) returning 1) "
        "select (select max({key}) from batch), (select count(*) from filled)"
    ).format(key=key, column=column, part=sql.Identifier(part), expression=sql.SQL(backfill.expression))
    for attempt in range(1, 100):
        try:
            with connection.transaction():
                last, rows = connection.execute(update, {"after": after, "rows": batch_rows}).fetchone()
                connection.execute(
                    "insert into migration.backfills (backfill_name, partition_name, last_key, row_count) values (%s, %s, %s, %s) "
                    "on conflict (backfill_name, partition_name) do update "
                    "set last_key = excluded.last_key, row_count = backfills.row_count + excluded.row_count",
                    (backfill.name, part, last, rows),
                )
            return last, rows
        except _TRANSIENT as busy:
            log.info("backfill_waits", table=part, why=type(busy).__name__, attempt=attempt)
            time.sleep(min(0.05 * attempt, 1.0))
    raise BusyError(f"{part} was busy for too long", hint="run `lakehouse source backfill` again; it goes on where it stood")


def _stood_at(connection: psycopg.Connection, backfill: Backfill, part: str) -> str | None:
    """The last key of an earlier run: '' where there was none, None where it came to the end of this partition."""
    found = connection.execute(
        "select last_key from migration.backfills where backfill_name = %s and partition_name = %s", (backfill.name, part)
    ).fetchone()
    return "" if found is None else found[0]


def _parts(connection: psycopg.Connection, table: str) -> list[str]:
    """The table's leaves, or itself where it has none."""
    return [
        n for (n,) in connection.execute("select relid::regclass::text from pg_partition_tree(%s) where isleaf order by 1", (table,))
    ] or [table]


def _has_old_shape(connection: psycopg.Connection, backfill: Backfill) -> bool:
    """Whether the column is there and its contracting revision, which drops the trigger, has not come."""
    sees = "select count(*) from pg_trigger where tgname = %s and tgrelid = to_regclass(%s)"
    return connection.execute(sees, (f"{backfill.name}_both", backfill.table)).fetchone()[0] > 0


def _is_missing(connection: psycopg.Connection, backfill: Backfill) -> bool:
    sees = sql.SQL("select exists (select from {} where {} is null)").format(
        sql.Identifier(backfill.table), sql.Identifier(backfill.column)
    )
    return connection.execute(sees).fetchone()[0]


def _wait_for_readers(connection: psycopg.Connection) -> None:
    """A backfill writes faster than change data capture reads: let it catch up, before its slot fills the disk."""
    until, told = time.monotonic() + _PATIENCE_S, False
    while behind := _slots_behind(connection):
        if not told:
            log.info("backfill_waits_for_readers", slots=behind)
            told = True
        if time.monotonic() > until:
            raise BusyError(
                f"the reader of slot {', '.join(behind)} is more than {MOST_LAG_BYTES >> 20} MB behind for {_PATIENCE_S} s",
                hint="is change data capture running? Then run `lakehouse source backfill` again; it goes on where it stood",
            )
        time.sleep(0.2)


def _slots_behind(connection: psycopg.Connection) -> list[str]:
    sees = (
        "select slot_name from pg_replication_slots where database = current_database() "
        "and pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn) > %s order by 1"
    )
    return [name for (name,) in connection.execute(sees, (MOST_LAG_BYTES,))]


# What revisions call. They run under alembic, outside its transaction where a step must not hold the lock of the step before it.


def index_concurrently(name: str, table: str, columns: str) -> None:
    """An index on a partitioned table, without keeping its writers waiting: on each partition, and then attached.

    May be repeated: an index that was broken off is dropped and made anew.
    """
    connection = op.get_bind()
    with op.get_context().autocommit_block():
        op.execute(f"create index if not exists {name} on only {table} ({columns})")
        leaves = (
            connection.execute(text("select relid::regclass::text from pg_partition_tree(:t) where isleaf"), {"t": table}).scalars().all()
        )
        for leaf in leaves:
            made = f"{leaf}_{columns.replace(', ', '_')}_idx"
            is_valid = connection.execute(text("select indisvalid from pg_index where indexrelid = to_regclass(:n)"), {"n": made}).scalar()
            if is_valid is False:
                op.execute(f"drop index concurrently {made}")
            if is_valid is not True:
                op.execute(f"create index concurrently {made} on {leaf} ({columns})")
            is_attached = connection.execute(
                text("select count(*) from pg_inherits where inhrelid = to_regclass(:n)"), {"n": made}
            ).scalar()
            if not is_attached:
                op.execute(f"alter index {name} attach partition {made}")


def require_filled(backfill_name: str) -> None:
    """Raises BadInputError where rows are still missing."""
    backfill = next(b for b in BACKFILLS if b.name == backfill_name)
    missing = op.get_bind().execute(text(f"select exists (select from {backfill.table} where {backfill.column} is null)")).scalar()
    if missing:
        raise BadInputError(
            f"{backfill.table}.{backfill.column} is not filled everywhere: its old column cannot be dropped yet",
            hint="run `lakehouse source backfill`, then `lakehouse source migrate --contract` again",
        )


def forbid_nulls(table: str, column: str) -> None:
    """NOT NULL without reading the table under a strong lock: a constraint for what is to come, then proven for what is there."""
    check = f"{table}_{column}_there"
    with op.get_context().autocommit_block():
        op.execute(f"alter table {table} drop constraint if exists {check}")
        op.execute(f"alter table {table} add constraint {check} check ({column} is not null) not valid")
        op.execute(f"alter table {table} validate constraint {check}")
        op.execute(f"alter table {table} alter column {column} set not null")
        op.execute(f"alter table {table} drop constraint {check}")
