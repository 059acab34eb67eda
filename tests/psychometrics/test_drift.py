"""An item that has become harder is found; those that are what they were are not, and another set of students is no drift."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from pupils import Answered, bank, sat

from psychometrics.calibrating import DRIFT_Z, Calibration, Drift, calibration, drift
from psychometrics.linking import Link, link, weighted_median
from psychometrics.responses import Answers

ITEMS, STUDENTS, EACH, MOVED = 150, 5_000, 20, 3
JANUARY, FEBRUARY = date(2025, 1, 31), date(2025, 3, 2)


def named(answered: Answered) -> Answers:
    user, item = (np.array([f"{n:05d}" for n in some], dtype=object) for some in (answered.student, answered.item))
    skill = np.full(len(user), "algebra", dtype=object)
    return Answers(user, skill, item, answered.is_right.astype(float), (~answered.is_right).astype(float))


@pytest.fixture(scope="module", params=[18, 19])
def months(request) -> tuple[Calibration, Calibration, Drift]:
    """Two months of other students, better ones in the second; three items are 1.5 logits harder in it."""
    chance, items = np.random.default_rng(request.param), bank(ITEMS, request.param)
    harder = replace(items, b=items.b + np.where(np.arange(ITEMS) < MOVED, 1.5, 0))
    before = calibration(JANUARY, named(sat(chance.normal(0, 1, STUDENTS), items, EACH, request.param)), None)
    after = calibration(FEBRUARY, named(sat(chance.normal(0.4, 1.2, STUDENTS), harder, EACH, request.param + 1)), before)
    return before, after, drift(after, before)


def test_what_became_harder_is_flagged_and_nothing_else_is(months) -> None:
    _, after, found = months
    assert after.item[:MOVED] == ["00000", "00001", "00002"]
    assert list(np.flatnonzero(found.is_drifting)) == [0, 1, 2], found.z[np.abs(found.z) > 2.5]
    assert np.all(found.shift[:MOVED] > 0.8)


def test_what_stayed_varies_as_chance_does(months) -> None:
    """Then one in a thousand is flagged falsely, which is what |z| over 3.29 means."""
    _, _, found = months
    assert DRIFT_Z == 3.29
    assert 0.85 < np.std(found.z[MOVED:]) < 1.15
    assert (np.abs(found.z[MOVED:]) > 1.96).mean() < 0.09


def test_better_students_do_not_make_items_easier(months) -> None:
    before, after, _ = months
    assert abs(np.median(after.difficulty[MOVED:] - before.difficulty[MOVED:])) < 0.08


def test_few_answers_flag_nothing_however_far_they_are(months) -> None:
    before, after, _ = months
    few = replace(after, answers=np.full(ITEMS, 99))
    assert not drift(few, before).is_drifting.any()
    assert np.abs(drift(few, before).z).max() > DRIFT_Z


def test_a_new_item_has_nothing_to_be_compared_with(months) -> None:
    _, after, _ = months
    shorter = calibration(JANUARY, named(sat(np.zeros(200), bank(ITEMS - 1, 1), 20, 1)), None)
    found = drift(after, shorter)
    assert np.isnan(found.z[-1]) and not found.is_drifting[-1] and not np.isnan(found.z[:-1]).any()


def test_two_scales_are_linked_by_most_of_their_items() -> None:
    older = np.linspace(0.8, 2, 21), np.linspace(-2, 2, 21), np.full(21, 0.2)
    # theta on the older scale = 1.25 × theta on the newer one + 0.5
    newer = older[0] * 1.25, (older[1] - 0.5) / 1.25, older[2]
    newer[1][:5] += 3
    found = link(newer, older)
    assert (found.slope, found.shift) == (pytest.approx(1.25), pytest.approx(0.5))
    assert link(tuple(c[:9] for c in newer), tuple(c[:9] for c in older)) == Link()


def test_a_weighted_median_is_where_half_of_the_weight_is_reached() -> None:
    assert weighted_median(np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 1.0])) == 2
    assert weighted_median(np.array([3.0, 1.0, 2.0]), np.array([5.0, 1.0, 1.0])) == 3
