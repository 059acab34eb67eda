"""`lakehouse optimize`: storage small, few and well ordered; rows the same, and the figures kept."""

from datetime import UTC, datetime
from typing import Annotated

import typer


def optimize(
    dataset: Annotated[list[str] | None, typer.Option(help="Only the clean tables of this contract; may be repeated.")] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option("--as-of", formats=["%Y-%m-%d"], help="The day by which ages are reckoned; by default today in Seoul."),
    ] = None,
    rewrite_warehouse: Annotated[
        bool, typer.Option("--rewrite-warehouse", help="Copy the warehouse into a new file however few holes it has, as after an erasure.")
    ] = False,
    run_id: Annotated[str | None, typer.Option("--run-id", help="Name of this run; figures under the same name are replaced.")] = None,
) -> None:
    """Lay out what is stored anew for its readers: fewer files, rows in the order they are asked for, old days smaller.

    Every closed day of a clean table is sorted by zone, tenant, kind and time, and compressed as its tier says: hot up to
    30 days, warm up to a year, cold beyond. What was replaced is freed after LAKEHOUSE_COMPACT_KEEP_HOURS, so that who reads
    it can finish. The warehouse gets new statistics, and a new file where a quarter of the old one is holes. Rows are
    compared before anything is exchanged: exit 14 where they differ, and nothing is lost. Beside it everything else goes
    on; killed, run it again; run twice, the second time writes no table. Figures go to monitoring.storage_optimizations.

    Example: `lakehouse optimize`, every month; `lakehouse optimize --dataset exam.events`
    """
    import fcntl

    from rich.console import Console
    from rich.progress import Progress

    from lakehouse.business_day import business_day
    from lakehouse.contracts import registry
    from lakehouse.model.build import opened
    from lakehouse.optimize.figures import as_table, keep
    from lakehouse.optimize.tables import optimize_tables
    from lakehouse.optimize.warehouse import optimize_warehouse
    from lakehouse.outcome import tell
    from lakehouse.places import Home
    from lakehouse.settings import settings
    from lakehouse.storage.open import open_tables, open_warehouse
    from lakehouse.storage.turns import alone, held

    chosen, contracts, now = settings(), registry(), datetime.now(UTC)
    path, found = open_warehouse(chosen), []
    only = [contracts.get(name) for name in dataset] if dataset else contracts.clean
    today = as_of.date() if as_of else business_day(now)
    busy = "another `lakehouse optimize` is at work"
    with held(Home(chosen.home), "optimize.lock", fcntl.LOCK_EX, 0.0, busy):
        with Progress(console=Console(stderr=True), transient=True) as progress:
            for figures in progress.track(optimize_tables(chosen, contracts, open_tables(chosen), today, only), total=len(only)):
                found += figures
        with alone(chosen):
            if path.exists() and not dataset:
                found.append(optimize_warehouse(path, rewrite_warehouse))
            with opened(path) as warehouse:
                keep(warehouse, run_id or f"optimize-{now:%Y%m%dT%H%M%S.%fZ}", now, found)
    tell(rows=sum(one.rows_after for one in found if one.days_rewritten))
    wide = Console()
    wide.width = max(wide.width, 120)  # a log has no width of its own, and names must not be cut
    wide.print(as_table(found) if found else "nothing is stored yet")
