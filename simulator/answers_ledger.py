"""What is true of the models' answers: how many fail and why, how long they take, how they score.

Slice, Takes ─▶ AnswersLedger ─▶ rows of mart_ai_quality

Percentiles ask for every value: four bytes a call or take are kept, and nothing else of it.
"""

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from simulator.city import City
from simulator.practice import DISCARDED, FAILED, SCORING_MODELS, TAKE_FAILURES, VOICE, Takes
from simulator.slices import Slice
from simulator.visits import AI_FAILURES, AI_FEATURES, AI_MODELS

_REASONS = ("timeout", "refused", "overloaded", "unusable_recording")


@dataclass
class _Group:
    """`measured`: milliseconds of calls that completed, or scores × 100 of takes that were scored."""

    requests: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    measured: array = field(default_factory=lambda: array("i"))


class AnswersLedger:
    def __init__(self, city: City) -> None:
        self._city = city
        self._groups: dict[tuple[int, int, str, str], _Group] = defaultdict(_Group)  # by zone, day, purpose, model

    def add_calls(self, part: Slice) -> None:
        ai = part.ai
        purposes, models = ([names[n] for n in numbers.tolist()] for names, numbers in ((AI_FEATURES, ai.feature), (AI_MODELS, ai.model)))
        reasons = [AI_FAILURES[n] if failed else None for n, failed in zip(ai.failure.tolist(), ai.is_failed.tolist())]
        self._add(part.visits.zone[ai.visit], part.times(ai), purposes, models, reasons, ai.latency_ms)

    def add_takes(self, part: Slice, takes: Takes) -> None:
        """Takes that were thrown away ask no model."""
        asked = np.flatnonzero(takes.outcome != DISCARDED)
        visit, kinds = takes.visit[asked], takes.kind[asked].tolist()
        purposes = ["voice_scoring" if kind == VOICE else "motion_scoring" for kind in kinds]
        models = [SCORING_MODELS[kind][n] for kind, n in zip(kinds, takes.version[asked].tolist())]
        failed = (takes.outcome[asked] == FAILED).tolist()
        reasons = [TAKE_FAILURES[n] if is_failed else None for n, is_failed in zip(takes.failure[asked].tolist(), failed)]
        times = part.begins_ms[visit] + takes.offset_ms[asked]
        self._add(part.visits.zone[visit], times, purposes, models, reasons, takes.score_centi[asked])

    def rows(self) -> Iterator[tuple]:
        """mart_ai_quality."""
        for key, group in sorted(self._groups.items()):
            zone, day, purpose, model = key
            failed, values = group.failures.total(), sorted(group.measured)
            is_call = purpose in AI_FEATURES
            latencies = [_nearest_rank(values if is_call else [], percent) for percent in (50, 95)]
            scores = [_nearest_rank([] if is_call else values, percent) for percent in (10, 50, 90)]
            yield (
                self._city.zones[zone],
                self._city.calendar.dates[day],
                purpose,
                model,
                group.requests,
                failed,
                failed / group.requests,
                *(group.failures[reason] for reason in _REASONS),
                *latencies,
                *(None if score is None else score / 100 for score in scores),
            )

    def _add(self, zone: np.ndarray, times: np.ndarray, purposes: list[str], models: list[str], reasons: list[str | None], values: np.ndarray) -> None:  # fmt: skip
        """A row a call or take; `reasons`: None where it did not fail."""
        day = self._city.calendar.day_of(times).tolist()
        for *key, reason, value in zip(zone.tolist(), day, purposes, models, reasons, values.tolist()):
            group = self._groups[tuple(key)]
            group.requests += 1
            if reason is None:
                group.measured.append(value)
            else:
                group.failures[reason] += 1


def _nearest_rank(values: Sequence[int], percent: int) -> int | None:
    """The least of the sorted values that so many of a hundred do not exceed."""
    return values[-(-len(values) * percent // 100) - 1] if values else None
