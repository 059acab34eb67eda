"""`lakehouse contracts`: look at contracts, project them, and write what is derived from them."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from lakehouse.contracts import project
from lakehouse.contracts.registry import Registry, registry
from lakehouse.errors import BadInputError, ContractError

app = typer.Typer(help="Look at contracts, project them, and write what is derived from them.", no_args_is_help=True)
_out = Console()


@app.command("list")
def list_contracts() -> None:
    """List every dataset: its layer, table, owner, and what a row is."""
    table = Table("contract", "layer", "table", "owner", "a row is")
    for contract in sorted(registry(), key=lambda c: (c.layer, c.id)):
        table.add_row(contract.id, contract.layer, contract.table, contract.owner, contract.description)
    _out.print(table)


@app.command()
def show(
    contract_id: Annotated[str, typer.Argument(help="A contract's id, such as exam.events.")],
    form: Annotated[str, typer.Option("--as", help="json-schema, arrow, bigquery, duckdb or expectations.")] = "json-schema",
) -> None:
    """Print a contract as an engine wants it.

    Example: `lakehouse contracts show exam.events --as bigquery`
    """
    contracts = registry()
    contract = contracts.get(contract_id)
    fields = project.clean_fields(contract, contracts.vocabulary) if contract.is_ingested else contract.fields
    forms = {
        "json-schema": lambda: project.json_schema(contract),
        "arrow": lambda: project.arrow_schema(fields),
        "bigquery": lambda: project.bigquery_schema(fields),
        "duckdb": lambda: project.duckdb_columns(fields),
        "expectations": lambda: project.expectations(contract, fields),
    }
    if form not in forms:
        raise BadInputError(f"no projection {form!r}", hint=f"--as takes {', '.join(forms)}")
    answer = forms[form]()
    typer.echo(answer if form == "arrow" else json.dumps(answer, indent=2, ensure_ascii=False))


@app.command()
def generate(
    root: Annotated[Path, typer.Option(help="The repository's root.")] = Path(),
    check: Annotated[bool, typer.Option("--check", help="Change nothing; exit 10 where a file is stale.")] = False,
) -> None:
    """Write the files that are derived from contracts and code; refuse a breaking change.

    Run it after every edit in contracts/, in settings.py or of a command's help.
    """
    from lakehouse.contracts import generate as generator

    contracts = Registry((root / "contracts").resolve())
    if check:
        old = generator.stale(contracts, root)
        if old:
            raise ContractError(f"stale: {', '.join(old)}", hint="run `make generate` and commit what it changes")
        typer.echo("everything generated is fresh")
        return
    changed = generator.write(contracts, root)
    typer.echo("\n".join(f"wrote {path}" for path in changed) if changed else "nothing to do: everything generated is fresh")
