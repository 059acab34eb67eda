"""A day's abilities: theta and its standard error of every student who answered anything that day.

Answers of the window, of these students ─┬▶ a row a student and skill ─▶ three_pl.abilities
                                          └▶ a row a student: overall ──▶ three_pl.abilities
"""

from dataclasses import dataclass

import numpy as np

from psychometrics import OVERALL
from psychometrics.calibrating import Calibration
from psychometrics.responses import Answers, counts, numbered
from psychometrics.three_pl import abilities

_DECIMALS = 6


@dataclass(frozen=True)
class Estimates:
    """Columns, a row a student and skill."""

    user: list[str]
    skill: list[str]
    theta: np.ndarray
    standard_error: np.ndarray
    answers: np.ndarray


def estimates(answers: Answers, users: set[str], items: Calibration) -> Estimates:
    """`answers`: those of the window. Answers to items without parameters say nothing here, and are left out."""
    places = items.place
    mine = answers.only(np.array([u in users and i in places for u, i in zip(answers.user, answers.item)], dtype=bool))
    named = mine.only(mine.skill != "")
    everything = Answers(mine.user, np.full(len(mine.user), OVERALL, dtype=object), mine.item, mine.right, mine.wrong)
    parts = [_estimated(some, places, items) for some in (named, everything) if len(some.user)]
    return Estimates(
        [u for part in parts for u in part.user],
        [s for part in parts for s in part.skill],
        *(np.concatenate([np.zeros(0), *(getattr(part, name) for part in parts)]) for name in ("theta", "standard_error")),
        np.concatenate([np.zeros(0, np.int64), *(part.answers for part in parts)]),
    )


def _estimated(answers: Answers, places: dict[str, int], items: Calibration) -> Estimates:
    unit, units = numbered(answers.user, answers.skill)
    item = np.array([places[name] for name in answers.item])
    right, wrong = counts(answers, unit, item, (len(units), len(items.item)))
    found = abilities(right, wrong, items.discrimination, items.difficulty, items.guessing)
    answered = np.asarray(right.sum(axis=1) + wrong.sum(axis=1)).ravel().astype(np.int64)
    user, skill = zip(*units)
    return Estimates(list(user), list(skill), np.round(found.theta, _DECIMALS), np.round(found.standard_error, _DECIMALS), answered)
