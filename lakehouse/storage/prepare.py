"""`lakehouse prepare`: every clean table is there, if only empty.

DuckDB is shown an empty view where there is no table yet; BigQuery asks for a Delta log, by which it knows the columns.
"""

from collections.abc import Iterable, Mapping

import typer

from lakehouse.contracts.model import Contract, Field
from lakehouse.contracts.project import arrow_schema, clean_fields
from lakehouse.places import clean_table
from lakehouse.storage.protocols import TableStore


def prepare() -> None:
    """Make the clean tables that are not there yet, empty, with the columns of their contracts.

    BigQuery cannot be shown a table that has no Delta log: run it once before `terraform apply`, and again after a contract
    was added. A table that is there stays as it is. On a laptop nobody needs it.

    Example: `lakehouse prepare`
    """
    from lakehouse.contracts import registry
    from lakehouse.settings import settings
    from lakehouse.storage.open import open_tables

    contracts = registry()
    made = make_missing(open_tables(settings()), contracts.clean, contracts.vocabulary)
    typer.echo("\n".join(f"made {table}" for table in made) if made else "nothing to do: every clean table is there")


def make_missing(tables: TableStore, contracts: Iterable[Contract], vocabulary: Mapping[str, Field]) -> list[str]:
    """The tables that were made."""
    made = []
    for contract in contracts:
        table = clean_table(contract.domain, contract.table)
        if tables.version(table) < 0:
            # A batch of no rows. Should refine be first in between, this one is a commit that changes nothing.
            tables.append(table, arrow_schema(clean_fields(contract, vocabulary)).empty_table(), "prepared", {})
            made.append(table)
    return made
