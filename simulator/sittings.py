"""Exam sittings: which items are shown, what is answered, and what the exam concludes.

    users, exams ─▶ item by item, all sittings at once ─▶ Sittings (a row a sitting, a row a response)

Answers follow the three-parameter logistic model, P(right) = c + (1 - c) / (1 + exp(-a (ability - b))), with the
ability that the user has in the item's skill. Theta is the mean of the posterior over a grid (EAP, standard normal
prior), its standard error the posterior's deviation. A placement exam is adaptive: the next item is one of the most
informative, and it ends at SE < 0.3 or after 50 items. The other types have a fixed length.
"""

from dataclasses import dataclass

import numpy as np

from simulator.city import ADAPTIVE, POOL, City

GRID = np.linspace(-4, 4, 61)
STOP_BELOW_SE = 0.3
MOST_ITEMS = POOL
ABANDONED_SHARE = 0.06
_SPACING = GRID[1] - GRID[0]
_SLOWEST_MS = 600_000
NEVER = 10_000


@dataclass
class Sittings:
    """One row a sitting (a slice's), and one a response, grouped by sitting and in order of response.

    visit        the visit it happens in          exam, user     indices
    offset_ms    of its start, since the visit's   is_finished    false where it was abandoned
    score_centi, theta_micro, error_micro          score × 100, theta and its error × 1,000,000: exact integers
    r_*          responses: sitting, index from 1, item, is_correct, time_ms, offset_ms since the visit's start
    """

    visit: np.ndarray
    exam: np.ndarray
    user: np.ndarray
    offset_ms: np.ndarray
    is_finished: np.ndarray
    length: np.ndarray
    score_centi: np.ndarray
    theta_micro: np.ndarray
    error_micro: np.ndarray
    r_sitting: np.ndarray
    r_index: np.ndarray
    r_item: np.ndarray
    r_is_correct: np.ndarray
    r_time_ms: np.ndarray
    r_offset_ms: np.ndarray

    @property
    def end_offset_ms(self) -> np.ndarray:
        """Of the end: half a second after the last response."""
        return self.offset_ms + self.time_spent_ms

    @property
    def time_spent_ms(self) -> np.ndarray:
        spent = np.bincount(self.r_sitting, weights=self.r_time_ms, minlength=len(self.visit))
        return spent.astype(np.int64) + 500

    @property
    def correct_count(self) -> np.ndarray:
        return np.bincount(self.r_sitting[self.r_is_correct], minlength=len(self.visit))


class ItemTables:
    """log P, log (1 - P), information and the exams' expected score, on the grid; worked out once a city."""

    def __init__(self, city: City) -> None:
        exams = city.exams
        p = probability(GRID[None, :], exams.a[:, None], exams.b[:, None], exams.c[:, None])
        self.log_right, self.log_wrong = np.log(p), np.log(1 - p)
        guessing = exams.c[:, None]
        self.information = (exams.a[:, None] ** 2 * ((p - guessing) / (1 - guessing)) ** 2 * (1 - p) / p).astype(np.float32)
        self.expected_score = 100 * p.reshape(exams.size, POOL, len(GRID)).mean(axis=1)


