"""Planning a replay, purely: which raw batches, in which order, and what became of each dead letter.

    commits, markers ─▶ chosen ─▶ in the order of the first time ─▶ ranks ─▶ of copies, the one that won then wins again
    letter, its rows ─▶ fate: replayed | duplicate | forgotten | still_failing

Nothing here reads a file, a key or a clock.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from beam_pipelines import letters, steps
from beam_pipelines.sources import RawBatch
from lakehouse.verdicts import Rejection

COUNTS = ("records", "replayed", "duplicates", "still_failing", "forgotten", "expired", "waiting")
_END = date.max


@dataclass(frozen=True)
class Window:
    """Of times of arrival: from `since` on, and before `until`."""

    since: datetime | None = None
    until: datetime | None = None

    def touches(self, day: date) -> bool:
        """Whether a file of this day (UTC) may hold rows of the window."""
        start = datetime.combine(day, time.min, UTC)
        return (self.until is None or start < self.until) and (self.since is None or start + timedelta(days=1) > self.since)

    def rows(self, received_at: pa.ChunkedArray) -> np.ndarray:
        inside = np.ones(len(received_at), bool)
        if self.since is not None:
            inside &= pc.greater_equal(received_at, pa.scalar(self.since, received_at.type)).to_numpy()
        if self.until is not None:
            inside &= pc.less(received_at, pa.scalar(self.until, received_at.type)).to_numpy()
        return inside


@dataclass
class Tally:
    """What became of the records of one contract."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))

    def add(self, **more: int) -> None:
        for name, number in more.items():
            self.counts[name] += number


def chosen(batches: Sequence[RawBatch], window: Window) -> list[RawBatch]:
    """Those with files of the window's days, less their other files."""
    cut = [replace(b, files=tuple(f for f in b.files if window.touches(day_of(f["path"])))) for b in batches]
    return [b for b in cut if b.files]


def day_of(path: str) -> date:
    """The day of arrival, from the path of a raw file."""
    return next(date.fromisoformat(part.removeprefix("dt=")) for part in path.split("/") if part.startswith("dt="))


def in_their_order(batches: Sequence[RawBatch], refined_at: Mapping[str, str]) -> tuple[list[RawBatch], dict[str, int]]:
    """As refine took them, and the rank of each; those that were refined together share one. What was never refined, or before
    its moment was noted, goes by arrival."""
    key = lambda b: (refined_at.get(b.batch_id, ""), "" if refined_at.get(b.batch_id) else b.first_received_at)  # noqa: E731
    ordered = sorted(batches, key=lambda b: (*key(b), b.first_received_at, b.batch_id))
    ranks = {moment: rank for rank, moment in enumerate(dict.fromkeys(map(key, ordered)))}
    return ordered, {b.batch_id: ranks[key(b)] for b in ordered}


def first_of_each(valid: pa.Table, ranks: np.ndarray, known: Mapping[int, Collection[str]]) -> np.ndarray:
    """As steps.first_of_each, where the group that was refined first counts before the time of arrival."""
    order = np.lexsort((np.arange(len(ranks)), valid["received_at"].cast(pa.int64()).to_numpy(), ranks))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    return steps.first_of_each(valid.set_column(valid.schema.get_field_index("received_at"), "received_at", pa.array(place)), known)


@dataclass(frozen=True)
class Fate:
    """What became of a dead letter."""

    state: str
    verdict: Rejection | None = None


def fate(rejected: Sequence[Rejection], kept: int, dropped: int) -> Fate:
    """Of a letter whose records were `rejected`, `kept` or `dropped` as there already; a message may hold several. While one of
    them fails the letter stays open: the others are in clean, and will be duplicates then."""
    if rejected:
        return Fate(letters.STILL_FAILING, rejected[0])
    if kept:
        return Fate(letters.REPLAYED)
    return Fate(letters.DUPLICATE if dropped else letters.FORGOTTEN)
