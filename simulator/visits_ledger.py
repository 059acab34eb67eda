"""What is true of visits that name a campaign.

Slice ─▶ VisitsLedger ─▶ rows of mart_campaign
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from simulator.city import City
from simulator.slices import Slice
from simulator.visits import NO_CAMPAIGN, campaign_id, campaigns


class VisitsLedger:
    """A visit lies within one slice, and may lie on two days, on which it counts apart."""

    def __init__(self, city: City, funnel: Sequence[int]) -> None:
        """`funnel`: the types of web events that are its steps; the first one is that of a visit itself."""
        self._city, self._steps = city, funnel[1:]
        self._campaigns: dict[tuple[int, int, int], np.ndarray] = defaultdict(lambda: np.zeros(len(funnel), np.int64))

    def add(self, part: Slice) -> None:
        web = part.web
        day = self._city.calendar.day_of(part.times(web))
        did = [set(zip(web.visit[web.type == step].tolist(), day[web.type == step].tolist())) for step in self._steps]
        campaign = campaigns(web)
        brought = campaign != NO_CAMPAIGN
        rows = np.unique(np.stack([web.visit[brought], campaign[brought], day[brought]]), axis=1).T.tolist()
        for visit, number, on in rows:
            key = (int(part.visits.zone[visit]), number, on)
            self._campaigns[key] += [1, *((visit, on) in step for step in did)]

    def campaign_rows(self) -> Iterator[tuple]:
        for (zone, number, day), counts in sorted(self._campaigns.items()):
            yield self._city.zones[zone], campaign_id(number), self._city.calendar.dates[day], *counts.tolist()
