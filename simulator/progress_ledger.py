"""What is true of learning: responses by zone, tenant, skill and day.

Slice ─▶ ProgressLedger ─▶ rows of mart_learning_progress
"""

from collections.abc import Iterator

import numpy as np

from simulator.city import SKILLS, City
from simulator.slices import Slice


class ProgressLedger:
    """Responses count on the day on which their sitting begins. Arrays are int64 [zone × tenant × skill × day]."""

    def __init__(self, city: City) -> None:
        self._city = city
        self._shape = (len(city.zones), len(city.people.org_zone), len(SKILLS), city.calendar.days)
        self._sums = np.zeros((3, int(np.prod(self._shape))), np.int64)  # responses, right ones, milliseconds
        self._learners: list[np.ndarray] = []
        self._items: list[np.ndarray] = []

    def add(self, part: Slice) -> None:
        sittings, city = part.sittings, self._city
        began = city.calendar.day_of(part.times(sittings))
        of = sittings.r_sitting
        where = (
            part.visits.zone[sittings.visit][of],
            city.people.org[sittings.user][of],
            city.exams.item_skill[sittings.r_item],
            began[of],
        )
        key = np.ravel_multi_index([np.asarray(axis, np.int64) for axis in where], self._shape)
        for sums, values in zip(self._sums, (1, sittings.r_is_correct, sittings.r_time_ms)):
            np.add.at(sums, key, values)
        self._learners.append(np.unique(key * city.people.size + sittings.user[of]))
        self._items.append(np.unique(key * len(city.exams.item_exam) + sittings.r_item))

    def rows(self) -> Iterator[tuple]:
        learners = self._distinct(self._learners, self._city.people.size)
        items = self._distinct(self._items, len(self._city.exams.item_exam))
        for key in np.flatnonzero(self._sums[0]).tolist():
            zone, org, skill, day = (int(n) for n in np.unravel_index(key, self._shape))
            responses, right, spent = self._sums[:, key].tolist()
            yield (
                self._city.zones[zone],
                self._city.people.org_id(org),
                SKILLS[skill],
                self._city.calendar.dates[day],
                int(learners[key]),
                int(items[key]),
                responses,
                right,
                right / responses,
                spent / responses,
            )

    def _distinct(self, seen: list[np.ndarray], size: int) -> np.ndarray:
        """How many different ones each key has met. `seen`: key × size + one."""
        met = np.unique(np.concatenate(seen)) if seen else np.zeros(0, np.int64)
        return np.bincount(met // size, minlength=self._sums.shape[1])
