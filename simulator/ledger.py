"""What is true of the simulated world, added up while it is made: from the simulator's own columns, never from our tables.

    Slice ─▶ Ledger: counts by exam, zone and day; a bit a user, zone and day for who was active ─▶ truth.py

Definitions are those of contracts/curated; all sums are of integers (hundredths, millionths), so that nothing is rounded
before the end. A user's active days are the bits of one 64-bit number: memory follows the users, not the events.
"""

from collections import Counter

import numpy as np

from simulator.answers_ledger import AnswersLedger
from simulator.city import City
from simulator.contents_ledger import ContentsLedger
from simulator.exams_ledger import ExamsLedger
from simulator.lines import dwell_ms
from simulator.media import KINDS
from simulator.practice import DISCARDED, SCORED, Practice
from simulator.practice_lines import (
    CONSENT_EVENTS,
    CONSENT_TYPES,
    STARTED,
    TAKE_CONTRACTS,
    TAKE_TYPES,
    UPLOADED,
    VIDEO_EVENTS,
    VIDEO_TYPES,
    WAS_DISCARDED,
    WAS_FAILED,
    WAS_SCORED,
)
from simulator.progress_ledger import ProgressLedger
from simulator.revenue_ledger import RevenueLedger
from simulator.slices import Slice
from simulator.snapshot import photographed_ms
from simulator.takes_ledger import TakesLedger
from simulator.visits import (
    AI_FEATURES,
    AI_MODELS,
    CART,
    DWELL,
    LOGIN_SUCCEEDED,
    LOGIN_TYPES,
    MISSION,
    NOBODY,
    PAGE_VIEW,
    PURCHASE,
    SIGNUP,
)
from simulator.visits_ledger import VisitsLedger

FUNNEL = (PAGE_VIEW, SIGNUP, MISSION, CART, PURCHASE)
EXAM_SUMS = ("attempt_count", "finished_count", "score_centi", "theta_micro", "time_spent_ms", "response_count", "correct_count")
AI_SUMS = ("request_count", "failed_count", "input_tokens_total", "output_tokens_total", "cost_micro", "latency_ms")
ENGAGEMENT_SUMS = ("activity_count", "web_event_count", "page_view_count", "session_count", "dwell_total_ms", "mission_count", "purchase_count", "login_count", "exam_event_count", "ai_request_count")  # fmt: skip


