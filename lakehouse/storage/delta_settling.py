"""A closed day is written once more, for its readers: few files, sorted by what is asked for, as small as its age deserves.

    live files ─▶ chosen(): days with a file that is not settled ─▶ settled(): sorted, compressed, read back, compared
                                                                     └▶ delta_compaction.commit(): dataChange = false

A settled file says so in its name: what it is sorted by (a digest) and its tier. So a day is written again only when rows
came late, when it grew old enough for the next tier, or when the contract's order changed. Written here rather than by
delta-rs's own optimize and z-order, as everything in clean is (delta.py): names that follow from what is merged, so that a
killed attempt leaves nothing behind, and rows that are compared before the old ones go.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable

from lakehouse.errors import CorruptError
from lakehouse.storage.delta_compaction import SMALL_BYTES, bites
from lakehouse.storage.delta_files import parquet
from lakehouse.storage.protocols import Settled
from lakehouse.storage.tiers import Tier, tier_of


@dataclass(frozen=True, slots=True)
class Live:
    """A live file as the log knows it. `day` is None in a table that is not partitioned."""

    path: str
    size: int
    rows: int
    day: date | None


def live_files(delta: DeltaTable) -> list[Live]:
    actions = pa.table(delta.get_add_actions(flatten=True))
    days = actions["partition.dt"].to_pylist() if "partition.dt" in actions.column_names else [None] * actions.num_rows
    return [Live(*one) for one in zip(*(actions[name].to_pylist() for name in ("path", "size_bytes", "num_records")), days)]


def chosen(files: Sequence[Live], order: Sequence[str], tiers: Sequence[Tier], today: date) -> Iterator[tuple[date, Tier, list[str]]]:
    """(day, its tier, paths to write anew together), oldest day first. A large file that is settled stays as it is."""
    days = defaultdict(list)
    for file in files:
        if file.day is not None and file.day < today:
            days[file.day].append(file)
    for day in sorted(days):
        tier = tier_of(day, today, tiers)
        open_ones = {file.path for file in days[day] if not _is_settled(file.path, order, tier)}
        if open_ones:
            wanted = [(f.path, f.size) for f in days[day] if f.path in open_ones or f.size < SMALL_BYTES]
            for paths in bites(sorted(wanted), least=1):
                yield day, tier, paths


def name_of(day: date, paths: Sequence[str], order: Sequence[str], tier: Tier) -> str:
    """The same files always make a file of the same name, so that a killed attempt is overwritten by its successor."""
    return f"dt={day.isoformat()}/{_mark(order)}{_digest(*paths)[:20]}{tier.suffix}"


def settled(rows: pa.Table, order: Sequence[str], tier: Tier, where: str) -> tuple[pa.Table, bytes]:
    """The rows sorted, and the Parquet of them. Raises CorruptError where they do not hold what was read."""
    known = [name for name in (*order, "event_key") if name in rows.column_names]
    ordered = rows.sort_by([(name, "ascending") for name in known]) if known else rows
    data = parquet(ordered, tier.zstd_level)
    if fingerprint(rows) != fingerprint(pq.read_table(pa.BufferReader(data))):
        raise CorruptError(f"{where}: rows written anew are not the rows read", hint="nothing was changed; report it as a defect")
    return ordered, data


def fingerprint(rows: pa.Table) -> tuple[int, int]:
    """How many rows, and a hash of them that does not depend on their order."""
    columns = ", ".join(f'"{name}"' for name in rows.column_names)
    with _engine().cursor() as db:
        db.register("given", rows)
        count, total = db.execute(f"select count(*), coalesce(sum(hash({columns})::hugeint), 0) from given").fetchone()
    return count, int(total)


@lru_cache(maxsize=1)
def _engine() -> duckdb.DuckDBPyConnection:
    """One a process: to open one costs more than to hash a small file."""
    return duckdb.connect()


def figures(
    before: Sequence[Live], after: Sequence[Live], tiers: Sequence[Tier], today: date, written: Mapping[Tier, set[date]], freed: int
) -> list[Settled]:
    """What a table was and is, tier by tier; rows that came meanwhile are in what it is."""
    found = []
    for tier in tiers:
        was, now = ([f for f in files if tier_of(f.day, today, tiers) == tier] for files in (before, after))
        if was or now:
            pairs = [
                (len(was), len(now)),
                *((sum(getattr(f, of) for f in was), sum(getattr(f, of) for f in now)) for of in ("size", "rows")),
            ]
            found.append(Settled(tier.name, len(written.get(tier, ())), *(n for pair in pairs for n in pair), freed))
            freed = 0  # said once a table
    return found


def _is_settled(path: str, order: Sequence[str], tier: Tier) -> bool:
    return path.rsplit("/", 1)[-1].startswith(_mark(order)) and path.endswith(tier.suffix)


def _mark(order: Sequence[str]) -> str:
    return f"settled-{_digest(*order)[:6]}-"


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
