"""Clean tables as Delta Lake: a batch is in the table once and whole, or not at all.

    rows ─▶ one Parquet file a day, named after the batch ─▶ one commit: add files, remember the batch, its counts
                                                                 │
    files(), schema(), days_changed_since() ◀── _delta_log ◀─────┘   (one process at a time commits to a table)

    replace(): the files that hold a key of the rows are written anew, without those, in one commit with the rows
    replace_days(): the files of whole days make way for others, in one commit
    forget(): the files that name people are written anew without them, in one commit

The files are written here rather than by delta-rs, at the same cost: so their names follow from the batch (a killed
attempt is overwritten by its successor), and what the log says of them is ours to decide. Texts never get statistics,
neither here nor from later rewrites, so that no pseudonym ends up in a log that outlives its row.
"""

import fcntl
import json
import math
import os
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction, create_table_with_add_actions

from lakehouse.errors import ContractError
from lakehouse.storage import delta_compaction, delta_forgetting, delta_settling
from lakehouse.storage.delta_files import batch_properties, delta_schema, measured, parquet, seen_properties, statistics
from lakehouse.storage.durable import make_folder
from lakehouse.storage.local import LocalFiles
from lakehouse.storage.protocols import Files, Forgotten, Settled
from lakehouse.storage.tiers import Tier

_PARTITION = "dt"
_MOST_ROWS = 100_000
_FORGETS = "forgets"
_SMALL_ROWS, _MOST_SMALL = 10_000, 16


