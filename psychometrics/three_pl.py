"""The three-parameter logistic model: marginal maximum likelihood for items, expected a posteriori for abilities.

    P(right | theta) = c + (1 - c) / (1 + exp(-a (theta - b)))

    right, wrong (students × items, sparse) ─▶ EM ─▶ a, b, c ─▶ posterior of theta ─▶ mean (EAP), standard deviation

theta is standard normal in the population that was calibrated, which fixes its scale; a is in logits (no constant of
1.7). Everything is added up over a grid of thetas, a part of the students at a time: no table of students × items is made.

Sources: Bock and Aitkin (1981), Psychometrika 46, for the EM; Mislevy (1986), Psychometrika 51, for the priors that keep
items with few answers in bounds; Varadhan and Roland (2008), Scandinavian Journal of Statistics 35, for the leaps that
make EM quick; Bock and Mislevy (1982), Applied Psychological Measurement 6, for EAP.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.special import expit, logit

from psychometrics.answer_information import Slopes, marginal_information

GRID = np.linspace(-4.5, 4.5, 61)
"""The thetas that integrals are taken over; 0.15 apart, half of the smallest standard error that months of answers give."""
_WEIGHT = np.exp(-(GRID**2) / 2)
_WEIGHT /= _WEIGHT.sum()
_AT_ONCE = 50_000  # students whose posteriors are in memory together: 24 MB
_MOST_ROUNDS = 200
_TOLERANCE = 1e-4  # of log a, b and logit c: far below any standard error
_LONGEST_STEP = 0.5


@dataclass(frozen=True)
class Prior:
    """Normal priors of (log a, b, logit c): means and standard deviations."""

    mean: tuple[float, float, float] = (float(np.log(1.2)), 0.0, float(logit(0.17)))
    sd: tuple[float, float, float] = (0.5, 2.0, 0.6)


@dataclass(frozen=True)
class Items:
    """Columns of one calibration, a row an item.

    `*_error`: standard errors, which allow for thetas not being known: where the truth is. difficulty_deviation: how far
    the estimate would lie from that of as many other answers. It is less, since the prior pulls both the same way.
    """

    discrimination: np.ndarray
    difficulty: np.ndarray
    guessing: np.ndarray
    discrimination_error: np.ndarray
    difficulty_error: np.ndarray
    guessing_error: np.ndarray
    difficulty_deviation: np.ndarray
    rounds: int
    has_converged: bool

    @property
    def parameters(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.discrimination, self.difficulty, self.guessing


@dataclass(frozen=True)
class Abilities:
    """Columns, a row a student: the mean of theta's posterior, and its standard deviation."""

    theta: np.ndarray
    standard_error: np.ndarray


def chances(a: np.ndarray, b: np.ndarray, c: np.ndarray, theta: np.ndarray = GRID) -> np.ndarray:
    """The chance of a right answer, items × thetas."""
    chance = c[:, None] + (1 - c[:, None]) * expit(a[:, None] * (theta[None, :] - b[:, None]))
    # Off the ends of what a float can tell from 0 and 1, no answer is a surprise without bounds.
    return np.clip(chance, 1e-12, 1 - 1e-12)


def calibrate(right: sparse.csr_array, wrong: sparse.csr_array, prior: Prior = Prior(), guessing: float | None = None) -> Items:
    """Item parameters from counts of right and wrong answers, students × items; the same bytes for the same counts.

    `guessing`: c of every item where it is not to be estimated (0: the two-parameter model).
    Raises ValueError where an item was never answered: nothing is known of it.
    """
    answered = np.asarray(right.sum(axis=0) + wrong.sum(axis=0)).ravel()
    if not answered.all():
        raise ValueError(f"{int((answered == 0).sum())} of {len(answered)} items have no answer")
    return _Calibration(right, wrong, prior, guessing).run()


def abilities(right: sparse.csr_array, wrong: sparse.csr_array, a: np.ndarray, b: np.ndarray, c: np.ndarray) -> Abilities:
    """EAP of every student's theta, given the items. A student without an answer has the population's: 0, 1."""
    theta, variance = np.zeros(right.shape[0]), np.ones(right.shape[0])
    for rows, some_right, some_wrong in _parts(right, wrong):
        posterior, _ = _posterior(some_right, some_wrong, chances(a, b, c))
        theta[rows] = posterior @ GRID
        variance[rows] = posterior @ GRID**2 - theta[rows] ** 2
    return Abilities(theta, np.sqrt(np.maximum(variance, 0)))


