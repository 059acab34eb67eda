"""What it costs to calibrate items, and to estimate abilities, from sparse answers (`python -m bench.psychometrics`).

20,000 students × 1,000 items, 15 answers each ─▶ calibrate, abilities      CPU seconds of this process
yardstick: all answers, students × items, times a dense table of items × thetas, as often as EM steps over them
"""

import time
from collections.abc import Callable

import numpy as np
from scipy import sparse

from bench import Row
from psychometrics.three_pl import GRID, Items, abilities, calibrate, chances

STUDENTS, ITEMS, EACH = 20_000, 1_000, 15
_STEPS_A_ROUND = 3


def rows() -> list[Row]:
    right, wrong = _answers()
    found, calibrate_s = _timed(lambda: calibrate(right, wrong))
    _, abilities_s = _timed(lambda: abilities(right, wrong, *found.parameters))
    steps = _STEPS_A_ROUND * found.rounds
    bare_s = _bare(right + wrong, found, steps)
    answers = STUDENTS * EACH
    note = f"{answers:,} answers to {ITEMS:,} items in {calibrate_s:.1f} s and {steps} steps; bare products {bare_s:.1f} s"
    return [
        Row("answers calibrated, over answers of as many bare sparse products", bare_s / calibrate_s, 0.1, note=note),
        Row("answers calibrated", answers / calibrate_s / 1e3, unit="k answers/s", note=f"{found.rounds} rounds until it stood still"),
        Row("abilities estimated", STUDENTS / abilities_s / 1e3, unit="k students/s", note=f"{abilities_s:.2f} s"),
    ]


def _answers() -> tuple[sparse.csr_array, sparse.csr_array]:
    chance = np.random.default_rng(1)
    theta, a, b = chance.normal(size=STUDENTS), np.exp(chance.normal(0.3, 0.3, ITEMS)), chance.normal(0, 1, ITEMS)
    c = chance.uniform(0.1, 0.25, ITEMS)
    student, item = np.repeat(np.arange(STUDENTS), EACH), chance.integers(0, ITEMS, STUDENTS * EACH)
    is_right = chance.random(len(item)) < c[item] + (1 - c[item]) / (1 + np.exp(-a[item] * (theta[student] - b[item])))
    made = []
    for some in (is_right, ~is_right):
        made.append(sparse.csr_array((np.ones(some.sum()), (student[some], item[some])), shape=(STUDENTS, ITEMS)))
        made[-1].sum_duplicates()
    return made[0], made[1]


def _bare(answers: sparse.csr_array, found: Items, steps: int) -> float:
    table = np.ascontiguousarray(chances(*found.parameters, theta=GRID))
    return _timed(lambda: [answers @ table for _ in range(steps)])[1]


def _timed(work: Callable[[], object]) -> tuple:
    began = time.process_time()
    return work(), time.process_time() - began
