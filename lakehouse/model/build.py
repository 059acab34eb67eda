"""One build of the warehouse, from its first question to its last word."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb

from lakehouse import pipeline_runs
from lakehouse.contracts import Registry, registry
from lakehouse.errors import CommandFailedError
from lakehouse.model import builds, runs
from lakehouse.model.clocks import Clocks, clocks, merge
from lakehouse.model.publish import publish
from lakehouse.model.run import Progress, dbt_build
from lakehouse.places import Home, clean_table
from lakehouse.privacy.hidden import restricted_people
from lakehouse.settings import Settings
from lakehouse.storage.open import open_files, open_tables, open_warehouse
from lakehouse.storage.protocols import TableStore
from lakehouse.storage.turns import alone
from lakehouse.storage.warehouse import patiently


@dataclass(frozen=True)
class Built:
    """What a build replaced; `clocks` is None where it was everything. `warned`: tests that have something to say. `stored`: the
    rows that the built tables have."""

    clocks: Clocks | None
    is_partial: bool
    warned: list[str]
    stored: int

    def sentence(self) -> str:
        if self.is_partial:
            return "built the selected models; the next full run still replaces whatever changed"
        if self.clocks is None:
            return "built every model from everything there is"
        days = sorted({day for found in self.clocks.values() for day in found if found})
        return "nothing had changed; every model was tested" if not days else f"replaced what changed: {_days(self.clocks)}"


def build(
    settings: Settings,
    full_refresh: bool = False,
    select: Sequence[str] = (),
    progress: Progress = lambda *_: None,
    is_tested: bool = True,
    refreshed: Sequence[str] = (),
) -> Built:
    """Publish the clean tables, replace what changed, remember what was seen. `refreshed`: models that are built from nothing
    before all others, because rows that they were made from are gone.

    Raises CommandFailedError where a model or a test fails, BusyError where another build is running, SettingsError.
    """
    path = open_warehouse(settings)
    with alone(settings):
        return _build(settings, path, full_refresh, select, progress, is_tested, refreshed)


def _build(
    settings: Settings, path: Path, full_refresh: bool, select: Sequence[str], progress: Progress, is_tested: bool, refreshed: Sequence[str]
) -> Built:
    contracts, tables = registry(), open_tables(settings)
    with opened(path) as warehouse:
        past = builds.past(warehouse)
        # Versions before files: rows that come in between are seen now and replaced once more, rather than missed.
        versions = _versions(contracts, tables)
        publish(warehouse, contracts, tables, restricted_people(open_files(settings)))
        pipeline_runs.publish(warehouse, open_files(settings), datetime.now(UTC).date())
        wanted = None
        if not full_refresh and past.versions is not None:
            wanted = merge(past.undone, clocks(warehouse, contracts, _changed(contracts, tables, past.versions)))
        number = builds.plan(warehouse, versions, wanted)
    target = Home(settings.home).dbt_target.absolute()
    try:
        if refreshed:
            dbt_build(settings, number, True, refreshed, progress, is_tested=False)
        warned = dbt_build(settings, number, full_refresh, select, progress, is_tested)
    except CommandFailedError:
        with opened(path) as warehouse:
            runs.keep(warehouse, settings, target)
        raise
    with opened(path) as warehouse:
        stored = runs.keep(warehouse, settings, target)
        if not select:
            builds.built(warehouse, number)
    return Built(wanted, bool(select), warned, stored)


@contextmanager
def opened(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse, to write. Raises BusyError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    warehouse = patiently(lambda: duckdb.connect(str(path)), path)
    try:
        warehouse.execute("set TimeZone = 'UTC'")
        yield warehouse
    finally:
        warehouse.close()


def _versions(contracts: Registry, tables: TableStore) -> dict[str, int]:
    return {c.table: tables.version(clean_table(c.domain, c.table)) for c in contracts.clean}


def _changed(contracts: Registry, tables: TableStore, seen: dict[str, int]) -> dict[str, set[date]]:
    return {c.table: tables.days_changed_since(clean_table(c.domain, c.table), seen.get(c.table, -1)) for c in contracts.clean}


def _days(found: Clocks) -> str:
    tables = [(name, days) for name, days in found.items() if days]
    return ", ".join(f"{name} {days[0].isoformat()}" + (f" and {len(days) - 1} more" if len(days) > 1 else "") for name, days in tables)
