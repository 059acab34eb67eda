"""What an optimisation found and left: rows of monitoring.storage_optimizations, and the same as a table for people."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import duckdb
from rich.table import Table

from lakehouse.contracts import registry
from lakehouse.monitoring import record

OPTIMIZATIONS = "monitoring.storage_optimizations"


@dataclass(frozen=True, slots=True)
class Figures:
    """One tier of one dataset; the attributes are columns of the contract."""

    optimized_dataset: str
    storage_tier: str
    days_rewritten: int
    files_before: int
    files_after: int
    bytes_before: int
    bytes_after: int
    rows_before: int
    rows_after: int
    files_freed: int
    run_duration_ms: int


def keep(warehouse: duckdb.DuckDBPyConnection, run_id: str, at: datetime, figures: Sequence[Figures]) -> None:
    said = {"optimization_run_id": run_id, "optimized_at": at}
    rows = [said | asdict(one) for one in figures]
    record(warehouse, registry().get(OPTIMIZATIONS), rows, {"optimization_run_id": run_id})


def as_table(figures: Sequence[Figures]) -> Table:
    table = Table(title="storage, before → after")
    for name in ("dataset", "tier"):
        table.add_column(name, no_wrap=True)
    for name in ("days written", "files", "MB", "rows", "freed", "s"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in figures:
        table.add_row(
            one.optimized_dataset,
            one.storage_tier,
            f"{one.days_rewritten:,}",
            _change(one.files_before, one.files_after),
            f"{one.bytes_before / 1e6:,.2f} → {one.bytes_after / 1e6:,.2f}",
            _change(one.rows_before, one.rows_after),
            f"{one.files_freed:,}",
            f"{one.run_duration_ms / 1000:.1f}",
        )
    return table


def _change(before: int, after: int) -> str:
    return f"{before:,}" if before == after else f"{before:,} → {after:,}"