def probability(ability: np.ndarray, a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Chance of a right answer in the 3PL model."""
    return c + (1 - c) / (1 + np.exp(-a * (ability - b)))


def sit(
    city: City, tables: ItemTables, rng: np.random.Generator, visit: np.ndarray, user: np.ndarray, exam: np.ndarray, offset_ms: np.ndarray
) -> Sittings:
    """Let `user[i]` sit `exam[i]`, beginning `offset_ms[i]` into visit `visit[i]`."""
    count = len(visit)
    planned = np.where(city.exams.length[exam] == ADAPTIVE, MOST_ITEMS, city.exams.length[exam])
    is_finished = rng.random(count) >= ABANDONED_SHARE
    leaves_after = np.where(is_finished, NEVER, (rng.random(count) * planned).astype(int))
    posterior = np.tile(-0.5 * GRID**2, (count, 1))
    theta, error = np.zeros(count), np.ones(count)
    length = np.zeros(count, dtype=np.int64)
    used = np.zeros((count, POOL), dtype=bool)
    steps: list[tuple[np.ndarray, ...]] = []
    going = np.flatnonzero(leaves_after > 0)
    for step in range(MOST_ITEMS):
        if not len(going):
            break
        item = _next_item(city, tables, rng, exam[going], theta[going], used[going], step)
        used[going, item % POOL] = True
        is_right = _answer(city, rng, user[going], item)
        steps.append((going, np.full(len(going), step + 1), item, is_right, _response_time(city, rng, user[going], item)))
        posterior[going] += np.where(is_right[:, None], tables.log_right[item], tables.log_wrong[item])
        theta[going], error[going] = estimate(posterior[going])
        length[going] = step + 1
        is_adaptive = city.exams.length[exam[going]] == ADAPTIVE
        ends = (step + 1 >= planned[going]) | (is_adaptive & (error[going] < STOP_BELOW_SE)) | (step + 1 >= leaves_after[going])
        # Who was about to leave, but was stopped by the rule first, has finished.
        is_finished[going[ends & (step + 1 < leaves_after[going])]] = True
        going = going[~ends]
    place = np.interp(theta, GRID, np.arange(len(GRID)))
    low = np.minimum(place.astype(int), len(GRID) - 2)
    expected = tables.expected_score
    score = expected[exam, low] + (place - low) * (expected[exam, low + 1] - expected[exam, low])
    responses = _in_order(steps)
    return Sittings(
        visit, exam, user, offset_ms, is_finished, length,
        np.rint(score * 100).astype(np.int64), np.rint(theta * 1e6).astype(np.int64), np.rint(error * 1e6).astype(np.int64),
        *responses, _offsets(responses, offset_ms),
    )  # fmt: skip


def estimate(log_posterior: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Expected a posteriori theta and its standard error, of each row of a posterior over GRID."""
    weight = np.exp(log_posterior - log_posterior.max(axis=1, keepdims=True))
    total = weight.sum(axis=1)
    theta = (weight * GRID).sum(axis=1) / total
    variance = (weight * GRID**2).sum(axis=1) / total - theta**2
    return theta, np.sqrt(np.maximum(variance, 0))


def _next_item(
    city: City, tables: ItemTables, rng: np.random.Generator, exam: np.ndarray, theta: np.ndarray, used: np.ndarray, step: int
) -> np.ndarray:
    """Adaptive: nearly the most informative item not used yet (a little chance keeps items from being worn out).
    Fixed: the pool in its order, which starts anew at every exam."""
    first = exam * POOL
    item = first + step % POOL
    adaptive = np.flatnonzero(city.exams.length[exam] == ADAPTIVE)
    if len(adaptive):
        nearest = np.rint((theta[adaptive] - GRID[0]) / _SPACING).astype(int)
        pool = first[adaptive, None] + np.arange(POOL)
        information = tables.information[pool, nearest[:, None]] * (1 + 0.3 * rng.random(pool.shape, dtype=np.float32))
        information[used[adaptive]] = -1
        item[adaptive] = first[adaptive] + information.argmax(axis=1)
    return item


def _answer(city: City, rng: np.random.Generator, user: np.ndarray, item: np.ndarray) -> np.ndarray:
    exams = city.exams
    ability = city.people.ability[user, exams.item_skill[item]]
    return rng.random(len(item)) < probability(ability, exams.a[item], exams.b[item], exams.c[item])


def _response_time(city: City, rng: np.random.Generator, user: np.ndarray, item: np.ndarray) -> np.ndarray:
    """Hard items take longer: lognormal around 15 s, in milliseconds."""
    gap = np.clip(city.exams.b[item] - city.people.ability[user, city.exams.item_skill[item]], -2, 2)
    return np.clip(np.exp(rng.normal(9.6 + 0.15 * gap, 0.55)), 900, _SLOWEST_MS).astype(np.int64)


def _in_order(steps: list[tuple[np.ndarray, ...]]) -> list[np.ndarray]:
    if not steps:
        return [np.zeros(0, dtype=kind) for kind in (np.int64, np.int64, np.int64, bool, np.int64)]
    columns = [np.concatenate(column) for column in zip(*steps)]
    order = np.lexsort((columns[1], columns[0]))
    return [column[order] for column in columns]


def _offsets(responses: list[np.ndarray], start_ms: np.ndarray) -> np.ndarray:
    """When each response is given: the sitting's start and all times up to it."""
    sitting, index, _, _, time_ms = responses
    until = np.cumsum(time_ms)
    first = np.flatnonzero(index == 1)
    before = np.zeros(len(start_ms), dtype=np.int64)
    before[sitting[first]] = until[first] - time_ms[first]
    return until - before[sitting] + start_ms[sitting]
