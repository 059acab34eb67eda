"""How a day compares with what is normal: numbers about a table, and never a value from it.

    table ─▶ SQL ─▶ counts a day ──▶ volume_zscore
                 ├▶ counts a column ─▶ null rates, and how far they rose
                 ├▶ newest moment ───▶ freshness_minutes
                 └▶ references ──────▶ consistent shares
    markers of refinement ───────────▶ duplicate_share, complete_share

SQL counts; what the counts mean is decided in small functions without a database.
"""

import json
import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from lakehouse.business_day import end_of
from lakehouse.places import refined_dir
from lakehouse.storage.protocols import Files
from quality.datasets import Dataset, Query

HISTORY_DAYS = 14
ENOUGH_DAYS = 7  # a whole week, so that a weekend is in it


@dataclass(frozen=True)
class Measures:
    """The numbers of one dataset. None: too little is known to say.

    null_rates and null_rises are by column (shares of rows, 0 to 1); a rise is today's rate less that of the days before.
    """

    rows: int
    volume_zscore: float | None = None
    freshness_minutes: float | None = None
    duplicate_share: float | None = None
    complete_share: float | None = None
    null_rates: dict[str, float] = field(default_factory=dict)
    null_rises: dict[str, float] = field(default_factory=dict)
    consistent_shares: dict[str, float] = field(default_factory=dict)

    def values(self) -> dict[str, float | None]:
        """Every number that a check can judge, under the name that the check calls it by."""
        one = {n: getattr(self, n) for n in ("volume_zscore", "freshness_minutes", "duplicate_share", "complete_share")}
        rises = {f"null_rise__{c}": v for c, v in self.null_rises.items()}
        return one | rises | {f"consistent_share__{c}": v for c, v in self.consistent_shares.items()}


def measure(query: Query, dataset: Dataset, as_of: date, now: datetime, deliveries: "Deliveries | None" = None) -> Measures:
    """`as_of`: the business day that is judged; `deliveries`: what refinement counted, for a clean table."""
    (rows, newest_us), *_ = query(f"select count(*), {_newest(dataset, as_of)} from {dataset.relation}")
    rates, rises = _nulls(query, dataset, as_of)
    return Measures(
        rows=rows,
        volume_zscore=zscore(_counts_by_day(query, dataset, as_of), as_of) if dataset.day else None,
        freshness_minutes=freshness(newest_us, as_of, now),
        duplicate_share=deliveries.duplicate_share if deliveries else None,
        complete_share=deliveries.complete_share if deliveries else None,
        null_rates=rates,
        null_rises=rises,
        consistent_shares=_consistent_shares(query, dataset),
    )


def _newest(dataset: Dataset, as_of: date) -> str:
    if dataset.moment is None:
        return "null"
    # What came after the judged day does not make that day fresher.
    before = f"filter ({dataset.day} <= date '{as_of}')" if dataset.day else ""
    return f"epoch_us(max({dataset.moment}) {before})"


def freshness(newest_us: int | None, as_of: date, now: datetime) -> float | None:
    """Minutes from the newest moment (microseconds since 1970) to the end of `as_of`, or to now while that day lasts."""
    if newest_us is None:
        return None
    seen_from = min(now, end_of(as_of)).timestamp()
    return max(0.0, (seen_from - newest_us / 1e6) / 60)


def _counts_by_day(query: Query, dataset: Dataset, as_of: date) -> dict[date, int]:
    first = as_of - timedelta(days=HISTORY_DAYS)
    return dict(
        query(
            f"select {dataset.day} as day, count(*) from {dataset.relation} where {dataset.day} between date '{first}' and date '{as_of}' group by 1"
        )
    )


def zscore(counts: dict[date, int], as_of: date) -> float | None:
    """How many standard deviations the rows of `as_of` lie from the mean of the 14 days before.

    Days before the first row are no history; empty days after it are. Counts of independent events vary by their
    square root at least, so a history that happens to vary less is not taken at its word.
    """
    before = [d for d in counts if d < as_of]
    if not before:
        return None
    history = [counts.get(as_of - timedelta(days=n), 0) for n in range(1, (as_of - min(before)).days + 1)]
    if len(history) < ENOUGH_DAYS:
        return None
    mean = sum(history) / len(history)
    variance = sum((n - mean) ** 2 for n in history) / (len(history) - 1)
    return (counts.get(as_of, 0) - mean) / max(math.sqrt(variance), math.sqrt(mean))


