"""One scale for all calibrations: each takes over the scale of the one before it, by the items that both have.

    theta on the older scale = slope × theta on the newer one + shift

A calibration makes its own students' ability standard normal, and other students come every month; so the same item would
seem to become easier when better students come. Slope and shift are weighted medians over the common items: as long as
most items are what they were, the few that drift move neither.
"""

from dataclasses import dataclass

import numpy as np

LEAST_COMMON = 10
"""Common items below which the scales are taken to be the same: the medians of fewer say less than the prior does."""


@dataclass(frozen=True)
class Link:
    slope: float = 1.0
    shift: float = 0.0


def link(newer: tuple[np.ndarray, np.ndarray, np.ndarray], older: tuple[np.ndarray, np.ndarray, np.ndarray]) -> Link:
    """The link of two calibrations by their common items, which stand in the same order: (discrimination, difficulty,
    error of the difficulty) of each."""
    if len(newer[0]) < LEAST_COMMON:
        return Link()
    weight = 1 / (newer[2] ** 2 + older[2] ** 2)
    slope = weighted_median(newer[0] / older[0], weight)
    return Link(slope, weighted_median(older[1] - slope * newer[1], weight))


def weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(reached, reached[-1] / 2)])
