"""A day's calibration: parameters of every item answered in the window, on the common scale, and which of them drift.

    Answers ─▶ a theta a student and skill ─▶ three_pl ─▶ link to the calibration before ─▶ compare with one that shares
                                                                                           no answer with it: drift

Whether an item drifts is asked of hundreds of items every week, so the bar is high: |z| over 3.29 is met by one in a
thousand that do not. With fewer than a hundred answers the prior speaks louder than they do, and nothing is flagged.
"""

from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from psychometrics.linking import link
from psychometrics.responses import Answers, counts, numbered
from psychometrics.three_pl import calibrate

DRIFT_Z = 3.29
LEAST_DRIFT_ANSWERS = 100
_DECIMALS = 6
MEASURED = (
    "discrimination", "difficulty", "guessing",
    "discrimination_error", "difficulty_error", "guessing_error", "difficulty_deviation",
)  # fmt: skip


@dataclass(frozen=True)
class Calibration:
    """Columns, a row an item, in the order of `item`. `has_converged`: whether its estimation came to rest, where that is known."""

    on: date
    item: list[str]
    discrimination: np.ndarray
    difficulty: np.ndarray
    guessing: np.ndarray
    discrimination_error: np.ndarray
    difficulty_error: np.ndarray
    guessing_error: np.ndarray
    difficulty_deviation: np.ndarray
    answers: np.ndarray
    has_converged: bool = True

    @property
    def place(self) -> dict[str, int]:
        return {item: n for n, item in enumerate(self.item)}

    def scale(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.discrimination[rows], self.difficulty[rows], self.difficulty_deviation[rows]


@dataclass(frozen=True)
class Drift:
    """Columns, a row an item of the newer calibration; NaN where the older one lacks it."""

    shift: np.ndarray
    z: np.ndarray
    is_drifting: np.ndarray


def calibration(on: date, answers: Answers, before: Calibration | None) -> Calibration:
    """`before`: the calibration whose scale this one takes over."""
    item, items = numbered(answers.item)
    unit, units = numbered(answers.user, answers.skill)
    right, wrong = counts(answers, unit, item, (len(units), len(items)))
    found = calibrate(right, wrong)
    answered = np.asarray(right.sum(axis=0) + wrong.sum(axis=0)).ravel()
    raw = Calibration(
        on, [name for (name,) in items], *found.parameters,
        found.discrimination_error, found.difficulty_error, found.guessing_error, found.difficulty_deviation, answered.astype(np.int64),
        found.has_converged,
    )  # fmt: skip
    return _rounded(raw if before is None else _on_scale_of(before, raw))


def drift(newer: Calibration, older: Calibration) -> Drift:
    """Both on one scale by their own link, so that what other calibrations lie between them adds no error."""
    mine, theirs = _common(newer, older)
    scale = link(newer.scale(mine), older.scale(theirs))
    shift, z = np.full(len(newer.item), np.nan), np.full(len(newer.item), np.nan)
    shift[mine] = scale.slope * newer.difficulty[mine] + scale.shift - older.difficulty[theirs]
    z[mine] = shift[mine] / np.hypot(scale.slope * newer.difficulty_deviation[mine], older.difficulty_deviation[theirs])
    enough = np.zeros(len(newer.item), bool)
    enough[mine] = np.minimum(newer.answers[mine], older.answers[theirs]) >= LEAST_DRIFT_ANSWERS
    return Drift(np.round(shift, _DECIMALS), np.round(z, _DECIMALS), enough & (np.abs(z) > DRIFT_Z))


def _on_scale_of(before: Calibration, raw: Calibration) -> Calibration:
    mine, theirs = _common(raw, before)
    scale = link(raw.scale(mine), before.scale(theirs))
    return Calibration(
        raw.on, raw.item, raw.discrimination / scale.slope, scale.slope * raw.difficulty + scale.shift, raw.guessing,
        raw.discrimination_error / scale.slope, scale.slope * raw.difficulty_error, raw.guessing_error,
        scale.slope * raw.difficulty_deviation, raw.answers, raw.has_converged,
    )  # fmt: skip


def _common(one: Calibration, other: Calibration) -> tuple[np.ndarray, np.ndarray]:
    """The rows in either of the items that both have."""
    places = other.place
    pairs = [(n, places[item]) for n, item in enumerate(one.item) if item in places]
    return tuple(np.array(pairs, dtype=np.int64).reshape(-1, 2).T)


def _rounded(made: Calibration) -> Calibration:
    """To six decimals, as they are kept: what is worked out from a calibration is the same before and after it was."""
    return replace(made, **{name: np.round(getattr(made, name), _DECIMALS) for name in MEASURED})
