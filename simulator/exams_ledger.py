"""What is true of how exams end, and of who sat them: the truth of mart_adaptive_stop, and of items and abilities.

    Slice ─▶ ExamsLedger ─┬▶ rows of mart_adaptive_stop
                          └▶ truth/items.parquet, truth/abilities.parquet: what `lakehouse calibrate --against-truth` reads

Pseudonyms are not known here, so a student is named by an attempt of theirs, which the lake knows too.
"""

from collections.abc import Iterator
from decimal import Decimal

import numpy as np
import pyarrow as pa

from simulator.city import SKILLS, City
from simulator.lines import attempt_ids
from simulator.sittings import MOST_ITEMS, STOP_BELOW_SE
from simulator.slices import Slice

_STOP_BELOW_MICRO = round(STOP_BELOW_SE * 1e6)


class ExamsLedger:
    """Finished attempts count on the day on which they begin. Arrays are int64 [exam, day]."""

    def __init__(self, city: City) -> None:
        self._city = city
        names = ("finished", "by_error", "by_length", "by_neither", "items", "error_micro")
        self._sums = {name: np.zeros((city.exams.size, city.calendar.days), np.int64) for name in names}
        self._attempt_of: dict[int, str] = {}

    def add(self, part: Slice) -> None:
        sittings = part.sittings
        done = sittings.is_finished
        is_sure, is_long = sittings.error_micro < _STOP_BELOW_MICRO, sittings.length >= MOST_ITEMS
        by = (is_sure, is_long & ~is_sure, ~is_long & ~is_sure)
        where = sittings.exam, self._city.calendar.day_of(part.times(sittings))
        values = (done, *(kind & done for kind in by), sittings.length * done, sittings.error_micro * done)
        for sums, value in zip(self._sums.values(), values):
            np.add.at(sums, where, value)
        for user, attempt in zip(sittings.user.tolist(), attempt_ids(self._city, part)):
            self._attempt_of.setdefault(user, attempt)

    def stop_rows(self) -> Iterator[tuple]:
        for exam, day in zip(*(axis.tolist() for axis in np.nonzero(self._sums["finished"]))):
            finished, by_error, by_length, by_neither, items, error = (int(values[exam, day]) for values in self._sums.values())
            yield (
                self._city.exams.exam_id(exam),
                self._city.calendar.dates[day],
                finished,
                by_error,
                by_length,
                by_neither,
                0,  # no sitting of the city goes on after the rule is met
                items / finished,
                float(Decimal(error) / 10**6 / finished),
            )

    def tables(self) -> dict[str, pa.Table]:
        """What items ask for, and what those who sat an exam can do, skill by skill."""
        exams, people = self._city.exams, self._city.people
        items = {
            "item_id": [exams.item_id(n) for n in range(len(exams.a))],
            "discrimination": exams.a,
            "difficulty": exams.b,
            "guessing": exams.c,
        }
        users = sorted(self._attempt_of)
        abilities = {
            "attempt_id": np.repeat([self._attempt_of[user] for user in users], len(SKILLS)),
            "skill": np.tile(SKILLS, len(users)),
            "ability": people.ability[users].ravel().astype(float),
        }
        return {"items": pa.table(items), "abilities": pa.table(abilities)}
