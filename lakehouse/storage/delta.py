"""Clean tables as Delta Lake: a batch is in the table once and whole, or not at all.

    rows ─▶ one Parquet file a day, named after the batch ─▶ one commit: add files, remember the batch, its counts
                                                                 │
    files(), schema(), days_changed_since() ◀── _delta_log ◀─────┘   (one process at a time commits to a table)

The files are written here rather than by delta-rs, at the same cost: so their names follow from the batch (a killed
attempt is overwritten by its successor), and what the log says of them is ours to decide. Texts never get statistics,
neither here nor from later rewrites, so that no pseudonym ends up in a log that outlives its row.
"""

import fcntl
import json
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, Field, Schema, Transaction
from deltalake.exceptions import TableNotFoundError
from deltalake.transaction import AddAction, create_table_with_add_actions

from lakehouse.errors import ContractError
from lakehouse.storage.durable import make_folder
from lakehouse.storage.local import LocalFiles
from lakehouse.storage.protocols import Files

_PARTITION = "dt"
_EPOCH = datetime(1970, 1, 1)


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
                self._create(table, rows, batch_id, counts)
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
                commit_properties=_properties(batch_id, counts, delta.version() + 1),
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

    # ------------------------------------------------------------------ inside

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

    def _create(self, table: str, rows: pa.Table, batch_id: str, counts: Mapping[str, int]) -> None:
        create_table_with_add_actions(
            self._uri(table),
            _delta_schema(rows.schema),
            self._write(table, rows, batch_id),
            partition_by=[_PARTITION],
            configuration={"delta.dataSkippingStatsColumns": ",".join(_measured(rows.schema))},
            commit_properties=_properties(batch_id, counts, 0),
        )

    def _fitted(self, table: str, delta: DeltaTable, rows: pa.Table) -> pa.Table:
        """Add to the table what it lacks. A column's type never changes."""
        there = pa.schema(delta.schema())
        try:
            pa.unify_schemas([there, rows.schema])
        except pa.ArrowTypeError as error:
            # Arrow names the column and both types, never a value.
            raise ContractError(f"{table}: {error}", hint="a column keeps its type for ever; add a new one") from error
        new = [f for f in _delta_schema(rows.schema).fields if f.name not in there.names]
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
            data = _parquet(of_day.drop_columns([_PARTITION]))
            self._files.put(f"{table}/{path}", data)
            modified = int(datetime.now(UTC).timestamp() * 1000)
            actions.append(AddAction(path, len(data), {_PARTITION: day.isoformat()}, modified, True, _statistics(of_day)))
        return actions

    def _commit(self, table: str, version: int) -> list[dict]:
        """The actions of one commit; none where its file is gone."""
        try:
            text = self._files.get(f"{table}/_delta_log/{version:020d}.json")
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in text.splitlines() if line]

    @contextmanager
    def _alone(self, table: str) -> Iterator[None]:
        """Retries alone starve under continuous appends; whoever waits for a lock gets its turn."""
        make_folder(self._locks)
        fd = os.open(self._locks / f"{table.replace('/', '.')}.commit.lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)  # and the lock with it, as when the process dies

    def _uri(self, table: str) -> str:
        return f"{self._root}/{table}"


def _parquet(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink, compression="zstd")
    return sink.getvalue().to_pybytes()


def _properties(batch_id: str, counts: Mapping[str, int], version: int) -> CommitProperties:
    return CommitProperties(
        custom_metadata={"batch_id": batch_id, "counts": dict(counts)}, app_transactions=[Transaction(batch_id, version)]
    )


def _delta_schema(schema: pa.Schema) -> Schema:
    """Every column may be null: a contract may stop requiring a field, and Delta could not follow."""
    return Schema([Field.from_arrow(f.with_nullable(True)) for f in schema])


def _measured(schema: pa.Schema) -> list[str]:
    """The columns that get minimum and maximum: times, by which readers skip files, and nothing that could name a person."""
    return [f.name for f in schema if pa.types.is_timestamp(f.type)]


def _statistics(rows: pa.Table) -> str:
    known = {name: b for name in _measured(rows.schema) if (b := _bounds(rows[name])) is not None}
    return json.dumps(
        {
            "numRecords": rows.num_rows,
            "minValues": {name: low for name, (low, _) in known.items()},
            "maxValues": {name: high for name, (_, high) in known.items()},
            "nullCount": {name: rows[name].null_count for name in known},
        }
    )


def _bounds(times: pa.ChunkedArray) -> tuple[str, str] | None:
    """The log keeps milliseconds, and the upper bound must not fall below the value. None where there is no time at all,
    or one outside the years 1 to 9999: then readers have to look into the file."""
    limits = pc.min_max(times.cast(pa.timestamp("us", times.type.tz)).cast(pa.int64())).as_py()
    try:
        low, high = (_EPOCH + timedelta(microseconds=limits[end]) for end in ("min", "max"))
        return low.isoformat(timespec="milliseconds") + "Z", (high + timedelta(milliseconds=1)).isoformat(timespec="milliseconds") + "Z"
    except (OverflowError, TypeError):
        return None
