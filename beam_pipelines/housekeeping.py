"""`lakehouse compact`: many small files become few, what nobody reads any more is freed, old keys are forgotten.

clean and current tables ─▶ merge small files ─▶ vacuum ─▶ tidy the log        index of event ids ─▶ drop what raw outlived
"""

from datetime import UTC, datetime
from typing import Annotated

import typer

from lakehouse.business_day import business_day
from lakehouse.contracts import registry
from lakehouse.contracts.model import Contract
from lakehouse.errors import require
from lakehouse.places import clean_table, current_table
from lakehouse.settings import Settings, settings


def compact(
    least_files: Annotated[
        int | None, typer.Option(help="Small files of today from which one is made; LAKEHOUSE_COMPACT_SMALL_FILES unless given.")
    ] = None,
) -> None:
    """Merge the small files that ingest leaves: of past days always, of today where many have piled up.

    Rows stay the same, `lakehouse model` rebuilds nothing for it, and land, refine and ingest go on beside it. Files
    that were replaced are freed after LAKEHOUSE_COMPACT_KEEP_HOURS, so that who is reading them can finish. Run it every
    hour: each commit costs more the more files a table has.

    Example: `lakehouse compact`
    """
    require("duckdb", "streaming")
    from rich.console import Console
    from rich.progress import Progress

    chosen, merged, dropped = settings(), 0, 0
    with Progress(console=Console(stderr=True), transient=True) as progress:
        for contract in progress.track(registry().clean, description="compacting"):
            merged += _merged(chosen, contract, least_files or chosen.compact_small_files)
            dropped += _dropped(chosen, contract) if contract.is_ingested else 0
    typer.echo(f"merged {merged:,} small files; forgot {dropped:,} event ids beyond the raw window")


def _merged(settings: Settings, contract: Contract, least_files: int) -> int:
    from beam_pipelines.stores import stores

    tables, today = stores(settings).tables, business_day(datetime.now(UTC))
    places = (clean_table(contract.domain, contract.table), current_table(contract.domain, contract.table))
    return sum(tables.compact(table, least_files, today, settings.compact_keep_hours) for table in places)


def _dropped(settings: Settings, contract: Contract) -> int:
    from beam_pipelines.event_keys import event_keys
    from beam_pipelines.locks import alone

    with alone(settings.home, contract.id):
        keys = event_keys(settings, clean_table(contract.domain, contract.table))
        return keys.drop_expired(settings.raw_window_days, datetime.now(UTC).date())
