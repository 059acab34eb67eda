"""The simulated days, as business days and as milliseconds since 1970.

dates ─▶ starts_ms ─▶ day_of(milliseconds) ─▶ number of the day, from 0
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np

from lakehouse.business_day import end_of, last_complete_day
from lakehouse.errors import BadInputError
from simulator.curve import DAY_MS

DEFAULT_END_ON = date(2025, 11, 23)
DEFAULT_DAYS = 7
MAX_DAYS = 62  # a user's active days are bits of one 64-bit number


@dataclass(frozen=True)
class Calendar:
    """`days` business days, the last of them `end_on`. Seoul has no daylight saving: every day has 24 hours."""

    end_on: date = DEFAULT_END_ON
    days: int = DEFAULT_DAYS

    def __post_init__(self) -> None:
        if not 1 <= self.days <= MAX_DAYS:
            raise BadInputError(f"{self.days} days cannot be simulated", hint=f"--days takes 1 to {MAX_DAYS}")
        yesterday = last_complete_day(datetime.now(UTC))
        if self.end_on > yesterday:
            raise BadInputError(
                f"{self.end_on} is not over yet: the door would refuse its events as in_the_future", hint=f"--end-on {yesterday} or earlier"
            )

    @property
    def dates(self) -> list[date]:
        return [self.end_on - timedelta(days=self.days - 1 - n) for n in range(self.days)]

    @property
    def first_ms(self) -> int:
        return milliseconds(end_of(self.dates[0] - timedelta(days=1)))

    @property
    def end_ms(self) -> int:
        """The first millisecond after the last day."""
        return self.first_ms + self.days * DAY_MS

    def day_of(self, times_ms: np.ndarray) -> np.ndarray:
        """Number of the simulated day of each time. All times must lie within the simulated days."""
        return (times_ms - self.first_ms) // DAY_MS


def milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def texts(times_ms: np.ndarray) -> list[str]:
    """Milliseconds → ISO 8601 with offset."""
    return np.char.add(np.datetime_as_string(times_ms.astype("datetime64[ms]"), unit="ms"), "Z").tolist()
