"""On a published data set the model finds what was published of it."""

import numpy as np
import pytest
from lsat6 import DIFFICULTY, DISCRIMINATION, DISCRIMINATION_ERROR, PATTERNS, RIGHT
from scipy import sparse

from psychometrics.three_pl import Items, Prior, calibrate

_SAYS_NOTHING = Prior((0.0, 0.0, 0.0), (100.0, 100.0, 100.0))


@pytest.fixture(scope="module")
def answers() -> np.ndarray:
    return np.array([[int(answer) for answer in pattern] for pattern, count in PATTERNS.items() for _ in range(count)], dtype=float)


@pytest.fixture(scope="module")
def found(answers: np.ndarray) -> Items:
    return calibrate(sparse.csr_array(answers), sparse.csr_array(1 - answers), _SAYS_NOTHING, guessing=0.0)


def test_the_table_is_the_published_one(answers: np.ndarray) -> None:
    assert len(answers) == 1000 and len(PATTERNS) == 30
    assert tuple(answers.sum(axis=0).astype(int)) == RIGHT


def test_two_parameters_as_published(found: Items) -> None:
    """To a hundredth, which is a twentieth of the smallest standard error; difficulties far out, to a hundredth of their size."""
    assert found.has_converged
    np.testing.assert_allclose(found.discrimination, DISCRIMINATION, atol=0.01)
    np.testing.assert_allclose(found.difficulty, DIFFICULTY, atol=0.01, rtol=0.01)
    assert np.all(found.guessing == 0) and np.all(found.guessing_error == 0)


def test_standard_errors_as_published(found: Items) -> None:
    """Ours leave out that two items of one student are judged by one theta: they come out a little smaller."""
    ratio = found.discrimination_error / DISCRIMINATION_ERROR
    assert np.all((ratio > 0.85) & (ratio < 1.02)), ratio
