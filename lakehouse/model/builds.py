"""The builds of the warehouse: what each was to replace, and which version of each clean table it has seen.

    planned ─▶ dbt ─▶ built

A build is written down before it begins. What a killed build was to replace is replaced by the next one too: by then the
tables of the killed one are partly new, and no longer say where everything was.
"""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime

import duckdb

from lakehouse.model.clocks import Clocks, merge
from lakehouse.places import MONITORING_SCHEMA

_BUILDS = f"{MONITORING_SCHEMA}._model_builds"


@dataclass(frozen=True)
class Past:
    """`versions` of the clean tables in the last complete build (None: there was none), and what later ones left undone."""

    versions: dict[str, int] | None
    undone: Clocks | None


def past(warehouse: duckdb.DuckDBPyConnection) -> Past:
    _make(warehouse)
    rows = warehouse.execute(f"select built_at is not null, clean_versions, clocks from {_BUILDS} order by build_number desc").fetchall()
    undone: Clocks | None = {}
    for is_built, versions, clocks in rows:
        if is_built:
            return Past(json.loads(versions), undone)
        undone = merge(undone, _read(clocks))
    return Past(None, None)


def plan(warehouse: duckdb.DuckDBPyConnection, versions: dict[str, int], clocks: Clocks | None) -> int:
    """Write a build down; answer its number."""
    _make(warehouse)
    number = warehouse.execute(f"select coalesce(max(build_number), 0) + 1 from {_BUILDS}").fetchone()[0]
    written = None if clocks is None else json.dumps({name: [d.isoformat() for d in days] for name, days in clocks.items()})
    warehouse.execute(f"insert into {_BUILDS} values (?, ?, null, ?, ?)", [number, datetime.now(UTC), json.dumps(versions), written])
    return number


def built(warehouse: duckdb.DuckDBPyConnection, number: int) -> None:
    warehouse.execute(f"update {_BUILDS} set built_at = ? where build_number = ?", [datetime.now(UTC), number])


def _make(warehouse: duckdb.DuckDBPyConnection) -> None:
    warehouse.execute(f"create schema if not exists {MONITORING_SCHEMA}")
    warehouse.execute(
        f"create table if not exists {_BUILDS} "
        "(build_number bigint, planned_at timestamptz, built_at timestamptz, clean_versions varchar, clocks varchar)"
    )


def _read(clocks: str | None) -> Clocks | None:
    return None if clocks is None else {name: [date.fromisoformat(d) for d in days] for name, days in json.loads(clocks).items()}
