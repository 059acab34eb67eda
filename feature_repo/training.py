"""Training frames: to each labelled row, the features as they were known at the label's time.

    entity file (keys, label_at, labels …) ─▶ Feast point-in-time join ─▶ the same rows, in the same order, with features

Every row of the entity file comes back, with nulls where nothing was known yet: a frame that silently loses the people
without a past is biased towards those with one. Left out are the rows of people who are
hidden or have not agreed to it, and it is said how many these were.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
from pyarrow import parquet

from feature_repo.serving import require_registered
from lakehouse.contracts import Contract, registry
from lakehouse.errors import BadInputError, CorruptError
from lakehouse.privacy.naming import naming, without

if TYPE_CHECKING:
    from feast import FeatureStore

_FEAST_TIME = "event_timestamp"
_ROW = "__row"


def read_entities(path: Path) -> pa.Table:
    """A Parquet or CSV file as a table; timestamps without an offset are UTC. Raises BadInputError."""
    readers = {".parquet": "read_parquet(?)", ".csv": "read_csv(?)"}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise BadInputError(f"{path.name} is neither .parquet nor .csv", hint="write the entity file in one of these")
    if not path.is_file():
        raise BadInputError(f"there is no file {path}", hint="check the path; it is read on this machine")
    with duckdb.connect() as db:
        db.execute("set TimeZone = 'UTC'")
        try:
            return db.execute(f"select * from {reader}", [str(path)]).to_arrow_table()
        except duckdb.Error as error:
            # DuckDB quotes the offending line; a file of labels may hold anything.
            raise BadInputError(f"{path.name} cannot be read: {type(error).__name__}", hint="check it with `duckdb` or pandas") from error


def views_for(columns: list[str], only: list[str]) -> list[Contract]:
    """The feature tables to join: those of `only`, or all whose keys are among `columns`. Raises BadInputError."""
    members = registry().layer("features")
    if only:
        members = [c for c in members if c.table in only or c.id in only]
        missing = [name for name in only if not any(name in (c.table, c.id) for c in members)]
        if missing:
            raise BadInputError(
                f"no feature view {', '.join(missing)}", hint=f"there are {', '.join(c.table for c in registry().layer('features'))}"
            )
    fitting = [c for c in members if set(c.keys).issubset(columns)]
    if not fitting or (only and len(fitting) < len(members)):
        wants = "; ".join(f"{c.table}: {', '.join(c.keys)}" for c in members)
        raise BadInputError(f"the entity file has no key of a feature view; it has {', '.join(columns)}", hint=f"keys are {wants}")
    return fitting


def training_frame(
    store: "FeatureStore", entities: pa.Table, time_column: str, only: list[str], hidden: frozenset[str] = frozenset()
) -> pa.Table:
    """`entities` with the columns of every fitting view added; same rows, same order, less those that name somebody hidden.

    A feature is the newest whose moment is not after the row's `time_column`; null where there is none. Raises
    BadInputError, and CorruptError should a row ever be lost or doubled.
    """
    if time_column not in entities.column_names:
        hint = f"its columns are {', '.join(entities.column_names)}; name the one with --timestamp"
        raise BadInputError(f"the entity file has no column {time_column}", hint=hint)
    views = views_for([name for name in entities.column_names if name != time_column], only)
    require_registered(store, views)
    features = {f"{c.table}:{name}": name for c in views for name in c.names if name not in c.primary_key}
    clash = sorted(set(features.values()) & set(entities.column_names))
    if clash:
        raise BadInputError(f"the entity file has columns named like features: {', '.join(clash)}", hint="rename them")
    if not entities.num_rows:
        raise BadInputError("the entity file is empty", hint="give at least one row")
    entities, _ = without(entities, naming(entities.column_names, registry().vocabulary), pa.array(sorted(hidden), pa.string()))
    if not entities.num_rows:
        raise BadInputError("nobody in the entity file may be trained on", hint="`lakehouse privacy consents` says who allowed what")
    frame = _for_feast(entities, time_column)
    joined = store.get_historical_features(entity_df=frame.to_pandas(), features=list(features)).to_arrow()
    answer = joined.sort_by(_ROW).select([_ROW, *features.values()])
    if answer[_ROW].to_pylist() != frame[_ROW].to_pylist():
        raise CorruptError(f"{entities.num_rows:,} rows went into the join and {answer.num_rows:,} came out", hint="report it as a defect")
    for name in features.values():
        entities = entities.append_column(name, answer[name])
    return entities


def people_in(entities: pa.Table) -> frozenset[str]:
    """Whom these rows name, in any key that is a person's."""
    names = naming(entities.column_names, registry().vocabulary)
    return frozenset(pid for name in names for pid in entities[name].unique().to_pylist() if pid is not None)


def _for_feast(entities: pa.Table, time_column: str) -> pa.Table:
    """The keys and the time only, under the names that Feast looks for; labels stay with us."""
    keys = [name for name in entities.column_names if name != time_column and name in all_keys()]
    times = entities[time_column]
    if not pa.types.is_timestamp(times.type):
        raise BadInputError(f"{time_column} holds {times.type}, not timestamps", hint="write them as 2027-03-01T09:00:00Z")
    if times.null_count:
        raise BadInputError(
            f"{time_column} is empty in {times.null_count:,} rows", hint="a label without a time has no features; remove these rows"
        )
    if times.type.tz is None:
        times = times.cast(pa.timestamp("us")).cast(pa.timestamp("us", tz="UTC"))
    frame = entities.select(keys).append_column(_FEAST_TIME, times.cast(pa.timestamp("us", tz="UTC")))
    return frame.append_column(_ROW, pa.array(range(entities.num_rows), pa.int64()))


def all_keys() -> set[str]:
    return {key for contract in registry().layer("features") for key in contract.keys}


def write(frame: pa.Table, path: Path) -> None:
    """Parquet, or CSV where the name says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix.lower() == ".csv":
        from pyarrow import csv

        csv.write_csv(frame, path)
    else:
        parquet.write_table(frame, path, compression="zstd")
