"""Items and abilities are recovered from answers, with honest errors; few answers stay in bounds; order does not matter."""

import numpy as np
import pytest
from pupils import Bank, bank, sat
from scipy import sparse
from scipy.integrate import quad
from scipy.special import expit

from psychometrics import three_pl
from psychometrics.three_pl import Items, abilities, calibrate, information

STUDENTS, ITEMS, EACH = 3_000, 60, 25


@pytest.fixture(scope="module")
def true() -> tuple[np.ndarray, Bank]:
    return np.random.default_rng(1).normal(size=STUDENTS), bank(ITEMS, seed=2)


@pytest.fixture(scope="module")
def answers(true):
    return sat(*true, EACH, seed=3).matrices(STUDENTS, ITEMS)


@pytest.fixture(scope="module")
def found(answers) -> Items:
    return calibrate(*answers)


def test_parameters_are_recovered_within_their_errors(found: Items, true) -> None:
    _, items = true
    assert found.has_converged
    for told, error, truth, least in (
        (found.discrimination, found.discrimination_error, items.a, 0.85),
        (found.difficulty, found.difficulty_error, items.b, 0.97),
        (found.guessing, found.guessing_error, items.c, 0.3),
    ):
        assert np.corrcoef(told, truth)[0, 1] > least
        z = (told - truth) / error
        # The prior of guessing is wider than these items, so that its errors promise less than is true.
        assert 0.55 < np.std(z) < 1.2, "a standard error that is too small promises too much"
        assert (np.abs(z) < 1.96).mean() > 0.9


def test_abilities_are_recovered_within_their_errors(answers, found: Items, true) -> None:
    theta, _ = true
    told = abilities(*answers, *found.parameters)
    assert np.corrcoef(told.theta, theta)[0, 1] > 0.9
    assert 0.95 < np.std((told.theta - theta) / told.standard_error) < 1.05
    assert (np.abs(told.theta - theta) < 1.96 * told.standard_error).mean() == pytest.approx(0.95, abs=0.02)


def test_ability_is_the_posterior_mean_by_any_other_integration() -> None:
    a, b, c = np.array([1.2, 0.8]), np.array([0.5, -1.0]), np.array([0.2, 0.1])

    def likelihood(theta: float) -> float:
        p = c + (1 - c) * expit(a * (theta - b))
        return float(p[0] ** 2 * (1 - p[1]) * np.exp(-(theta**2) / 2))

    mass, mean, square = (quad(lambda t, n=n: t**n * likelihood(t), -9, 9)[0] for n in (0, 1, 2))
    told = abilities(sparse.csr_array([[2.0, 0.0]]), sparse.csr_array([[0.0, 1.0]]), a, b, c)
    assert told.theta[0] == pytest.approx(mean / mass, abs=1e-4)
    assert told.standard_error[0] == pytest.approx(np.sqrt(square / mass - (mean / mass) ** 2), abs=1e-4)


def test_of_whom_nothing_is_known_the_population_is_told() -> None:
    nobody = sparse.csr_array((1, 3))
    told = abilities(nobody, nobody, np.ones(3), np.zeros(3), np.full(3, 0.2))
    assert (told.theta[0], told.standard_error[0]) == (pytest.approx(0, abs=1e-9), pytest.approx(1, abs=1e-3))


def test_one_who_answers_everything_rightly_still_has_a_finite_ability() -> None:
    right, nothing = sparse.csr_array(np.ones((1, 200))), sparse.csr_array((1, 200))
    told = abilities(right, nothing, np.ones(200), np.zeros(200), np.full(200, 0.2))
    assert 2 < told.theta[0] <= three_pl.GRID[-1] and 0 < told.standard_error[0] < 1


def test_the_sharpest_item_rules_nobody_out() -> None:
    """A wrong answer that the model gives no chance is still an answer: theta stays a number."""
    sharp, easy = np.full(2, 20.0), np.array([-4.0, 4.0])
    told = abilities(sparse.csr_array([[0.0, 1.0]]), sparse.csr_array([[1.0, 0.0]]), sharp, easy, np.zeros(2))
    assert np.isfinite(told.theta[0]) and np.isfinite(told.standard_error[0])


def test_items_with_few_answers_stay_near_the_prior(true) -> None:
    """One answer each, all of them right or all wrong: without a prior, difficulty would be without bounds."""
    right, wrong = sparse.csr_array(np.eye(4)[:2], shape=(2, 4)), sparse.csr_array(np.eye(4)[2:], shape=(2, 4))
    found = calibrate(right, wrong)
    assert np.all(np.abs(found.difficulty) < 2.5) and np.all((found.discrimination > 0.6) & (found.discrimination < 2.5))
    assert np.all((found.guessing > 0.05) & (found.guessing < 0.4)) and np.all(found.difficulty_error > 1.5)
    assert found.difficulty[0] < found.difficulty[2], "what was answered rightly seems easier"


def test_an_item_without_an_answer_is_refused() -> None:
    with pytest.raises(ValueError, match="1 of 2 items have no answer"):
        calibrate(sparse.csr_array([[1.0, 0.0]]), sparse.csr_array([[0.0, 0.0]]))


def test_the_same_counts_give_the_same_bytes_in_parts_of_any_size(answers, found: Items, monkeypatch: pytest.MonkeyPatch) -> None:
    again = calibrate(*(matrix.copy() for matrix in answers))
    assert all(getattr(again, name).tobytes() == getattr(found, name).tobytes() for name in ("discrimination", "difficulty_error"))
    monkeypatch.setattr(three_pl, "_AT_ONCE", 700)
    in_parts = calibrate(*answers)
    np.testing.assert_allclose(in_parts.difficulty, found.difficulty, atol=1e-6)


def test_information_is_what_an_answer_tells_of_theta() -> None:
    """By its definition: the expected square of the slope of an answer's log likelihood."""
    a, b, c, step = np.array([1.4]), np.array([0.3]), np.array([0.2]), 1e-5
    for theta in (-1.0, 0.3, 2.0):
        low, at, high = (three_pl.chances(a, b, c, np.array([theta + d]))[0, 0] for d in (-step, 0, step))
        slope = (high - low) / (2 * step)
        assert information(a, b, c, np.array([theta]))[0, 0] == pytest.approx(slope**2 / (at * (1 - at)), rel=1e-6)
