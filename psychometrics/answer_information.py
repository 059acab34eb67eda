"""What an answer tells of its item, by one whose theta is known only from the other answers.

    posterior of theta ─▶ less this answer ─▶ chance of a right one, and its slope in (log a, b, logit c) ─▶ information

If thetas were known, an answer would tell more: EM's own information leaves that out, and its standard errors would be
too small, by a fifth for an exam of twenty items. Here theta is integrated out answer by answer, as in the marginal
likelihood; only that two items of one student are judged by the same theta is left out.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

_AT_ONCE = 100_000  # answers whose posteriors are in memory together


@dataclass(frozen=True)
class Slopes:
    """chance: items × thetas. gradients: items × 3 × thetas, by log a, b and logit c."""

    chance: np.ndarray
    gradients: np.ndarray


def marginal_information(counts: sparse.csr_array, posterior: np.ndarray, slopes: Slopes, is_right: bool) -> np.ndarray:
    """Expected information of these answers about each item, items × 3 × 3. `counts`: answers, students × items."""
    found = np.zeros((slopes.chance.shape[0], 3, 3))
    answers = sparse.coo_array(counts)
    for start in range(0, answers.nnz, _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        student, item, times = answers.coords[0][some], answers.coords[1][some], answers.data[some]
        chance = slopes.chance[item]
        without = posterior[student] / (chance if is_right else 1 - chance)
        without /= without.sum(axis=1, keepdims=True)
        expected = np.einsum("nq,nq->n", without, chance)
        slope = np.stack([np.einsum("nq,nq->n", without, slopes.gradients[item, j]) for j in range(3)], axis=1)
        weight = times / (expected * (1 - expected))
        for j in range(3):
            for k in range(3):
                found[:, j, k] += np.bincount(item, weights=weight * slope[:, j] * slope[:, k], minlength=len(found))
    return found
