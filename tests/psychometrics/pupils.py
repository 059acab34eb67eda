"""Students and items of whom the truth is known, and what they answer: what the tests of psychometrics estimate from."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse


@dataclass(frozen=True)
class Bank:
    """Items: discrimination, difficulty, guessing."""

    a: np.ndarray
    b: np.ndarray
    c: np.ndarray


def bank(items: int, seed: int) -> Bank:
    chance = np.random.default_rng(seed)
    return Bank(np.exp(chance.normal(0.3, 0.25, items)), chance.normal(0, 1, items), chance.uniform(0.1, 0.25, items))


@dataclass(frozen=True)
class Answered:
    """A row an answer."""

    student: np.ndarray
    item: np.ndarray
    is_right: np.ndarray

    def matrices(self, students: int, items: int) -> tuple[sparse.csr_array, sparse.csr_array]:
        made = []
        for some in (self.is_right, ~self.is_right):
            where = self.student[some], self.item[some]
            made.append(sparse.csr_array((np.ones(some.sum()), where), shape=(students, items)))
            made[-1].sum_duplicates()
        return made[0], made[1]


def sat(theta: np.ndarray, items: Bank, each: int, seed: int) -> Answered:
    """Every student answers `each` different items, drawn by chance."""
    chance = np.random.default_rng(seed)
    student = np.repeat(np.arange(len(theta)), each)
    item = np.argsort(chance.random((len(theta), len(items.a))), axis=1)[:, :each].ravel()
    right = items.c[item] + (1 - items.c[item]) / (1 + np.exp(-items.a[item] * (theta[student] - items.b[item])))
    return Answered(student, item, chance.random(len(item)) < right)
