"""From feature tables to features online, and back out again.

    features.<table> ─▶ export() ─▶ Parquet ─▶ apply() ─▶ materialise() ─▶ online store ─▶ online()

Each step replaces what it wrote before, so that a rerun, after a kill or for no reason, ends in the same state.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import duckdb
import pyarrow as pa
from pyarrow import parquet

from lakehouse.contracts import Contract, registry
from lakehouse.contracts.project import arrow_schema
from lakehouse.errors import BadInputError
from lakehouse.places import FEATURES_SCHEMA, Home, feature_file
from lakehouse.privacy.hidden import hidden_people
from lakehouse.privacy.naming import naming, without
from lakehouse.settings import Settings
from lakehouse.storage.open import open_files
from lakehouse.storage.protocols import Files
from lakehouse.storage.turns import beside
from lakehouse.storage.warehouse import patiently

if TYPE_CHECKING:
    from feast import FeatureStore

_ROWS_A_GROUP = 20_000  # sorted by whose they are: who looks for one person reads one or two of them


@dataclass(frozen=True)
class Served:
    """What became of one feature table. `newest` is the last moment that its features are of; None where it is empty."""

    view: str
    rows: int
    entities: int
    newest: datetime | None
    export_s: float
    materialise_s: float


class Exported(NamedTuple):
    """A feature table in its Parquet file. `newest` as in Served."""

    contract: Contract
    rows: int
    entities: int
    newest: datetime | None
    export_s: float


def serve(settings: Settings, on_step: Callable[[str], None] = lambda step: None) -> list[Served]:
    """Bring every feature table online. Raises BadInputError (nothing to serve), BusyError."""
    on_step("exporting features to Parquet")
    exported = list(export(settings))
    on_step("starting Feast")
    return bring_online(settings, exported, on_step)


def bring_online(settings: Settings, exported: Sequence[Exported], on_step: Callable[[str], None] = lambda step: None) -> list[Served]:
    """What was exported to this lake. Raises BusyError."""
    from feature_repo.store import open_store

    store = open_store(settings)
    on_step("registering views")
    apply(store, settings)
    served = []
    for contract, rows, entities, newest, export_s in exported:
        on_step(f"bringing {contract.table} online")
        started = time.monotonic()
        if newest is not None:
            materialise(store, contract, newest)
        served.append(Served(contract.table, rows, entities, newest, export_s, time.monotonic() - started))
    return served


def export(settings: Settings) -> Iterator[Exported]:
    """Replace the Parquet file of each feature table."""
    path = Home(settings.home).warehouse
    if not path.exists():
        raise BadInputError(f"there is no warehouse at {path}", hint="run `lakehouse model` first")
    files = open_files(settings)
    # Whoever is being erased or is restricted: a figure that was built before must not be served again.
    hidden = pa.array(sorted(hidden_people(files)), pa.string())
    with beside(settings), patiently(lambda: duckdb.connect(str(path), read_only=True), path) as warehouse:
        warehouse.execute("set TimeZone = 'UTC'")
        for contract in registry().layer("features"):
            started = time.monotonic()
            rows, _ = without(_rows(warehouse, contract), naming(contract.names, registry().vocabulary), hidden)
            put(files, contract, rows)
            yield exported_as(contract, rows, started)


def put(files: Files, contract: Contract, rows: pa.Table) -> None:
    """As the Parquet file of a feature table."""
    sink = pa.BufferOutputStream()
    parquet.write_table(rows, sink, compression="zstd", row_group_size=_ROWS_A_GROUP)
    files.put(feature_file(contract.table), sink.getvalue().to_pybytes())


def exported_as(contract: Contract, rows: pa.Table, started: float) -> Exported:
    return Exported(contract, rows.num_rows, *_extent(rows, contract), time.monotonic() - started)


def _rows(warehouse: duckdb.DuckDBPyConnection, contract: Contract) -> pa.Table:
    names = ", ".join(f'"{name}"' for name in contract.names)
    order = ", ".join(f'"{name}"' for name in contract.primary_key)
    try:
        rows = warehouse.execute(f'select {names} from {FEATURES_SCHEMA}."{contract.table}" order by {order}').to_arrow_table()
    except duckdb.CatalogException as error:
        raise BadInputError(f"the warehouse has no {contract.id}", hint="run `lakehouse model` first") from error
    # The contract's types: timestamps in microseconds, which is the finest that Feast's store reads.
    return rows.cast(pa.schema([f.with_nullable(True) for f in arrow_schema(contract.fields)]))


def _extent(rows: pa.Table, contract: Contract) -> tuple[int, datetime | None]:
    if not rows.num_rows:
        return 0, None
    return rows.group_by(list(contract.keys)).aggregate([]).num_rows, max(rows[contract.event_time].to_pylist())


def apply(store: "FeatureStore", settings: Settings) -> None:
    """Make Feast's registry say what this repository says, of the lake that settings name, and forget what it no longer says."""
    from feast import Entity, FeatureService, FeatureView

    from feature_repo import entities, services, views
    from feature_repo.sources import source

    wanted = [
        thing
        for module, kind in ((entities, Entity), (views, FeatureView), (services, FeatureService))
        for thing in vars(module).values()
        if isinstance(thing, kind)
    ]
    for thing in wanted:
        if isinstance(thing, FeatureView):
            thing.batch_source = source(registry().get(thing.tags["contract"]), settings)
    names = {(type(thing), thing.name) for thing in wanted}
    there = [*store.list_feature_services(), *store.list_feature_views(), *store.list_entities()]
    gone = [thing for thing in there if (type(thing), thing.name) not in names and thing.name != "__dummy"]
    store.apply(
        [*(thing.batch_source for thing in wanted if isinstance(thing, FeatureView)), *wanted], objects_to_delete=gone, partial=False
    )


