"""Judging a batch: every payload becomes values or a verdict, most of them by the fast lane.

batch ─▶ fast_lane ─ vouched for ──────────────────▶ values ─┐
            └─ in doubt ─▶ lakehouse.judge ─ good ─▶ values ─┴─▶ Judged.values
                                 └─ refused ─▶ Rejection ──────▶ Judged.rejected
"""

import os
import threading
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from beam_pipelines import fast_lane
from lakehouse.contracts.model import Contract, Field
from lakehouse.contracts.types import TYPES
from lakehouse.judge import Judge, decode_names
from lakehouse.verdicts import Rejection

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SIX_PLACES = Decimal("0.000001")
_PART_ROWS = 100_000
_per_thread = threading.local()


@dataclass(frozen=True)
class Judged:
    """values    the fields that are not dropped, event_key, and `row`, the number in the batch; in no particular order
    rejected  row → verdict
    unknown   row (of values) → the names in its payload that the contract does not know"""

    values: pa.Table
    rejected: dict[int, Rejection]
    unknown: dict[int, tuple[str, ...]]


def judged(batch: pa.Table, contract: Contract) -> Judged:
    """`batch`: event_id text, received_at UTC microseconds, payload bytes; none of them null. clock_skew_ms: the event
    time of the values is corrected by it; null, or absent from raw of earlier times: not at all."""
    batch = with_skew(batch)
    answers = _asked(batch, contract)
    vouched, unknown = _vouched(answers, contract)
    answers = answers.drop_columns(["is_vouched", "names"])
    if vouched.all():
        return Judged(_with_timestamps(_corrected(answers, batch, contract), contract), {}, unknown)
    doubts = pa.array(~vouched)  # the answers are in the order of the batch
    doubted = answers.select(["row", "event_key"]).filter(doubts), batch.select(["payload", "received_at", "clock_skew_ms"]).filter(doubts)
    rejected, accepted = {}, {}
    for row, key, payload, received_at, skew_ms in zip(*(column.to_pylist() for table in doubted for column in table.columns)):
        verdict = judge_of(contract).judge(payload, received_at, skew_ms)
        if isinstance(verdict, Rejection):
            rejected[row] = verdict
        else:
            accepted[row] = values(verdict, contract) | {"event_key": key, "row": row}
            if beyond := _beyond(decode_names(payload), contract):
                unknown[row] = beyond
    slow = pa.Table.from_pylist(list(accepted.values()), schema=answers.schema)
    answers = pa.concat_tables([answers.filter(pa.array(vouched)), slow])
    return Judged(_with_timestamps(_corrected(answers, batch, contract), contract), rejected, unknown)


def with_skew(batch: pa.Table) -> pa.Table:
    if "clock_skew_ms" in batch.column_names:
        return batch
    return batch.append_column("clock_skew_ms", pa.nulls(batch.num_rows, TYPES["integer"].arrow))


def _corrected(answers: pa.Table, batch: pa.Table, contract: Contract) -> pa.Table:
    """Event times, still microseconds, as the producer's clock would have told them had it been right."""
    if batch["clock_skew_ms"].null_count == batch.num_rows:
        return answers
    times = pc.add(answers[contract.event_time], _skew_us(batch).take(answers["row"]))
    return answers.set_column(answers.schema.get_field_index(contract.event_time), contract.event_time, times)


def _skew_us(batch: pa.Table) -> pa.ChunkedArray:
    return pc.multiply(pc.fill_null(batch["clock_skew_ms"], 0), 1_000)


def _asked(batch: pa.Table, contract: Contract) -> pa.Table:
    """The query's answers, in the order of the rows. Parts of the batch are asked side by side, each by one thread: a
    DuckDB with several threads answers in no particular order, and the same batch must make the same file."""
    asked = pa.table(
        {
            "row": np.arange(batch.num_rows),
            "event_id": batch["event_id"],
            "received_us": batch["received_at"].cast(pa.int64()),
            "skew_us": _skew_us(batch),
            "payload": _as_text(batch["payload"]),
        }
    )
    parts = [asked.slice(start, _PART_ROWS) for start in range(0, asked.num_rows, _PART_ROWS)] or [asked]
    return pa.concat_tables(_pool().map(_ask, parts, [_query(contract)] * len(parts)))


