"""What stands in a Delta table's files and in its log about them: Parquet bytes, schemas, and statistics that name nobody.

rows ─▶ parquet() ─▶ file        rows ─▶ statistics() ─▶ the log's entry of it
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import CommitProperties, Field, Schema, Transaction

_EPOCH = datetime(1970, 1, 1)
_ALL_DIFFERENT = ("event_id", "event_key")  # no two rows share one: a dictionary of them would cost time and room


def parquet(rows: pa.Table, zstd_level: int | None = None) -> bytes:
    sink, repeated = pa.BufferOutputStream(), [name for name in rows.column_names if name not in _ALL_DIFFERENT]
    pq.write_table(rows, sink, compression="zstd", compression_level=zstd_level, use_dictionary=repeated)
    return sink.getvalue().to_pybytes()


def batch_properties(batch_id: str, counts: Mapping[str, int], version: int) -> CommitProperties:
    return CommitProperties(
        custom_metadata={"batch_id": batch_id, "counts": dict(counts)}, app_transactions=[Transaction(batch_id, version)]
    )


def seen_properties(seen: Mapping[str, int]) -> CommitProperties:
    return CommitProperties(app_transactions=[Transaction(name, number) for name, number in seen.items()])


def delta_schema(schema: pa.Schema) -> Schema:
    """Every column may be null: a contract may stop requiring a field, and Delta could not follow."""
    return Schema([Field.from_arrow(f.with_nullable(True)) for f in schema])


def measured(schema: pa.Schema) -> list[str]:
    """The columns that get minimum and maximum: times, by which readers skip files, and nothing that could name a person."""
    return [f.name for f in schema if pa.types.is_timestamp(f.type)]


def statistics(rows: pa.Table) -> str:
    known = {name: b for name in measured(rows.schema) if (b := _bounds(rows[name])) is not None}
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
