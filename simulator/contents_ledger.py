"""What is true of contents: how often they are viewed, by how many, how they are liked, and whether they rise or fall.

Slice ─▶ ContentsLedger ─▶ rows of fact_content_views (how many), rows of mart_content_trends

A visit lies within one slice, and may lie on two days, on which it counts apart.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from simulator.city import City
from simulator.slices import Slice
from simulator.visits import NAMES_CONTENT, RATING, content_numbers

_WEEK = 7


@dataclass
class _Day:
    """Of one content in one zone. `stars`: of the last rating of each visit that rated it."""

    views: int = 0
    viewers: set[int] = field(default_factory=set)
    stars: list[int] = field(default_factory=list)


class ContentsLedger:
    def __init__(self, city: City) -> None:
        self._city = city
        self.view_count = 0
        # zone → day → content → what happened to it
        self._days: dict[int, dict[int, dict[int, _Day]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(_Day)))

    def add(self, part: Slice) -> None:
        web, visits = part.web, part.visits
        times = part.times(web)
        named = np.flatnonzero(np.isin(web.type, NAMES_CONTENT))
        named = named[np.argsort(times[named], kind="stable")]
        columns = (web.visit[named], content_numbers(web)[named], self._city.calendar.day_of(times[named]))
        kinds, stars = web.type[named].tolist(), (1 + web.amount[named] % 5).tolist()
        views: dict[tuple[int, int, int], int | None] = {}
        for *view, kind, given in zip(*(column.tolist() for column in columns), kinds, stars):
            views[tuple(view)] = given if kind == RATING else views.get(tuple(view))
        self.view_count += len(views)
        for (visit, content, day), given in views.items():
            found = self._days[int(visits.zone[visit])][day][content]
            found.views += 1
            found.viewers.add(int(visits.user[visit]))
            found.stars += [] if given is None else [given]

    def trend_rows(self) -> Iterator[tuple]:
        for zone, days in sorted(self._days.items()):
            for day in sorted(days):
                weeks = [self._week(days, last) for last in (day, day - _WEEK)]
                counts = sorted((found[0] for found in weeks[0].values()), reverse=True)
                for content in sorted(weeks[0].keys() | weeks[1].keys()):
                    views, rated, stars = weeks[0].get(content, (0, 0, 0))
                    before = weeks[1].get(content, (0, 0, 0))[0]
                    today = days[day].get(content, _Day())
                    yield (
                        self._city.zones[zone],
                        f"content-{content}",
                        self._city.calendar.dates[day],
                        today.views,
                        len(today.viewers),
                        views,
                        before,
                        (views - before) / before if before else None,
                        counts.index(views) + 1 if views else len(counts) + 1,
                        rated,
                        stars / rated if rated else None,
                    )

    def _week(self, days: dict[int, dict[int, _Day]], last: int) -> dict[int, tuple[int, int, int]]:
        """Content → views, ratings and their stars on the seven days that end on `last`."""
        sums: dict[int, np.ndarray] = defaultdict(lambda: np.zeros(3, np.int64))
        for day in range(last - _WEEK + 1, last + 1):
            for content, found in days.get(day, {}).items():
                sums[content] += (found.views, len(found.stars), sum(found.stars))
        return {content: tuple(found.tolist()) for content, found in sums.items()}
