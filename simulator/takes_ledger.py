"""What is true of practice: takes, learners and scores, by the hour and by the exercise.

Slice, Takes ─▶ TakesLedger ─▶ rows of the four K-Zone aggregates
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np

from simulator.city import City
from simulator.practice import DISCARDED, FAILED, SCORED, VOICE, Takes
from simulator.practice_lines import exercise_content
from simulator.slices import Slice

_HOUR_MS = 3_600_000


class TakesLedger:
    """A take counts when and where it begins. Sums are of integers; learners are sets of user numbers."""

    def __init__(self, city: City) -> None:
        self._city = city
        # (kind, zone, hour since 1970) and (kind, zone, content, day) → takes, scored, failed, discarded, ms, score × 100, prosody × 100
        self._sums: dict[tuple, np.ndarray] = defaultdict(lambda: np.zeros(7, np.int64))
        self._learners: dict[tuple, set[int]] = defaultdict(set)

    def add(self, part: Slice, takes: Takes) -> None:
        begins = part.begins_ms[takes.visit] + takes.offset_ms
        scored = takes.outcome == SCORED
        sums = np.stack(
            [
                np.ones(len(begins), np.int64),
                scored,
                takes.outcome == FAILED,
                takes.outcome == DISCARDED,
                takes.duration_ms * takes.is_uploaded,
                takes.score_centi * scored,
                takes.prosody_centi * scored,
            ],
            axis=1,
        )
        day, hour, zone, user = (
            column.tolist()
            for column in (
                self._city.calendar.day_of(begins),
                begins // _HOUR_MS,
                part.visits.zone[takes.visit],
                part.visits.user[takes.visit],
            )
        )
        for n, (kind, exercise) in enumerate(zip(takes.kind.tolist(), takes.exercise.tolist())):
            for key in ((kind, zone[n], hour[n]), (kind, zone[n], exercise_content(kind, exercise), day[n])):
                self._sums[key] += sums[n]
                self._learners[key].add(user[n])

    def hours(self, wanted: int) -> Iterator[tuple]:
        """fact_kzone_voice, or fact_motion_scores."""
        for kind, zone, hour in sorted(key for key in self._sums if len(key) == 3):
            if kind == wanted:
                ms = hour * _HOUR_MS
                day = int(self._city.calendar.day_of(np.int64(ms)))
                at = datetime.fromtimestamp(ms / 1000, UTC)
                yield self._city.zones[zone], at, self._city.calendar.dates[day], *self._row((kind, zone, hour))

    def contents(self, wanted: int) -> Iterator[tuple]:
        """mart_kzone_voice, or mart_kzone_motion."""
        for kind, zone, content, day in sorted(key for key in self._sums if len(key) == 4):
            if kind == wanted:
                yield self._city.zones[zone], content, self._city.calendar.dates[day], *self._row((kind, zone, content, day))

    def take_count(self, wanted: int) -> int:
        return sum(int(sums[0]) for key, sums in self._sums.items() if len(key) == 3 and key[0] == wanted)

    def hour_count(self, wanted: int) -> int:
        return sum(len(key) == 3 and key[0] == wanted for key in self._sums)

    def _row(self, key: tuple) -> tuple:
        takes, scored, failed, discarded, ms, score, prosody = self._sums[key].tolist()
        scores = (score, prosody) if key[0] == VOICE else (score,)
        means = (float(Decimal(total) / 100 / scored) if scored else None for total in scores)
        return takes, len(self._learners[key]), scored, failed, discarded, ms, *means
