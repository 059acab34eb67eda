"""The clean tables, one after the other: small files, order inside a day, tiers, what nobody reads any more.

clean    settle(): every closed day as its contract and its age say
current  compact(): a row a key has no days, and is written anew all the time
"""

import time
from collections.abc import Iterator
from datetime import date

from lakehouse.contracts import Contract, Registry
from lakehouse.contracts.project import clustering
from lakehouse.optimize.figures import Figures
from lakehouse.places import clean_table, current_table
from lakehouse.settings import Settings
from lakehouse.storage.protocols import TableStore
from lakehouse.storage.tiers import TIERS


def optimize_tables(
    settings: Settings, contracts: Registry, tables: TableStore, today: date, only: list[Contract]
) -> Iterator[list[Figures]]:
    """Figures table by table, of all that are there."""
    for contract in only:
        began = time.monotonic()
        order = clustering(contract, contracts.vocabulary)
        found = tables.settle(clean_table(contract.domain, contract.table), order, TIERS, today, settings.compact_keep_hours)
        took_ms = int((time.monotonic() - began) * 1000)
        yield [
            Figures(
                optimized_dataset=contract.id,
                storage_tier=tier.tier,
                days_rewritten=tier.days,
                files_before=tier.files_before,
                files_after=tier.files_after,
                bytes_before=tier.bytes_before,
                bytes_after=tier.bytes_after,
                rows_before=tier.rows_before,
                rows_after=tier.rows_after,
                files_freed=tier.files_freed,
                run_duration_ms=took_ms if place == 0 else 0,  # of the whole table, said once
            )
            for place, tier in enumerate(found)
        ]
        tables.compact(current_table(contract.domain, contract.table), settings.compact_small_files, today, settings.compact_keep_hours)