def materialise(store: "FeatureStore", contract: Contract, newest: datetime) -> None:
    """Put each entity's newest row online.

    All of history is looked through every time, not only what is newer than the last run: a day may have been built
    anew, and online must equal the newest row offline.
    """
    with _quiet():
        store.materialize(datetime(2000, 1, 1, tzinfo=UTC), newest + timedelta(seconds=1), feature_views=[contract.table])


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Feast's own lines and bars, which would stand between ours; what it raises comes through."""
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        yield


def require_registered(store: "FeatureStore", contracts: list[Contract]) -> None:
    """Raises BadInputError where a view has never been served."""
    missing = {c.table for c in contracts} - {v.name for v in store.list_feature_views()}
    if missing:
        raise BadInputError(f"never served: {', '.join(sorted(missing))}", hint="run `lakehouse serve` first")


def online(store: "FeatureStore", contract: Contract, entities: list[dict]) -> list[dict]:
    """The features of each entity ({key: value} for all keys of the view) as they are online, with `feature_at`.

    Every feature of an entity that is not online is None.
    """
    if not entities:
        return []
    names = [name for name in contract.names if name not in contract.primary_key]
    response = store.get_online_features([f"{contract.table}:{name}" for name in names], entities)
    answer = response.to_dict(include_event_timestamps=True)
    rows = []
    for n, entity in enumerate(entities):
        seconds = answer[f"{names[0]}__ts"][n]
        moment = datetime.fromtimestamp(seconds, UTC) if seconds else None
        rows.append(entity | {contract.event_time: moment} | {name: answer[name][n] for name in names})
    return rows


def entities_of(settings: Settings, contract: Contract, users: list[str], user_key: str) -> list[dict]:
    """The entities of a view that these users have ever had features for. They are looked up in the exported history,
    which costs more than a hot path may; a caller there knows which skills it asks for."""
    if contract.keys == (user_key,):
        return [{user_key: user} for user in users]
    path = open_files(settings).uri(feature_file(contract.table))
    names = ", ".join(f'"{name}"' for name in contract.keys)
    with duckdb.connect() as db:
        sql = f'select distinct {names} from read_parquet(?) where list_contains(?, "{user_key}") order by all'
        return [dict(zip(contract.keys, row)) for row in db.execute(sql, [path, users]).fetchall()]
