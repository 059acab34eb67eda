"""Exams measure what the city knows of its students: 3PL answers, EAP estimates, the stop rule."""

import numpy as np
import pytest

from simulator import sittings
from simulator.city import ADAPTIVE, POOL, City
from simulator.sittings import GRID, ItemTables, Sittings, estimate, probability


@pytest.fixture(scope="module")
def city() -> City:
    return City(seed=4, scale=1)


@pytest.fixture(scope="module")
def sat(city: City) -> Sittings:
    """Every user sits one exam of the city."""
    rng = np.random.default_rng(9)
    users = np.arange(city.people.size)
    exam = rng.integers(0, city.exams.size, len(users))
    return sittings.sit(city, ItemTables(city), rng, users, users, exam, np.zeros(len(users), dtype=np.int64))


def ability_in_exam(city: City, sat: Sittings) -> np.ndarray:
    """Mean ability of each user over the items that were shown."""
    shown = city.people.ability[sat.user[sat.r_sitting], city.exams.item_skill[sat.r_item]]
    return np.bincount(sat.r_sitting, weights=shown, minlength=len(sat.user)) / np.maximum(sat.length, 1)


def test_theta_follows_ability(city: City, sat: Sittings):
    ability, theta = ability_in_exam(city, sat), sat.theta_micro / 1e6
    for is_adaptive, least in ((True, 0.9), (False, 0.75)):
        mine = sat.is_finished & ((city.exams.length[sat.exam] == ADAPTIVE) == is_adaptive)
        assert np.corrcoef(ability[mine], theta[mine])[0, 1] > least


def test_the_standard_error_says_how_far_off_theta_is(city: City, sat: Sittings):
    done = sat.is_finished
    off = (sat.theta_micro[done] / 1e6 - ability_in_exam(city, sat)[done]) / (sat.error_micro[done] / 1e6)
    assert 0.8 < off.std() < 1.25 and abs(off.mean()) < 0.25


def test_answers_are_as_frequent_as_the_model_says(city: City, sat: Sittings):
    exams = city.exams
    ability = city.people.ability[sat.user[sat.r_sitting], exams.item_skill[sat.r_item]]
    chance = probability(ability, exams.a[sat.r_item], exams.b[sat.r_item], exams.c[sat.r_item])
    for low in np.arange(0.1, 1.0, 0.1):
        mine = (chance >= low) & (chance < low + 0.1)
        expected, deviation = chance[mine].mean(), np.sqrt((chance[mine] * (1 - chance[mine])).mean() / mine.sum())
        assert abs(sat.r_is_correct[mine].mean() - expected) < 4 * deviation


def test_adaptive_exams_stop_at_the_rule_and_fixed_ones_at_their_length(city: City, sat: Sittings):
    length, done = city.exams.length[sat.exam], sat.is_finished
    adaptive, error = done & (length == ADAPTIVE), sat.error_micro / 1e6
    assert ((error[adaptive] < sittings.STOP_BELOW_SE + 1e-6) | (sat.length[adaptive] == sittings.MOST_ITEMS)).all()
    assert (error[adaptive] < sittings.STOP_BELOW_SE).mean() > 0.5
    fixed = done & (length != ADAPTIVE)
    assert (sat.length[fixed] == length[fixed]).all()
    assert 0.02 < 1 - done.mean() < 0.1


def test_no_item_is_shown_twice_and_all_are_of_the_exam(city: City, sat: Sittings):
    pairs = np.stack([sat.r_sitting, sat.r_item])
    assert np.unique(pairs, axis=1).shape == pairs.shape
    assert (sat.r_item // POOL == sat.exam[sat.r_sitting]).all()
    assert (sat.r_index == 1 + np.arange(len(sat.r_index)) - np.searchsorted(sat.r_sitting, sat.r_sitting)).all()


def test_the_estimate_is_the_posterior_mean():
    """Without an answer it is the prior's; of a narrow posterior it is where that stands."""
    theta, error = estimate(np.stack([-0.5 * GRID**2, -0.5 * ((GRID - 1) / 0.2) ** 2]))
    np.testing.assert_allclose(theta, [0, 1], atol=1e-6)
    np.testing.assert_allclose(error, [1, 0.2], atol=2e-3)