def _nulls(query: Query, dataset: Dataset, as_of: date) -> tuple[dict[str, float], dict[str, float]]:
    columns = [f.name for f in dataset.fields if not f.required]
    if not columns:
        return {}, {}
    first = as_of - timedelta(days=HISTORY_DAYS)
    kind = "event_type" if dataset.contract.event_types else "''"
    today = f"{dataset.day} = date '{as_of}'" if dataset.day else "true"
    window = f"where {dataset.day} between date '{first}' and date '{as_of}'" if dataset.day else ""
    counts = ", ".join(f'count("{c}")' for c in columns)
    groups = query(f"select {kind}, {today}, count(*), {counts} from {dataset.relation} {window} group by 1, 2")
    has_history = dataset.day is not None and _days_before(query, dataset, first, as_of) >= ENOUGH_DAYS
    rates, rises = {}, {}
    for place, column in enumerate(columns, start=3):
        rate, normal = null_rates((g[0], g[1], g[2], g[place]) for g in groups)
        if rate is not None:
            rates[column] = rate
        if rate is not None and normal is not None and has_history:
            rises[column] = rate - normal
    return rates, rises


def _days_before(query: Query, dataset: Dataset, first: date, as_of: date) -> int:
    sql = f"select count(distinct {dataset.day}) from {dataset.relation} where {dataset.day} >= date '{first}' and {dataset.day} < date '{as_of}'"
    return query(sql)[0][0]


def null_rates(groups: Iterable[tuple[str, bool, int, int]]) -> tuple[float | None, float | None]:
    """Null rate of a column on the day, and the one to expect. `groups`: (event type, on the day?, rows, rows with a value).

    Most columns of a stream belong to some of its event types only. Types in which the column never has a value are
    left out, and what to expect is each type's rate in the days before at the day's own mix of types, so that more page
    views do not look like missing scores.
    """
    rows: dict[tuple[str, bool], int] = defaultdict(int)
    empty: dict[tuple[str, bool], int] = defaultdict(int)
    belongs = set()
    for kind, on_day, count, filled in groups:
        rows[kind, on_day] += count
        empty[kind, on_day] += count - filled
        if filled:
            belongs.add(kind)
    today = {kind: rows[kind, True] for kind in belongs if rows[kind, True]}
    if not today:
        return None, None
    rate = sum(empty[kind, True] for kind in today) / sum(today.values())
    if any(not rows[kind, False] for kind in today):
        return rate, None
    expected = sum(count * empty[kind, False] / rows[kind, False] for kind, count in today.items())
    return rate, expected / sum(today.values())


def _consistent_shares(query: Query, dataset: Dataset) -> dict[str, float]:
    """Of each column that refers to another table: the share of its values that are found there."""
    shares = {}
    for column, target, key in dataset.refers:
        found = f'count(*) filter ("{column}" in (select "{key}" from {target}))'
        (known, total), *_ = query(f'select {found}, count("{column}") from {dataset.relation}')
        if total:
            shares[column] = known / total
    return shares


@dataclass(frozen=True)
class Deliveries:
    """What refinement counted in the batches of a dataset that raw still holds."""

    rows: int
    valid: int
    duplicates: int
    rejected: int

    @property
    def duplicate_share(self) -> float | None:
        return self.duplicates / self.rows if self.rows else None

    @property
    def complete_share(self) -> float | None:
        return 1 - self.rejected / self.rows if self.rows else None


def deliveries(files: Files, domain: str, table: str) -> Deliveries:
    markers = [json.loads(files.get(path)) for path in files.list(refined_dir(domain, table) + "/")]
    return Deliveries(*(sum(m[name] for m in markers) for name in ("rows", "valid", "duplicates", "rejected")))
