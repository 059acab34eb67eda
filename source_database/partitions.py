"""Months made ahead, so that no row ever waits for one; and the default partitions, which should be empty.

    ahead() ─▶ make_partitions(month, month), a transaction a month, under an advisory lock ─▶ what was not there before

Repeating it changes nothing, and any number may run at once. A row whose month is missing goes into the default
partition: nothing is refused, status.py reports it, and the next run moves it where it belongs.
"""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

import psycopg

from lakehouse.errors import BusyError
from lakehouse.log import get_log

log = get_log(__name__)
AHEAD = 3
_TRIES = 20
_BUSY = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)


@dataclass(frozen=True)
class Made:
    """A month that was not there before. `moved_rows`: those that its default partition held."""

    partition_name: str
    moved_rows: int


def ahead(connection: psycopg.Connection, first: date, count: int, advance: Callable[[], None] = lambda: None) -> list[Made]:
    """Make the month of `first` and `count` more after it. Raises BusyError. `connection` is in autocommit."""
    made = []
    for month in months(first, count + 1):
        made += _make(connection, month)
        advance()
    return made


def months(first: date, count: int) -> Iterator[date]:
    for n in range(first.month - 1, first.month - 1 + count):
        yield date(first.year + n // 12, n % 12 + 1, 1)


def _make(connection: psycopg.Connection, month: date) -> list[Made]:
    for attempt in range(_TRIES):
        try:
            return [Made(*row) for row in connection.execute("select * from make_partitions(%s, %s)", (month, month)).fetchall()]
        except _BUSY as busy:
            log.info("partition_waits", month=month, why=type(busy).__name__, attempt=attempt)
            time.sleep(min(0.1 * 2**attempt, 3) * (0.5 + random.random()))
    raise BusyError(f"the tables were busy {_TRIES} times", hint="run `lakehouse source partitions` again")


def strays(connection: psycopg.Connection) -> dict[str, int]:
    """Default partition → rows in it, where there are any."""
    names = connection.execute(
        "select c.oid::regclass::text from pg_class c where c.relispartition and pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT' order by 1"
    ).fetchall()
    counts = {name: connection.execute(f"select count(*) from {name}").fetchone()[0] for (name,) in names}
    return {name: count for name, count in counts.items() if count}


def newest(connection: psycopg.Connection) -> dict[str, str]:
    """Partitioned table → its last month, as YYYY-MM; '' where it has none."""
    rows = connection.execute(
        "select p.relname, coalesce(max(right(c.relname, 7)) filter (where pg_get_expr(c.relpartbound, c.oid) <> 'DEFAULT'), '') "
        "from pg_class p join pg_inherits i on i.inhparent = p.oid join pg_class c on c.oid = i.inhrelid "
        "where p.relkind = 'p' and p.relnamespace = 'public'::regnamespace group by 1 order by 1"
    )
    return {table: month.replace("_", "-") for table, month in rows}
