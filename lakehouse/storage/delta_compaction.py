"""Many small files become one: which, and how it is said so that nobody takes it for a change.

    live files ─▶ chosen(): small ones of a day ─▶ read_together() ─▶ one file ─▶ commit(): dataChange = false

A reader that listed the small files before goes on reading them: they are freed only after a while (vacuum).
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.transaction import AddAction, RemoveAction

SMALL_BYTES = 8 * 1024 * 1024
_TOGETHER_BYTES = 32 * 1024 * 1024  # what is merged at once is held in memory, and takes several times as much there


def chosen(delta: DeltaTable, least_files: int, closed_before: date) -> Iterator[tuple[str | None, list[str]]]:
    """(day, paths) to merge, oldest day first; no day where the table is not partitioned."""
    live = pa.table(delta.get_add_actions(flatten=True))
    days = live["partition.dt"].to_pylist() if "partition.dt" in live.column_names else [None] * live.num_rows
    small = defaultdict(list)
    for path, size, day in zip(live["path"].to_pylist(), live["size_bytes"].to_pylist(), days):
        if size < SMALL_BYTES:
            small[day].append((path, size))
    for day in sorted(small, key=str):
        is_closed = day is not None and day < closed_before
        if len(small[day]) >= (2 if is_closed else max(2, least_files)):
            for paths in bites(sorted(small[day])):
                yield None if day is None else day.isoformat(), paths


def bites(files: Sequence[tuple[str, int]], least: int = 2) -> Iterator[list[str]]:
    """As many as are held in memory together; less than `least` is not worth it."""
    bite, weight = [], 0
    for path, size in files:
        if bite and weight + size > _TOGETHER_BYTES:
            yield bite
            bite, weight = [], 0
        bite.append(path)
        weight += size
    if len(bite) >= least:
        yield bite


def read_together(files: Sequence[str]) -> pa.Table:
    """A file from before a column existed has null for it."""
    return pa.concat_tables([pq.read_table(file, partitioning=None) for file in files], promote_options="default")


def name_of(day: str | None, paths: Sequence[str]) -> str:
    """The same files always make a file of the same name, so that a killed attempt is overwritten by its successor."""
    name = f"merged-{hashlib.sha256(chr(10).join(paths).encode()).hexdigest()[:20]}.parquet"
    return name if day is None else f"dt={day}/{name}"


def commit(delta: DeltaTable, merged: AddAction, paths: Sequence[str], partition: dict[str, str]) -> int:
    """Put the one in the place of the many; 0 where one of these is gone meanwhile (erased, or merged by somebody else)."""
    live = pa.table(delta.get_add_actions(flatten=True))
    sizes = dict(zip(live["path"].to_pylist(), live["size_bytes"].to_pylist()))
    if not set(paths) <= sizes.keys():
        return 0
    removed = [RemoveAction(path, False, merged.modification_time, sizes[path], partition) for path in paths]
    delta.create_write_transaction([merged, *removed], mode="append", schema=delta.schema(), partition_by=list(partition) or None)
    return len(paths)
