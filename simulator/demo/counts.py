"""What the lake and the warehouse themselves say after the day: nothing here is carried over from what was sent.

<lake>/…/_refined/<batch>.json  ─▶ rows read, kept, dropped as duplicate, refused, late
<lake>/…/dead_letters/          ─▶ why they were refused (the code stands beside the seal)
Delta, DuckDB                   ─▶ rows per table
"""

import io
import json
from collections import Counter
from dataclasses import dataclass

import duckdb
import pyarrow.parquet as pq

from lakehouse import places
from lakehouse.contracts import registry
from lakehouse.places import Home
from lakehouse.settings import Settings
from lakehouse.storage.open import open_files, open_tables
from lakehouse.storage.protocols import Files


@dataclass(frozen=True)
class Counts:
    """`refined`: {rows, valid, duplicates, rejected, late} summed over all batches; `drift`: unknown field → how often."""

    refined: Counter
    drift: Counter
    dead_letters: Counter
    tables: dict[str, int]


def count(settings: Settings) -> Counts:
    files = open_files(settings)
    refined, drift = _refined(files)
    return Counts(refined, drift, _dead_letters(files), _clean_rows(settings) | _warehouse_rows(settings))


def _refined(files: Files) -> tuple[Counter, Counter]:
    """Every record that came twice is counted by the batch that met it, and every batch has one marker."""
    totals, drift = Counter(), Counter()
    for contract in registry().ingested:
        for path in files.list(places.refined_dir(contract.domain, contract.table) + "/"):
            marker = json.loads(files.get(path))
            drift.update(marker.get("drift", {}))
            totals.update({name: marker[name] for name in ("rows", "valid", "duplicates", "rejected", "late")})
    return totals, drift


def _dead_letters(files: Files) -> Counter:
    codes = Counter()
    for contract in registry().ingested:
        for path in files.list(places.dead_letter_dir(contract.domain, contract.table) + "/"):
            letters = pq.read_table(io.BytesIO(files.get(path)), columns=["error_code"])
            codes.update(letters["error_code"].to_pylist())
    return codes


def _clean_rows(settings: Settings) -> dict[str, int]:
    tables = open_tables(settings)
    return {
        f"{places.CLEAN_SCHEMA}.{contract.table}": sum(
            pq.read_metadata(file).num_rows for file in tables.files(places.clean_table(contract.domain, contract.table))
        )
        for contract in registry().ingested
    }


def _warehouse_rows(settings: Settings) -> dict[str, int]:
    with duckdb.connect(str(Home(settings.home).warehouse), read_only=True) as warehouse:
        named = warehouse.execute(
            "select schema_name || '.' || table_name from duckdb_tables() where schema_name in (?, ?) order by all",
            [places.CURATED_SCHEMA, places.FEATURES_SCHEMA],
        ).fetchall()
        return {name: warehouse.execute(f"select count(*) from {name}").fetchone()[0] for (name,) in named}
