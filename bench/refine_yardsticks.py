"""What refine is measured against: DuckDB alone, and Beam as it is written when every element is a record.

    one file of envelopes ─▶ duckdb_alone: SQL from end to end ─────────┐
                        └──▶ naive_beam: pydantic, an element a record ─┴─▶ Parquet by day

Both do the work of refine: read the file, parse and validate, keep one of each event, put pseudonyms for people, write
Parquet by business day.
"""

import hashlib
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Annotated, Any, Literal, Union

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import AwareDatetime, Field, StrictBool, StrictFloat, StrictInt, StrictStr, TypeAdapter, ValidationError, create_model

from beam_pipelines import fast_lane
from lakehouse.contracts import Registry
from lakehouse.contracts.model import MAX_TEXT, Contract
from lakehouse.contracts.project import arrow_schema, clean_fields

SEOUL = timezone(timedelta(hours=9))
_TYPES = {"text": StrictStr, "integer": StrictInt, "float": StrictFloat | StrictInt, "boolean": StrictBool, "timestamp": AwareDatetime}


def duckdb_alone(contracts: Registry, contract: Contract, raw: Path, pids: dict[str, str], out: Path) -> None:
    """Of the ways to say it (a window, a semi-join before or after parsing) this is the cheapest we found; validation is
    the fast lane's, the quickest SQL for it that we know."""
    columns = [f.name for f in clean_fields(contract, contracts.vocabulary)]
    times = {f.name: f"make_timestamp({f.name})" for f in contract.fields if f.type == "timestamp"}
    times[contract.event_time] = f"make_timestamp({contract.event_time} + coalesce(clock_skew_ms, 0) * 1000)"
    shown = times | {"user_pid": "pid", "dt": f"CAST({times[contract.event_time]} + INTERVAL 9 HOUR AS DATE)"}
    shown |= {f.becomes: f.name for f in contract.fields if f.treatment == "redact"}  # none of the events has a text; bench/text.py has
    carried = tuple(n for n in columns if n not in contract.names and n not in ("event_key", *shown))
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'UTC'")
        database.register("people", pa.table({"subject": list(pids), "pid": list(pids.values())}))
        database.execute(f"""
            CREATE TEMP TABLE judged AS
            WITH batch AS (
                SELECT
                    row_number() OVER () AS row, epoch_us(received_at) AS received_us, coalesce(clock_skew_ms, 0) * 1000 AS skew_us,
                    decode(payload) AS payload, {", ".join(carried)}
                FROM read_parquet('{raw}')
            )
            {fast_lane.query(contract, carried)}""")
        database.execute(f"""
            COPY (
                SELECT {", ".join(f"{shown.get(n, n)} AS {n}" for n in columns)}
                FROM judged LEFT JOIN people ON people.subject = judged.user_id
                WHERE is_vouched AND row IN (SELECT min(row) FROM judged WHERE is_vouched GROUP BY event_key)
            ) TO '{out}' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (dt))""")


def naive_beam(contracts: Registry, contract: Contract, raw: Path, pids: dict[str, str], out: Path) -> None:
    """An element a record, as most tutorials have it."""
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner

    models = tuple(_model(contract, name, frozenset(required)) for name, required in contract.event_types)
    payload_of = TypeAdapter(Annotated[Union[models], Field(discriminator="event_type")]).validate_json  # noqa: UP007 - made at run time
    schema = arrow_schema(clean_fields(contract, contracts.vocabulary))

    def records(path: str) -> Iterator[dict]:
        for batch in pq.ParquetFile(path).iter_batches(10_000):
            yield from batch.to_pylist()

    def validated(record: dict) -> Iterator[dict]:
        try:
            payload = payload_of(record["payload"]).model_dump()
        except ValidationError:
            return  # the yardstick only has to leave it out
        if not datetime(2000, 1, 1, tzinfo=SEOUL) <= payload[contract.event_time] <= record["received_at"] + timedelta(minutes=10):
            return
        row = {name: record[name] for name in ("event_id", "zone_id", "org_id", "received_at", "contract_version")}
        row |= {name: payload[name] for name in schema.names if name in payload}
        row |= {"user_pid": pids[payload["user_id"]], "event_key": _key(record["event_id"])}
        yield row | {"dt": payload[contract.event_time].astimezone(SEOUL).date()}

    def earliest(copies: tuple[str, Iterable[dict]]) -> dict:
        return min(copies[1], key=lambda row: row["received_at"])

    def written(day: tuple[Any, Iterable[dict]]) -> None:
        folder = out / f"dt={day[0]}"
        folder.mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(list(day[1]), schema=schema).drop_columns(["dt"]), folder / "part.parquet", compression="zstd")

    pipeline = beam.Pipeline(runner=FnApiRunner(), options=PipelineOptions([]))
    _ = (
        pipeline
        | beam.Create([str(raw)])
        | "Read" >> beam.FlatMap(records)
        | "Validate" >> beam.FlatMap(validated)
        | "By event" >> beam.Map(lambda row: (row["event_id"], row))
        | "Group copies" >> beam.GroupByKey()
        | "Keep one" >> beam.Map(earliest)
        | "By day" >> beam.Map(lambda row: (row["dt"].isoformat(), row))
        | "Group days" >> beam.GroupByKey()
        | "Write" >> beam.Map(written)
    )
    pipeline.run().wait_until_finish()


def _key(event_id: str) -> int:
    return int.from_bytes(hashlib.md5(event_id.encode(), usedforsecurity=False).digest()[8:], "little") >> 1


def _model(contract: Contract, event_type: str, required: frozenset[str]) -> type:
    fields: dict[str, Any] = {}
    for field in contract.fields:
        values = (event_type,) if field.name == "event_type" else field.values
        kind = Literal[values] if values else _TYPES[field.type]
        limits = {"ge": field.minimum, "le": field.maximum}
        if field.type == "text" and not values:
            limits = {"max_length": field.max_length or MAX_TEXT, "pattern": field.pattern}
        kind = Annotated[kind, Field(**{k: v for k, v in limits.items() if v is not None})]
        fields[field.name] = (kind, ...) if field.required or field.name in required else (kind | None, None)
    return create_model(f"Payload_{event_type}", **fields)
