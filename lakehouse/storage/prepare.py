"""`lakehouse prepare`: every clean table is there, with every column of its contract, if only empty; and the list of the hidden.

DuckDB is shown a view that makes up for what is missing; BigQuery asks the Delta log, and fails a query of what is not in it.
"""

from collections.abc import Iterable, Mapping

import typer

from lakehouse.contracts.model import Contract, Field
from lakehouse.contracts.project import arrow_schema, clean_fields
from lakehouse.places import clean_table
from lakehouse.storage.protocols import TableStore


def prepare() -> None:
    """Make the clean tables and columns that contracts have and the lake has not yet, empty, and the list of people whom nobody is shown.

    BigQuery cannot be shown a table that has no Delta log or file, nor a column that no row has brought yet: run it once before
    `terraform apply`, and again after a contract or a field was added. Rows stay as they are. On a laptop nobody needs it.

    Example: `lakehouse prepare`
    """
    from lakehouse.contracts import registry
    from lakehouse.privacy.hidden import tell_engines
    from lakehouse.settings import settings
    from lakehouse.storage.open import open_files, open_tables

    contracts = registry()
    tell_engines(open_files(settings()))
    made = make_missing(open_tables(settings()), contracts.clean, contracts.vocabulary)
    typer.echo("\n".join(f"made {name}" for name in made) if made else "nothing to do: every clean table is as its contract says")


def make_missing(tables: TableStore, contracts: Iterable[Contract], vocabulary: Mapping[str, Field]) -> list[str]:
    """Tables that were made, and columns as table.column. Raises ContractError where a column is there with another type."""
    made = []
    for contract in contracts:
        table, wanted = clean_table(contract.domain, contract.table), arrow_schema(clean_fields(contract, vocabulary))
        there = tables.schema(table)
        missing = [name for name in wanted.names if there is None or name not in there.names]
        if missing:
            # A batch of no rows, named after what it brings. Should refine be first, it is a commit that changes nothing.
            name = "prepared" if there is None else f"prepared {' '.join(missing)}"
            tables.append(table, wanted.empty_table(), name, {})
            made += [table] if there is None else [f"{table}.{name}" for name in missing]
    return made
