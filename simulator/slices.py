"""One slice of a day: everything that begins in a stretch of time, as columns with true times.

    City, day, part ─▶ visits ─┬─▶ web events, exam sittings, AI requests, sign-ins
                               └─▶ begins_ms: when each visit begins (since 1970), so that its last event is in time

A slice is generated from random numbers of its own. It holds about SLICE_EVENTS events, whatever the scale: that is
what bounds the memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from simulator import sittings, visits
from simulator.city import City
from simulator.curve import DAY_MS
from simulator.sittings import ItemTables, Sittings
from simulator.visits import NOBODY, AiRequests, Logins, Visits, WebEvents

SITS_SHARE = 0.235  # of the visits of students
_STUDENT = 0


@dataclass
class Slice:
    """Columns of one slice. `number` counts slices from 0; `session_ids`, one a visit."""

    number: int
    day: int
    visits: Visits
    web: WebEvents
    sittings: Sittings
    logins: Logins
    ai: AiRequests
    begins_ms: np.ndarray
    rng: np.random.Generator  # for whoever goes on with the slice: ids, texts, mishaps

    def times(self, rows) -> np.ndarray:
        """Milliseconds since 1970 of rows that have a visit and an offset."""
        return self.begins_ms[rows.visit] + rows.offset_ms

    @property
    def response_visit(self) -> np.ndarray:
        return self.sittings.visit[self.sittings.r_sitting]

    @property
    def response_times(self) -> np.ndarray:
        return self.begins_ms[self.response_visit] + self.sittings.r_offset_ms

    @property
    def end_times(self) -> np.ndarray:
        """When each sitting ends, finished or not."""
        return self.begins_ms[self.sittings.visit] + self.sittings.end_offset_ms

    @property
    def end_ms(self) -> int:
        """The first millisecond after the stretch of time in which this slice's visits begin; nominal."""
        return int(self.begins_ms.max()) + 1


def generate(city: City) -> Iterator[Slice]:
    """All slices, in order of time."""
    tables = ItemTables(city)
    for day in range(city.calendar.days):
        for part in range(city.slices_per_day):
            yield _slice(city, tables, day, part)


def _slice(city: City, tables: ItemTables, day: int, part: int) -> Slice:
    rng = city.rng(3, day, part)
    who = visits.begin(city, rng, day, part)
    web = visits.browse(rng, who)
    exams = _sit(city, tables, rng, who)
    ai = visits.ask(rng, who)
    stays = np.zeros(len(who), dtype=np.int64)
    for visit, until in ((web.visit, web.offset_ms), (exams.visit, exams.end_offset_ms), (ai.visit, ai.offset_ms)):
        np.maximum.at(stays, visit, until)
    logins = visits.sign_in(rng, who, stays)
    midnight = city.calendar.first_ms + day * DAY_MS
    latest = city.calendar.end_ms - stays - 10_000
    begins = np.minimum(midnight + who.start_ms, latest)  # nothing happens after the last day
    begins = np.maximum(begins, midnight)
    for new in np.flatnonzero(who.signs_up):
        city.people.signed_up_ms[who.user[new]] = begins[new] + _signup_offset(web, new)
    return Slice(day * city.slices_per_day + part, day, who, web, exams, logins, ai, begins, rng)


def _signup_offset(web: WebEvents, visit: int) -> int:
    return int(web.offset_ms[(web.visit == visit) & (web.type == visits.SIGNUP)][0])


def _sit(city: City, tables: ItemTables, rng: np.random.Generator, who: Visits) -> Sittings:
    """Some students sit an exam of the zone they visit, a little into the visit."""
    may = (who.user != NOBODY) & ~who.signs_up
    may &= city.people.role[who.user] == _STUDENT
    visit = np.flatnonzero(may & (rng.random(len(who)) < SITS_SHARE))
    exam = who.zone[visit] * city.exams.per_zone + rng.integers(0, city.exams.per_zone, len(visit))
    return sittings.sit(city, tables, rng, visit, who.user[visit], exam, rng.integers(20_000, 240_000, len(visit)))
