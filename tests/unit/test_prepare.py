"""`lakehouse prepare`: tables and columns that are missing are made, empty and as their contract says."""

import json
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from lakehouse.contracts import registry
from lakehouse.contracts.project import arrow_schema, clean_fields
from lakehouse.places import clean_table
from lakehouse.storage.delta import DeltaTables
from lakehouse.storage.memory import MemoryTables
from lakehouse.storage.prepare import make_missing

_SOME = ("exam.events", "source.payments", "psychometrics.item_calibrations")


@pytest.mark.parametrize("kind", ["delta", "memory"])
def test_what_is_missing_is_made_once(tmp_path: Path, kind: str) -> None:
    contracts = registry()
    tables = DeltaTables(str(tmp_path / "lake"), tmp_path / "locks") if kind == "delta" else MemoryTables(tmp_path)
    chosen = [contracts.get(name) for name in _SOME]
    paths = [clean_table(c.domain, c.table) for c in chosen]
    there = arrow_schema(clean_fields(chosen[0], contracts.vocabulary)).empty_table().drop_columns(["theta"])
    tables.append(paths[0], there, "b1", {"valid": 0})

    assert make_missing(tables, chosen, contracts.vocabulary) == [f"{paths[0]}.theta", *paths[1:]]
    versions = [tables.version(path) for path in paths]
    assert make_missing(tables, chosen, contracts.vocabulary) == []
    assert versions == [tables.version(path) for path in paths]
    for contract, path in zip(chosen, paths):
        fields = clean_fields(contract, contracts.vocabulary)
        assert sorted(tables.schema(path).names) == sorted(f.name for f in fields)
        assert (tables.files(path), tables.count(path), tables.days_changed_since(path, -1)) == ([], 0, set())


def test_its_log_is_what_a_reader_of_delta_asks_for(tmp_path: Path) -> None:
    """BigQuery finds columns and partitions there; a table of nothing but its log has both."""
    contracts = registry()
    contract = contracts.get("exam.events")
    make_missing(DeltaTables(str(tmp_path / "lake"), tmp_path / "locks"), [contract], contracts.vocabulary)
    log = tmp_path / "lake" / clean_table(contract.domain, contract.table) / "_delta_log" / f"{0:020d}.json"
    actions = {key: said for line in log.read_text().splitlines() for key, said in json.loads(line).items()}
    columns = {field["name"]: field["type"] for field in json.loads(actions["metaData"]["schemaString"])["fields"]}
    assert columns["dt"] == "date" and columns.keys() == {f.name for f in clean_fields(contract, contracts.vocabulary)}
    assert actions["metaData"]["partitionColumns"] == ["dt"]
    assert actions["protocol"]["minReaderVersion"] == 1  # no deletion vectors, no column mapping


def test_rows_come_into_it_as_into_any_other(tmp_path: Path) -> None:
    contracts = registry()
    contract = contracts.get("psychometrics.item_calibrations")
    tables, path = DeltaTables(str(tmp_path / "lake"), tmp_path / "locks"), clean_table(contract.domain, contract.table)
    make_missing(tables, [contract], contracts.vocabulary)
    schema = arrow_schema(clean_fields(contract, contracts.vocabulary))
    day = date(2026, 3, 2)
    row = pa.table({f.name: pa.array([day if f.name == "dt" else None], f.type) for f in schema})
    tables.replace_days(path, row, [day], {"run": 1})
    assert (tables.count(path), tables.days_changed_since(path, 0)) == (1, {day})
