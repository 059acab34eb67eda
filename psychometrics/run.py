"""One run of `lakehouse calibrate`: every day whose answers are new, in order, and no other.

    fact_responses ─▶ plan ─▶ day by day: its calibration, where it is one of those; then its abilities ─▶ derived tables

A day is kept whole or not at all; a run that was killed goes on where it ended, and one over the same answers writes nothing.
"""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

import duckdb

from lakehouse.errors import BusyError
from lakehouse.places import Home
from lakehouse.privacy.hidden import hidden_people
from lakehouse.settings import Settings
from lakehouse.storage.open import open_files, open_tables, open_warehouse
from psychometrics import responses
from psychometrics.calibrating import Calibration, calibration, drift
from psychometrics.estimating import estimates
from psychometrics.keeping import ABILITIES, ITEMS, Kept, ability_rows, calibration_of, item_rows
from psychometrics.schedule import Planned, plan


@dataclass
class Done:
    """What a run worked out: days, rows, and the items that drift by the newest calibration."""

    days: int = 0
    calibrations: int = 0
    items: int = 0
    abilities: int = 0
    drifting: int = 0
    calibrated_on: date | None = None
    kept_days: int = 0
    restless: int = 0  # calibrations whose estimation did not come to rest


def run(settings: Settings, anew: bool = False, progress: Callable[[int, int, date], None] = lambda *_: None) -> Done:
    """`anew`: work out every day, whatever is kept. Raises BadInputError (nothing was modelled), BusyError, SettingsError."""
    path = open_warehouse(settings)
    with _alone(Home(settings.home)), responses.opened(path, hidden_people(open_files(settings))) as warehouse:
        tables = open_tables(settings)
        work = _Work(warehouse, Kept(tables, ITEMS), Kept(tables, ABILITIES), anew)
        planned = plan(responses.days(warehouse))
        for number, day in enumerate(planned):
            work.do(day)
            progress(number + 1, len(planned), day.on)
        work.forget_all_but(planned)
        return work.closed(planned)


class _Work:
    def __init__(self, warehouse: duckdb.DuckDBPyConnection, items: Kept, abilities: Kept, anew: bool) -> None:
        self._warehouse, self._items, self._abilities, self._anew = warehouse, items, abilities, anew
        self._made: dict[date, Calibration] = {}
        self.done = Done()

    def do(self, day: Planned) -> None:
        if day.is_calibrated and (self._anew or not self._items.has(day.on, day.calibration_digest)):
            self._calibrate(day)
        if self._anew or not self._abilities.has(day.on, day.abilities_digest):
            self._estimate(day)

    def _calibrate(self, day: Planned) -> None:
        before = None if day.linked_to is None else self._calibration(day.linked_to)
        made = calibration(day.on, responses.window(self._warehouse, day.on), before)
        moved = None if day.compared_with is None else drift(made, self._calibration(day.compared_with))
        self._items.keep(day.on, item_rows(made, day.compared_with, moved), day.calibration_digest)
        self._made[day.on] = made
        self.done.calibrations += 1
        self.done.items += len(made.item)
        self.done.restless += not made.has_converged

    def _estimate(self, day: Planned) -> None:
        window, users = responses.window(self._warehouse, day.on), responses.users_on(self._warehouse, day.on)
        found = estimates(window, users, self._calibration(day.uses))
        self._abilities.keep(day.on, ability_rows(found, day.uses), day.abilities_digest)
        self.done.days += 1
        self.done.abilities += len(found.user)

    def _calibration(self, on: date) -> Calibration:
        if on not in self._made:
            self._made[on] = calibration_of(on, self._items.read(on))
        return self._made[on]

    def forget_all_but(self, planned: list[Planned]) -> None:
        """Days that have no answers any more, or are no calibration days any more: late answers may move both."""
        for table, wanted in ((self._items, {d.on for d in planned if d.is_calibrated}), (self._abilities, {d.on for d in planned})):
            for day in sorted(table.days() - wanted):
                table.empty(day)

    def closed(self, planned: list[Planned]) -> Done:
        self.done.kept_days = len(planned) - self.done.days
        if planned:
            self.done.calibrated_on = planned[-1].uses
            self.done.drifting = sum(self._items.read(planned[-1].uses)["is_drifting"].to_pylist())
        return self.done


@contextmanager
def _alone(home: Home) -> Iterator[None]:
    """The lock goes with the process, however it ends. Raises BusyError."""
    home.locks.mkdir(parents=True, exist_ok=True)
    with open(home.locks / "calibrate.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError("another `lakehouse calibrate` is at work", hint="wait until it ends") from None
        yield