class Ledger:
    """Sums by day. Arrays are int64 [zone or exam, day, …]; `active` is uint64 [zone, user], a bit a day."""

    def __init__(self, city: City) -> None:
        self._city = city
        zones, days = len(city.zones), city.calendar.days
        self.exams = {name: np.zeros((city.exams.size, days), np.int64) for name in EXAM_SUMS}
        self.ai = {name: np.zeros((zones, days, len(AI_MODELS)), np.int64) for name in AI_SUMS}
        self.ai_features = np.zeros((zones, days, len(AI_FEATURES), 2), np.int64)  # calls, those that failed
        self.engagement = {name: np.zeros((zones, days), np.int64) for name in ENGAGEMENT_SUMS}
        self.funnel = np.zeros((zones, days, len(FUNNEL)), np.int64)
        self.web = np.zeros((zones, days), np.int64)
        self.logins = np.zeros((zones, days, len(LOGIN_TYPES)), np.int64)
        self.active = np.zeros((zones, city.people.size), np.uint64)
        self.clean: Counter[tuple[str, int]] = Counter()  # (contract, number of the day) → rows
        self.practice: dict[tuple[str, int, str], np.ndarray] = {}  # (contract, day, event_type) → rows, duration_ms, score × 100
        self.media: Counter[str] = Counter()  # kind → objects
        self.takes, self.progress, self.visits = TakesLedger(city), ProgressLedger(city), VisitsLedger(city, FUNNEL)
        self.contents, self.answers = ContentsLedger(city), AnswersLedger(city)
        self.revenue, self.sat = RevenueLedger(city), ExamsLedger(city)
        self.has_source = False  # whether purchases are payments of a source database

    def add(self, part: Slice) -> None:
        self._add_sittings(part)
        self._add_web(part)
        self._add_logins(part)
        self._add_ai(part)
        self.progress.add(part)
        self.sat.add(part)
        self.visits.add(part)
        self.contents.add(part)
        self.answers.add_calls(part)
        self.revenue.add(part)

    def add_practice(self, part: Slice, practice: Practice) -> None:
        takes, videos, consents = practice.takes, practice.videos, practice.consents
        self.takes.add(part, takes)
        self.answers.add_takes(part, takes)
        nothing = np.zeros(len(takes.kind), np.int64)
        for kind, contract in enumerate(TAKE_CONTRACTS):
            mine, up = takes.kind == kind, (takes.kind == kind) & takes.is_uploaded
            self.media[KINDS[kind]] += int(up.sum())
            for step, rows, offset, duration, score in (
                (STARTED, mine, takes.offset_ms, nothing, nothing),
                (UPLOADED, up, takes.upload_ms, takes.duration_ms, nothing),
                (WAS_SCORED, up & (takes.outcome == SCORED), takes.end_ms, nothing, takes.score_centi),
                (WAS_FAILED, up & (takes.outcome != SCORED), takes.end_ms, nothing, nothing),
                (WAS_DISCARDED, mine & (takes.outcome == DISCARDED), takes.upload_ms, nothing, nothing),
            ):
                self._practised(part, contract, TAKE_TYPES[kind][step], takes.visit[rows], offset[rows], duration[rows], score[rows])
        for types, contract, rows in ((VIDEO_TYPES, VIDEO_EVENTS, videos), (CONSENT_TYPES, CONSENT_EVENTS, consents)):
            for kind, event_type in enumerate(types):
                mine = rows.type == kind
                is_published = contract == VIDEO_EVENTS and kind == 0
                duration = videos.duration_ms[mine] if is_published else np.zeros(int(mine.sum()), np.int64)
                self._practised(part, contract, event_type, rows.visit[mine], rows.offset_ms[mine], duration, np.zeros_like(duration))

    def _practised(
        self, part: Slice, contract: str, event_type: str, visit: np.ndarray, offset: np.ndarray, duration: np.ndarray, score: np.ndarray
    ) -> None:
        day = self._city.calendar.day_of(part.begins_ms[visit] + offset)
        self._rows(contract, day)
        for number in np.unique(day).tolist():
            on = day == number
            sums = np.array([on.sum(), duration[on].sum(), score[on].sum()], np.int64)
            self.practice[contract, number, event_type] = self.practice.get((contract, number, event_type), 0) + sums

    def add_standing(self) -> None:
        """The rows photographed at the end of the last day."""
        people, exams, last = self._city.people, self._city.exams, self._city.calendar.days - 1
        rows = {"organizations": len(people.org_zone), "users": people.size, "exams": exams.size, "items": len(exams.item_exam)}
        for table, count in rows.items():
            self.clean[f"source.{table}", last] += count

    def captured(self, delivered: Counter[tuple[str, int]]) -> None:
        """The source's tables come by change data capture, and not as photographs: what it must deliver is told by who wrote them."""
        self.has_source = True
        self.clean = Counter({key: n for key, n in self.clean.items() if not key[0].startswith("source.")}) + delivered

    def _add_sittings(self, part: Slice) -> None:
        sittings, day_of = part.sittings, self._city.calendar.day_of
        began, zone = day_of(part.times(sittings)), part.visits.zone[sittings.visit]
        done, right = sittings.is_finished, sittings.correct_count
        answers = np.bincount(sittings.r_sitting, minlength=len(zone))
        where = (sittings.exam, began)
        sums = (1, done, sittings.score_centi * done, sittings.theta_micro * done, sittings.time_spent_ms * done, answers, right)
        for name, values in zip(EXAM_SUMS, sums):
            np.add.at(self.exams[name], where, values)
        answered, answer_zone = day_of(part.response_times), zone[sittings.r_sitting]
        ended = day_of(part.end_times)
        for rows, days, users in (
            (zone, began, sittings.user),
            (answer_zone, answered, sittings.user[sittings.r_sitting]),
            (zone[done], ended[done], sittings.user[done]),
        ):
            np.add.at(self.engagement["exam_event_count"], (rows, days), 1)
            self._act(rows, days, users)
            self._rows("exam.events", days)
        photographed = day_of(photographed_ms(self._city, part.end_times))
        self._rows("source.attempts", photographed)
        self._rows("source.responses", photographed[sittings.r_sitting])

    def _add_web(self, part: Slice) -> None:
        web = part.web
        day, zone = self._city.calendar.day_of(part.times(web)), part.visits.zone[web.visit]
        np.add.at(self.web, (zone, day), 1)
        self._rows("web.behaviour.events", day)
        for step, kind in enumerate(FUNNEL):
            visit, on = _distinct(web.visit[web.type == kind], day[web.type == kind])
            np.add.at(self.funnel, (part.visits.zone[visit], on, step), 1)
        known = web.user != NOBODY
        where = (zone[known], day[known])
        self._act(*where, web.user[known])
        self.engagement["web_event_count"] += _count(self.web.shape, *where)
        for name, kind in (("page_view_count", PAGE_VIEW), ("mission_count", MISSION), ("purchase_count", PURCHASE)):
            mine = known & (web.type == kind)
            self.engagement[name] += _count(self.web.shape, zone[mine], day[mine])
        dwells = known & (web.type == DWELL)
        np.add.at(self.engagement["dwell_total_ms"], (zone[dwells], day[dwells]), dwell_ms(web.amount[dwells]))
        visit, on = _distinct(web.visit[known], day[known])
        np.add.at(self.engagement["session_count"], (part.visits.zone[visit], on), 1)

    def _add_logins(self, part: Slice) -> None:
        logins = part.logins
        day, zone = self._city.calendar.day_of(part.times(logins)), part.visits.zone[logins.visit]
        np.add.at(self.logins, (zone, day, logins.type), 1)
        self._rows("auth.login.events", day)
        came = logins.type == LOGIN_SUCCEEDED
        self.engagement["login_count"] += _count(self.web.shape, zone[came], day[came])
        self._act(zone[came], day[came], part.visits.user[logins.visit[came]])

    def _add_ai(self, part: Slice) -> None:
        ai = part.ai
        day, zone = self._city.calendar.day_of(part.times(ai)), part.visits.zone[ai.visit]
        sums = (1, ai.is_failed, ai.input_tokens, ai.output_tokens, ai.cost_micro * ~ai.is_failed, ai.latency_ms * ~ai.is_failed)
        for name, values in zip(AI_SUMS, sums):
            np.add.at(self.ai[name], (zone, day, ai.model), values)
        for place, values in enumerate((1, ai.is_failed)):
            np.add.at(self.ai_features, (zone, day, ai.feature, place), values)
        self._rows("ai.usage.events", day)
        np.add.at(self.engagement["ai_request_count"], (zone, day), 1)
        self._act(zone, day, part.visits.user[ai.visit])

    def _act(self, zone: np.ndarray, day: np.ndarray, user: np.ndarray) -> None:
        """These users were active then, once each row."""
        np.bitwise_or.at(self.active, (zone, user), np.uint64(1) << day.astype(np.uint64))
        np.add.at(self.engagement["activity_count"], (zone, day), 1)

    def _rows(self, contract: str, day: np.ndarray) -> None:
        for number, count in enumerate(np.bincount(day).tolist()):
            if count:
                self.clean[contract, number] += count


def _count(shape: tuple[int, ...], zone: np.ndarray, day: np.ndarray) -> np.ndarray:
    counts = np.zeros(shape, np.int64)
    np.add.at(counts, (zone, day), 1)
    return counts


def _distinct(visit: np.ndarray, day: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each visit once a day."""
    pairs = np.unique(np.stack([visit, day]), axis=1)
    return pairs[0], pairs[1]