class DeltaTables:
    """TableStore. `root` is a folder or gs://bucket, `files` the same place as Files; `locks` a folder of this machine."""

    def __init__(self, root: str, locks: Path, files: Files | None = None) -> None:
        self._root = root.rstrip("/")
        self._locks = locks
        self._files = files or LocalFiles(Path(root))
        self._opened: dict[str, DeltaTable] = {}

    def append(self, table: str, rows: pa.Table, batch_id: str, counts: Mapping[str, int]) -> bool:
        """`rows` must have a `dt` column of dates. Raises ContractError where a column's type is another than the
        table's, NotDurableError where the disk is full."""
        with self._alone(table):
            delta = self._open(table)
            if delta is None:
                self._create(table, rows, self._write(table, rows, batch_id), batch_properties(batch_id, counts, 0))
                return True
            if delta.transaction_version(batch_id) is not None:
                return False
            rows = self._fitted(table, delta, rows)
            # The transaction's number is the version it should get: counts() looks for the commit from there on.
            delta.create_write_transaction(
                self._write(table, rows, batch_id),
                mode="append",
                schema=delta.schema(),
                partition_by=[_PARTITION],
                commit_properties=batch_properties(batch_id, counts, delta.version() + 1),
            )
            return True

    def counts(self, table: str, batch_id: str) -> dict[str, int] | None:
        """Empty where the batch is in, but its commit is so old that the log has been tidied."""
        delta = self._open(table)
        first = None if delta is None else delta.transaction_version(batch_id)
        if first is None:
            return None
        for version in range(first, delta.version() + 1):
            for action in self._commit(table, version):
                if action.get("commitInfo", {}).get("batch_id") == batch_id:
                    return action["commitInfo"]["counts"]
        return {}

    def files(self, table: str, days: Collection[date] | None = None) -> list[str]:
        """The `dt` of a file's rows is in its path, not in the file."""
        delta = self._open(table)
        if delta is None or (days is not None and not days):
            return []
        chosen = None if days is None else [(_PARTITION, "in", sorted(d.isoformat() for d in days))]
        return sorted(delta.file_uris(file_pruning_predicate=chosen))

    def schema(self, table: str) -> pa.Schema | None:
        delta = self._open(table)
        return None if delta is None else pa.schema(delta.schema())

    def version(self, table: str) -> int:
        delta = self._open(table)
        return -1 if delta is None else delta.version()

    def days_changed_since(self, table: str, version: int) -> set[date]:
        """All days where the log has been tidied since `version`: too many are rebuilt rather than too few."""
        delta = self._open(table)
        changed: set[date] = set()
        for later in range(version + 1, 0 if delta is None else delta.version() + 1):
            actions = self._commit(table, later)
            if not actions:
                return {date.fromisoformat(p[_PARTITION]) for p in delta.partitions()}
            for action in actions:
                touched = action.get("add") or action.get("remove")
                if touched and touched["dataChange"]:  # compaction moves rows and changes none
                    changed.add(date.fromisoformat(touched["partitionValues"][_PARTITION]))
        return changed

    def count(self, table: str) -> int:
        delta = self._open(table)
        return 0 if delta is None else delta.count()

    def added_since(self, table: str, version: int) -> list[str] | None:
        delta = self._open(table)
        if delta is None:
            return []
        live, added = set(delta.file_uris()), []
        for later in range(version + 1, delta.version() + 1):
            actions = self._commit(table, later)
            if not actions:
                return None
            if any(a.get("commitInfo", {}).get(_FORGETS) for a in actions):
                continue  # rows that are left over, and none that are new
            added += [f"{self._uri(table)}/{a['add']['path']}" for a in actions if "add" in a and a["add"]["dataChange"]]
        is_there = all(uri in live or self._files.list(uri.removeprefix(f"{self._root}/")) for uri in added)
        return added if is_there else None

    def seen(self, table: str, name: str) -> int:
        delta = self._open(table)
        version = None if delta is None else delta.transaction_version(name)
        return -1 if version is None else version

    def replace(self, table: str, rows: pa.Table, key: str, seen: Mapping[str, int], version: int) -> bool:
        """Small files are written anew together with those of the keys, so that there are never many of them.
        Raises ContractError and NotDurableError as append() does."""
        with self._alone(table):
            delta = self._open(table)
            if (-1 if delta is None else delta.version()) != version:
                return False
            if delta is None:
                self._create(table, rows, self._write_plain(table, rows, 0), seen_properties(seen))
                return True
            rows = self._fitted(table, delta, rows)
            schema = pa.schema(delta.schema())
            gone, kept = self._without(table, delta, rows, key) if rows.num_rows else ([], [])
            together = pa.concat_tables([*kept, rows], promote_options="default")
            together = pa.table({f.name: together[f.name].cast(f.type) for f in schema if f.name in together.column_names})
            delta.create_write_transaction(
                [*self._write_plain(table, together, version + 1), *gone],
                mode="append",
                schema=delta.schema(),
                commit_properties=seen_properties(seen),
            )
            return True

    def replace_days(self, table: str, rows: pa.Table, days: Collection[date], seen: Mapping[str, int]) -> None:
        """`rows` must have a `dt` column of dates, all of them among `days`. Raises as append() does."""
        with self._alone(table):
            delta = self._open(table)
            if delta is None:
                self._create(table, rows, self._write(table, rows, f"{0:020d}"), seen_properties(seen))
                return
            rows = self._fitted(table, delta, rows)
            gone = self._files_of(delta, days)
            delta.create_write_transaction(
                # Named after the version they are to be part of, as in _write_plain().
                [*self._write(table, rows, f"{delta.version() + 1:020d}"), *gone],
                mode="append",
                schema=delta.schema(),
                partition_by=[_PARTITION],
                commit_properties=seen_properties(seen),
            )

    def compact(self, table: str, least_files: int, closed_before: date, keep_hours: float) -> int:
        """The files are read and written without holding anybody up; only the commit is made alone."""
        with self._upkeep(table):
            return self._compact(table, least_files, closed_before, keep_hours)

    def _compact(self, table: str, least_files: int, closed_before: date, keep_hours: float) -> int:
        delta = self._open(table)
        if delta is None:
            return 0
        merged = 0
        for day, paths in delta_compaction.chosen(delta, least_files, closed_before):
            rows = delta_compaction.read_together([f"{self._uri(table)}/{path}" for path in paths])
            path = delta_compaction.name_of(day, paths)
            data = parquet(rows)
            self._files.put(f"{table}/{path}", data)
            values = {} if day is None else {_PARTITION: day}
            with self._alone(table):
                delta = self._open(table)
                merged += delta_compaction.commit(
                    delta, AddAction(path, len(data), values, _now_ms(), False, statistics(rows)), paths, values
                )
        self._tidy(table, keep_hours)
        return merged

    def settle(self, table: str, order: Sequence[str], tiers: Sequence[Tier], today: date, keep_hours: float) -> list[Settled]:
        """The files are read and written without holding anybody up; only the commit is made alone."""
        with self._upkeep(table):
            return self._settle(table, order, tiers, today, keep_hours)

    def _settle(self, table: str, order: Sequence[str], tiers: Sequence[Tier], today: date, keep_hours: float) -> list[Settled]:
        delta = self._open(table)
        if delta is None:
            return []
        before, written = delta_settling.live_files(delta), defaultdict(set)
        for day, tier, paths in delta_settling.chosen(before, order, tiers, today):
            rows = delta_compaction.read_together([f"{self._uri(table)}/{path}" for path in paths])
            path, values = delta_settling.name_of(day, paths, order, tier), {_PARTITION: day.isoformat()}
            rows, data = delta_settling.settled(rows, order, tier, f"{table}/{path}")
            self._files.put(f"{table}/{path}", data)
            with self._alone(table):
                delta = self._open(table)
                new = AddAction(path, len(data), values, _now_ms(), False, statistics(rows))
                if delta_compaction.commit(delta, new, paths, values):
                    written[tier].add(day)
        freed = self._tidy(table, keep_hours)
        return delta_settling.figures(before, delta_settling.live_files(self._open(table)), tiers, today, written, freed)

    def forget(self, table: str, columns: Mapping[str, bool], people: Collection[str]) -> Forgotten:
        """Files are read and written without holding anybody up; only the commit is made alone. Where others added files
        meanwhile, or exchanged some, it looks again."""
        removed, chosen = Forgotten(), pa.array(sorted(people), pa.string())
        with self._upkeep(table):
            while (delta := self._open(table)) is not None and (done := self._forget_once(table, delta, columns, chosen)) is not None:
                removed += done
        return removed

    def _forget_once(self, table: str, delta: DeltaTable, columns: Mapping[str, bool], people: pa.Array) -> Forgotten | None:
        """None where no file names any of them."""
        put = lambda path, data: self._files.put(f"{table}/{path}", data)  # noqa: E731
        done, actions = delta_forgetting.written(self._uri(table), delta_settling.live_files(delta), columns, people, put)
        if not actions:
            return None
        with self._alone(table):
            delta = self._open(table)
            live_now = set(pa.table(delta.get_add_actions(flatten=True))["path"].to_pylist())
            if not {action.path for action in actions if isinstance(action, RemoveAction)} <= live_now:
                return Forgotten()
            delta.create_write_transaction(
                actions,
                mode="append",
                schema=delta.schema(),
                partition_by=[_PARTITION] if done.days else None,
                commit_properties=CommitProperties(custom_metadata={_FORGETS: True}),
            )
        return done

    def free(self, table: str) -> int:
        with self._upkeep(table):
            return 0 if self._open(table) is None else self._tidy(table, 0.0)

    # ------------------------------------------------------------------ inside

    def _tidy(self, table: str, keep_hours: float) -> int:
        """Free the files that are no part of the table any more, and the log that a checkpoint stands for; returns how many
        files that were. A table in which nothing happened since keeps every byte."""
        with self._alone(table):
            delta = self._open(table)
            freed = delta.vacuum(math.ceil(keep_hours), dry_run=False, enforce_retention_duration=False, full=True)
            delta.update_incremental()
            if self._checkpointed(table) < delta.version():
                delta.create_checkpoint()
            delta.cleanup_metadata()
            return len(freed)

    def _checkpointed(self, table: str) -> int:
        try:
            return json.loads(self._files.get(f"{table}/_delta_log/_last_checkpoint"))["version"]
        except FileNotFoundError:
            return -1

    def _without(self, table: str, delta: DeltaTable, rows: pa.Table, key: str) -> tuple[list[RemoveAction], list[pa.Table]]:
        """The files that have a key of `rows` (or are one of too many small ones), and what else they hold."""
        live = pa.table(delta.get_add_actions(flatten=True))
        sizes = dict(zip(live["path"].to_pylist(), zip(live["size_bytes"].to_pylist(), live["num_records"].to_pylist())))
        small = {path for path, (_, records) in sizes.items() if records < _SMALL_ROWS}
        gone, kept, keys = [], [], rows[key].combine_chunks()
        for path, (size, _) in sizes.items():
            where = f"{self._uri(table)}/{path}"
            known = pc.is_in(pq.read_table(where, columns=[key], partitioning=None)[key], keys)
            if pc.any(known).as_py() or (len(small) > _MOST_SMALL and path in small):
                kept.append(pq.read_table(where, partitioning=None).filter(pc.invert(known)))
                gone.append(RemoveAction(path, True, _now_ms(), size, {}))
        return gone, kept

    def _files_of(self, delta: DeltaTable, days: Collection[date]) -> list[RemoveAction]:
        live = pa.table(delta.get_add_actions(flatten=True)).select(["path", "size_bytes", f"partition.{_PARTITION}"])
        return [
            RemoveAction(path, True, _now_ms(), size, {_PARTITION: day.isoformat()})
            for path, size, day in zip(*(column.to_pylist() for column in live.columns))
            if day in days
        ]

    def _write_plain(self, table: str, rows: pa.Table, version: int) -> list[AddAction]:
        """Named after the version they are to be part of: an attempt that was killed is overwritten by its successor."""
        actions = []
        for part, start in enumerate(range(0, rows.num_rows, _MOST_ROWS)):
            some, path = rows.slice(start, _MOST_ROWS), f"{version:020d}-{part}.parquet"
            data = parquet(some)
            self._files.put(f"{table}/{path}", data)
            actions.append(AddAction(path, len(data), {}, _now_ms(), True, statistics(some)))
        return actions

    def _open(self, table: str) -> DeltaTable | None:
        delta = self._opened.get(table)
        if delta is None:
            try:
                delta = self._opened[table] = DeltaTable(self._uri(table))
            except TableNotFoundError:
                return None
        else:
            delta.update_incremental()
        return delta

    def _create(self, table: str, rows: pa.Table, files: list[AddAction], said: CommitProperties) -> None:
        create_table_with_add_actions(
            self._uri(table),
            delta_schema(rows.schema),
            files,
            partition_by=[_PARTITION] if _PARTITION in rows.column_names else [],
            configuration={"delta.dataSkippingStatsColumns": ",".join(measured(rows.schema))},
            commit_properties=said,
        )

    def _fitted(self, table: str, delta: DeltaTable, rows: pa.Table) -> pa.Table:
        """Add to the table what it lacks. A column's type never changes."""
        there = pa.schema(delta.schema())
        try:
            pa.unify_schemas([there, rows.schema])
        except pa.ArrowTypeError as error:
            # Arrow names the column and both types, never a value.
            raise ContractError(f"{table}: {error}", hint="a column keeps its type for ever; add a new one") from error
        new = [f for f in delta_schema(rows.schema).fields if f.name not in there.names]
        if new:
            delta.alter.add_columns(new)
            delta.update_incremental()
        return rows

    def _write(self, table: str, rows: pa.Table, batch_id: str) -> list[AddAction]:
        days = rows[_PARTITION]
        only = len(pc.unique(days)) == 1
        actions = []
        for day in sorted(pc.unique(days).to_pylist()):
            of_day = rows if only else rows.filter(pc.equal(days, pa.scalar(day, pa.date32())))
            path = f"{_PARTITION}={day.isoformat()}/{batch_id}.parquet"
            data = parquet(of_day.drop_columns([_PARTITION]))
            self._files.put(f"{table}/{path}", data)
            actions.append(AddAction(path, len(data), {_PARTITION: day.isoformat()}, _now_ms(), True, statistics(of_day)))
        return actions

    def _commit(self, table: str, version: int) -> list[dict]:
        """The actions of one commit; none where its file is gone."""
        try:
            text = self._files.get(f"{table}/_delta_log/{version:020d}.json")
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in text.splitlines() if line]

    def _alone(self, table: str):
        """To commit. Retries alone starve under continuous appends; whoever waits for a lock gets its turn."""
        return self._turn(table, "commit")

    def _upkeep(self, table: str):
        """To write files that are committed later: none of them may be freed meanwhile as no part of the table."""
        return self._turn(table, "upkeep")

    @contextmanager
    def _turn(self, table: str, kind: str) -> Iterator[None]:
        make_folder(self._locks)
        fd = os.open(self._locks / f"{table.replace('/', '.')}.{kind}.lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)  # and the lock with it, as when the process dies

    def _uri(self, table: str) -> str:
        return f"{self._root}/{table}"


def _now_ms() -> int:
    return int(datetime.now(UTC).timestamp() * 1000)
