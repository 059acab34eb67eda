"""A gate, tables to judge, and one day to judge them for."""

from datetime import date

import pytest

from lakehouse.contracts import registry
from lakehouse.storage.memory import MemoryTables
from quality.datasets import clean_datasets
from quality.gate import Gate


@pytest.fixture
def day() -> date:
    return date(2027, 3, 1)


@pytest.fixture
def tables(tmp_path) -> MemoryTables:
    return MemoryTables(tmp_path / "tables")


@pytest.fixture
def gate():
    opened = Gate()
    yield opened
    opened.close()


@pytest.fixture
def clean(gate, tables):
    """The clean dataset of a contract, as it is in `tables` now."""

    def open_dataset(contract):
        return clean_datasets(gate.query, tables, registry(), [contract])[0]

    return open_dataset