def information(a: np.ndarray, b: np.ndarray, c: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """Fisher information of each item about theta, items × thetas; what an adaptive test chooses its next item by.

    a² (1 - P) / P ((P - c) / (1 - c))²: Lord (1980), Applications of Item Response Theory, equation 5-9.
    """
    chance = chances(a, b, c, theta)
    return a[:, None] ** 2 * (1 - chance) / chance * ((chance - c[:, None]) / (1 - c[:, None])) ** 2


def _parts(right: sparse.csr_array, wrong: sparse.csr_array) -> Iterator[tuple[slice, sparse.csr_array, sparse.csr_array]]:
    """The students, some at a time, in a fixed order: sums come out the same."""
    for start in range(0, right.shape[0], _AT_ONCE):
        rows = slice(start, min(start + _AT_ONCE, right.shape[0]))
        yield rows, right[rows], wrong[rows]


def _posterior(right: sparse.csr_array, wrong: sparse.csr_array, chance: np.ndarray) -> tuple[np.ndarray, float]:
    """Students × thetas, every row of which sums to 1; and the log likelihood of their answers."""
    likelihood = right @ np.log(chance) + wrong @ np.log1p(-chance) + np.log(_WEIGHT)
    highest = likelihood.max(axis=1, keepdims=True)
    np.exp(likelihood - highest, out=likelihood)
    total = likelihood.sum(axis=1, keepdims=True)
    return likelihood / total, float(highest.sum() + np.log(total).sum())


class _Calibration:
    """EM on (log a, b, logit c), items × 3. A round is two plain steps and a leap in their direction (SQUAREM)."""

    def __init__(self, right: sparse.csr_array, wrong: sparse.csr_array, prior: Prior, guessing: float | None) -> None:
        self._right, self._wrong, self._fixed = right, wrong, guessing
        self._mean, self._precision = np.array(prior.mean), np.array(prior.sd) ** -2.0

    def run(self) -> Items:
        values = self._start()
        rounds, has_converged = 0, False
        while not has_converged and rounds < _MOST_ROUNDS:
            rounds += 1
            once, _ = self._step(values)
            twice, before = self._step(once)
            first, second = once - values, twice - once
            has_converged = bool(np.abs(second).max() < _TOLERANCE)
            bend = second - first
            leap = max(1.0, float(np.linalg.norm(first) / max(np.linalg.norm(bend), 1e-12)))
            far = values + 2 * leap * first + leap**2 * bend
            landed, there = self._step(far)
            # Two plain steps never make it worse; a leap may.
            values = landed if there >= before else twice
        return self._items(values, rounds, has_converged)

    def _start(self) -> np.ndarray:
        right, wrong = (np.asarray(m.sum(axis=0)).ravel() for m in (self._right, self._wrong))
        values = np.tile(self._mean, (len(right), 1))
        _, _, c = self._natural(values)
        share = (right + 0.5) / (right + wrong + 1)
        values[:, 1] = np.clip(-logit(np.clip((share - c) / (1 - c), 0.02, 0.98)), -3, 3)
        return values

    def _step(self, values: np.ndarray) -> tuple[np.ndarray, float]:
        """One EM step, and how likely `values` made the answers, priors included."""
        slopes = self._slopes(values)
        right_at, wrong_at = np.zeros_like(slopes.chance), np.zeros_like(slopes.chance)
        said = -float(((values - self._mean) ** 2 * self._precision).sum()) / 2
        for _, right, wrong in _parts(self._right, self._wrong):
            posterior, likelihood = _posterior(right, wrong, slopes.chance)
            right_at += right.T @ posterior
            wrong_at += wrong.T @ posterior
            said += likelihood
        all_at, spread = right_at + wrong_at, slopes.chance * (1 - slopes.chance)
        score = np.einsum("iq,ijq->ij", (right_at - all_at * slopes.chance) / spread, slopes.gradients)
        score -= (values - self._mean) * self._precision
        found = np.einsum("iq,ijq,ikq->ijk", all_at / spread, slopes.gradients, slopes.gradients) + np.diag(self._precision)
        moved = np.linalg.solve(found, score[:, :, None])[:, :, 0]
        return values + np.clip(moved, -_LONGEST_STEP, _LONGEST_STEP), said

    def _slopes(self, values: np.ndarray) -> Slopes:
        """Chances on the grid, and how they change with log a, b and logit c."""
        a, b, c = self._natural(values)
        gap = GRID[None, :] - b[:, None]
        logistic = expit(a[:, None] * gap)
        slope = (1 - c[:, None]) * logistic * (1 - logistic) * a[:, None]
        by_c = (c * (1 - c))[:, None] * (1 - logistic) * (self._fixed is None)
        return Slopes(chances(a, b, c), np.stack([slope * gap, -slope, by_c], axis=1))

    def _natural(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        c = expit(values[:, 2]) if self._fixed is None else np.full(len(values), float(self._fixed))
        return np.exp(values[:, 0]), values[:, 1], c

    def _items(self, values: np.ndarray, rounds: int, has_converged: bool) -> Items:
        slopes = self._slopes(values)
        found = np.zeros((len(values), 3, 3))
        for _, right, wrong in _parts(self._right, self._wrong):
            posterior, _ = _posterior(right, wrong, slopes.chance)
            found += marginal_information(right, posterior, slopes, is_right=True)
            found += marginal_information(wrong, posterior, slopes, is_right=False)
        spread = np.linalg.inv(found + np.diag(self._precision))
        errors = np.sqrt(np.diagonal(spread, axis1=1, axis2=2))
        deviation = np.sqrt((spread @ found @ spread)[:, 1, 1])
        a, b, c = self._natural(values)
        c_error = c * (1 - c) * errors[:, 2] if self._fixed is None else np.zeros(len(c))
        # By the delta method: da = a d(log a), dc = c (1 - c) d(logit c).
        return Items(a, b, c, a * errors[:, 0], errors[:, 1], c_error, deviation, rounds, has_converged)
