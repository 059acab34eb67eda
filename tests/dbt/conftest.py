"""What the tests of dbt share: a lake that dbt knows already."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from lakes import NewLake, lakes_at


@pytest.fixture(scope="session")
def new_lake(tmp_path_factory: pytest.TempPathFactory) -> NewLake:
    """`with new_lake() as home:` an empty LAKEHOUSE_HOME, whose project dbt has read before. The one before it is gone."""
    return lakes_at(tmp_path_factory.mktemp("lake") / "home")


@pytest.fixture
def home(new_lake: NewLake) -> Iterator[Path]:
    with new_lake() as home:
        yield home
