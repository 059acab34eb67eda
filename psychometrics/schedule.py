"""Which days are calibration days, and what each day's result is worked out from.

    days ─▶ plan() ─▶ Planned: day, the calibration that it uses, digests of all that its results depend on

It follows from the answers alone, not from when `lakehouse calibrate` was run: a lake that was calibrated day by day and
one that is calibrated at once have the same tables. A digest that is the one kept with a day says: nothing to do.
"""

import hashlib
from dataclasses import dataclass
from datetime import date, timedelta

from psychometrics import CALIBRATE_EVERY_DAYS, GROWTH, NEW_ITEM_SHARE, WINDOW_DAYS
from psychometrics.responses import Day

_METHOD = 1
"""Grows with every change of what is worked out from the same answers, so that everything is worked out anew."""


@dataclass(frozen=True)
class Planned:
    """A day. `uses`: the calibration day whose items its abilities are estimated with: itself, or one before.

    linked_to      the calibration whose scale this day's takes over; None for the first, and for a day without one
    compared_with  the newest calibration that shares no answer with this day's
    """

    on: date
    uses: date
    linked_to: date | None
    compared_with: date | None
    calibration_digest: int
    abilities_digest: int

    @property
    def is_calibrated(self) -> bool:
        return self.uses == self.on


def plan(days: list[Day]) -> list[Planned]:
    """One a day, in order."""
    planned: list[Planned] = []
    digests: dict[date, int] = {}
    known: set[str] = set()  # items that have parameters, and from how many answers they came
    known_from = 0
    for place, day in enumerate(days):
        window = [d for d in days[max(0, place - WINDOW_DAYS + 1) : place + 1] if d.on > day.on - timedelta(days=WINDOW_DAYS)]
        answers = "|".join(f"{d.on.isoformat()}:{d.fingerprint}" for d in window)
        last = max(digests, default=None)
        linked = compared = None
        total = sum(sum(d.answers.values()) for d in window)
        if last is None or total >= GROWTH * known_from or _is_due(day, last, known):
            linked, compared = last, max((c for c in digests if c <= day.on - timedelta(days=WINDOW_DAYS)), default=None)
            digests[day.on] = _digest("items", answers, *(str(c and digests[c]) for c in (linked, compared)))
            known, known_from = {item for d in window for item in d.answers}, total
        uses = max(digests)
        planned.append(Planned(day.on, uses, linked, compared, digests[uses], _digest("abilities", answers, str(digests[uses]))))
    return planned


def _is_due(day: Day, last: date, known: set[str]) -> bool:
    unknown = sum(count for item, count in day.answers.items() if item not in known)
    return day.on - last >= timedelta(days=CALIBRATE_EVERY_DAYS) or unknown > NEW_ITEM_SHARE * sum(day.answers.values())


def _digest(*parts: str) -> int:
    """63 bits, which is what the log of a Delta table keeps under a name."""
    return int.from_bytes(hashlib.sha256("\n".join((str(_METHOD), *parts)).encode()).digest()[:8], "big") >> 1
