"""Which events a clean table has: an index over its whole raw window, made from the table and never trusted over it.

    keys of a batch ─▶ tail (in memory) and runs (key_runs.py, on disk) ─▶ the few that may be there, and on which days
                                                                                └─▶ the files of these days decide

It says the version of the table that it covers, and reads on in the table's log from there; so nothing is written for a
small batch. Lost, damaged, behind a log that was tidied, or not as many keys as the table has rows: it is made again.

A run is dropped once every copy of its events is beyond the raw window: a copy can come only from raw, which is gone by
then, or from a producer that sends again after so long, which is taken for a new event.
"""

import re
from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from beam_pipelines.key_runs import KeyRuns
from beam_pipelines.sources import known_event_ids
from beam_pipelines.stores import stores
from lakehouse.errors import CorruptError
from lakehouse.log import get_log
from lakehouse.places import Home
from lakehouse.settings import Settings
from lakehouse.storage.protocols import TableStore

_TAIL_KEYS = 200_000
_REBUILT_AT_ONCE = 4_000_000
_DAY = re.compile(r"/dt=(\d{4}-\d\d-\d\d)/[^/]*\Z")
_log = get_log(__name__)


class EventKeys:
    """The index of one clean table."""

    def __init__(self, tables: TableStore, table: str, folder: Path) -> None:
        self._tables, self._table, self._folder = tables, table, folder
        self._runs: KeyRuns | None = None
        self._is_counted = False
        self._empty_tail()

    def known(self, keys: pa.ChunkedArray) -> dict[int, set[str]]:
        """Of the events with these keys, those that are in the table: event_key → event_ids."""
        self.catch_up()
        asked = np.unique(keys.to_numpy())
        found, days = self._runs.find(asked)
        tail = np.flatnonzero(np.isin(self._keys, asked)) if len(self._keys) else []
        found = np.concatenate([found, self._keys[tail]]) if len(tail) else found
        days = np.concatenate([days, self._days[tail]]) if len(tail) else days
        if not len(found):
            return {}
        files = self._tables.files(self._table, {date.fromordinal(day) for day in np.unique(days).tolist()})
        return known_event_ids(files, pa.chunked_array([pa.array(np.unique(found))]))

    def catch_up(self) -> None:
        """Take in what was committed since."""
        if self._runs is None or self._runs.reload():
            self._open()
        version = self._tables.version(self._table)
        if version != self._covers:
            added = None if version < self._covers else self._tables.added_since(self._table, self._covers)
            if added is None:
                self._rebuild("the table's log does not reach back so far")
            else:
                self._take(added, version)
        if not self._is_counted:
            self._is_counted = True
            if self._runs.count + len(self._keys) != self._tables.count(self._table):
                self._rebuild("it has not as many keys as the table has rows")

    def drop_expired(self, window_days: int, today: date) -> int:
        """Forget what was received before the raw window; returns how many keys. Where the clock runs ahead of what was
        received, the latest receipt counts, so that a wrong clock forgets nothing."""
        self.catch_up()
        self._write_tail()
        latest = max((run.week for run in self._runs.runs), default=0)
        return self._runs.drop_before(min(latest, _week(today)) - -(-window_days // 7))

    # ------------------------------------------------------------------ inside

    def _open(self) -> None:
        try:
            self._runs = KeyRuns(self._folder)
        except CorruptError as error:
            (self._folder / "runs.json").unlink(missing_ok=True)
            self._runs = KeyRuns(self._folder)
            self._rebuild(str(error))
            return
        self._empty_tail()
        self._is_counted = False

    def _empty_tail(self) -> None:
        self._covers = -1 if self._runs is None else self._runs.covers
        self._keys, self._days, self._tail_week = np.empty(0, np.int64), np.empty(0, np.int32), 0

    def _take(self, files: Sequence[str], version: int) -> None:
        """Raises nothing for a file that is gone meanwhile: then all is made again."""
        before = self._runs.runs
        try:
            for file in files:
                self._take_file(file)
        except FileNotFoundError:
            self._rebuild("a file of the table went while it was read")
            return
        self._covers = version
        # A run that was written on the way, at the end of a week, says the version before: the next process would add its files again.
        if len(self._keys) >= _TAIL_KEYS or self._runs.runs != before:
            self._write_tail()

    def _take_file(self, file: str) -> None:
        rows = pq.read_table(file, columns=["event_key", "received_at"], partitioning=None)
        if not rows.num_rows:
            return
        week = _week(pc.max(rows["received_at"]).as_py().date())
        if len(self._keys) and (week != self._tail_week or len(self._keys) >= _REBUILT_AT_ONCE):
            self._write_tail()
        day = date.fromisoformat(_DAY.search(file)[1]).toordinal()
        self._tail_week = week
        self._keys = np.concatenate([self._keys, rows["event_key"].to_numpy()])
        self._days = np.concatenate([self._days, np.full(rows.num_rows, day, np.int32)])

    def _write_tail(self) -> None:
        """Files that are read between two versions are added again where we are killed here: a key twice does no harm,
        and the next opening sees that the numbers differ."""
        self._runs.add(self._keys, self._days, self._tail_week, self._covers)
        covers = self._covers
        self._empty_tail()
        self._covers = covers

    def _rebuild(self, why: str) -> None:
        if self._runs.runs or self._tables.version(self._table) > 0:
            _log.info("event_keys_made_again", table=self._table, why=why)
        self._runs.clear()
        self._empty_tail()
        version = self._tables.version(self._table)
        self._take(self._tables.files(self._table), version)
        if len(self._keys):
            self._write_tail()


def _week(day: date) -> int:
    return day.toordinal() // 7


@lru_cache(maxsize=256)
def event_keys(settings: Settings, table: str) -> EventKeys:
    """The process's index of a clean table; whoever uses it holds the lock of the table's contract."""
    return EventKeys(stores(settings).tables, table, Home(settings.home).index / table.replace("/", "."))
