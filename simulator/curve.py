"""When in the day things happen: the diurnal curve of MegaCity, in Seoul's time.

    quantile of the day's visits (0 to 1) ─▶ milliseconds since midnight

Rates are constant within an hour. The evening plateau is 17 times the night's; both are hours wide, so that visits
that take a while do not blur them.
"""

import numpy as np

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
NIGHT_HOURS = range(2, 6)
PEAK_HOURS = range(19, 22)

# Relative rate of visits, by hour of the day.
HOURLY_RATE = np.array([5, 2, 1, 1, 1, 1, 2, 5, 8, 9, 9, 9, 10, 9, 9, 10, 12, 13, 15, 17, 17, 17, 12, 8], dtype=float)

_CUMULATED = np.concatenate([[0.0], np.cumsum(HOURLY_RATE) / HOURLY_RATE.sum()])
_HOUR_ENDS_MS = np.arange(25, dtype=float) * HOUR_MS


def moments(quantiles: np.ndarray) -> np.ndarray:
    """Milliseconds since midnight (int64, below DAY_MS) at which these shares of a day's visits have begun."""
    return np.minimum(np.interp(quantiles, _CUMULATED, _HOUR_ENDS_MS).astype(np.int64), DAY_MS - 1)