def _ask(part: pa.Table, query: str) -> pa.Table:
    if not hasattr(_per_thread, "database"):
        _per_thread.database = duckdb.connect(config={"threads": 1})
        _per_thread.database.execute("SET TimeZone = 'UTC'")
    database = _per_thread.database
    database.register("batch", part)
    try:
        return database.execute(query).to_arrow_table(_PART_ROWS)  # DuckDB reserves memory for so many rows; else for a million
    finally:
        database.unregister("batch")


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="fast-lane")


def _as_text(payloads: pa.ChunkedArray) -> pa.ChunkedArray:
    """Bytes that are not UTF-8 become the empty text, which is no JSON, so that the judge sees them."""
    try:
        return payloads.cast(pa.string())
    except pa.ArrowInvalid:
        return pa.chunked_array([pa.array(map(_text_or_nothing, payloads.to_pylist()), pa.string())])


def _text_or_nothing(payload: bytes) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError:
        return ""


def _vouched(answers: pa.Table, contract: Contract) -> tuple[np.ndarray, dict[int, tuple[str, ...]]]:
    """What the query vouches for, less the rows whose names speak against them; and the unknown names of the others."""
    vouched = answers["is_vouched"].to_numpy().copy()
    unknown: dict[int, tuple[str, ...]] = {}
    seen: dict[tuple[str, ...], tuple[tuple[str, ...], bool]] = {}
    named = np.flatnonzero(vouched & answers["names"].is_valid().to_numpy())
    listed = answers.select(["row", "names"]).take(pa.array(named))
    for at, row, names in zip(named, listed["row"].to_pylist(), map(tuple, listed["names"].to_pylist())):
        if names not in seen:
            beyond = _beyond(names, contract)
            seen[names] = beyond, len(set(names)) < len(names) or bool(beyond and contract.refuses_unknown_fields)
        beyond, vouched[at] = seen[names][0], not seen[names][1]
        if beyond and vouched[at]:
            unknown[row] = beyond
    return vouched, unknown


def _beyond(names: Collection[str], contract: Contract) -> tuple[str, ...]:
    return tuple(n for n in names if n not in contract.names)


def values(payload: Any, contract: Contract) -> dict[str, Any]:
    return {f.name: _plain(f, _attribute(payload, f.name)) for f in fast_lane.kept_fields(contract)}


def _attribute(payload: Any, name: str) -> Any:
    """event_type is the tag of its struct, and not an attribute."""
    return payload.__struct_config__.tag if name == payload.__struct_config__.tag_field else getattr(payload, name)


def _plain(field: Field, value: Any) -> Any:
    """A decoded value as the query would have answered it."""
    if value is None:
        return None
    if field.type == "timestamp":
        return (value - _EPOCH) // _MICROSECOND
    if field.type == "decimal":
        return Decimal(repr(value) if isinstance(value, float) else value).quantize(_SIX_PLACES, ROUND_HALF_UP)
    return value


def _with_timestamps(answers: pa.Table, contract: Contract) -> pa.Table:
    """Microseconds are timestamps by another name: nothing is copied."""
    times = {f.name for f in fast_lane.kept_fields(contract) if f.type == "timestamp"}
    target = pa.schema([f.with_type(TYPES["timestamp"].arrow) if f.name in times else f for f in answers.schema])
    return answers.cast(target)


@lru_cache(maxsize=64)
def _query(contract: Contract) -> str:
    return fast_lane.query(contract)


@lru_cache(maxsize=64)
def judge_of(contract: Contract) -> Judge:
    return Judge(contract)
