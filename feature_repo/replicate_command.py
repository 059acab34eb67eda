"""`lakehouse replicate`: copies of feature vectors in other regions."""

from typing import Annotated

import typer


def replicate(
    to: Annotated[
        list[str] | None, typer.Option(metavar="REGION", help="Only to this region; may be repeated. By default all of LAKEHOUSE_REPLICAS.")
    ] = None,
    dataset: Annotated[list[str] | None, typer.Option(help="Only this one; may be repeated. By default all that may leave.")] = None,
    is_planned: Annotated[bool, typer.Option("--plan", help="Say what would be copied, and copy nothing.")] = False,
    withdraw: Annotated[str | None, typer.Option(metavar="REGION", help="Delete the copy in this region instead.")] = None,
) -> None:
    """Copy feature vectors to other regions: by pseudonym, and nothing else. What is about a person by more than that stays in its region.

    A dataset is copied where its contract says `replicated: true`; one that holds anything personal may not say so. Each copy is
    replaced, less whoever is being erased or is restricted. An erasure reaches every copy. In the other region, `lakehouse serve --of`
    brings a copy online, and `lakehouse features online --of` reads it, also while this region is away.

    Example: `lakehouse serve && lakehouse replicate --plan && lakehouse replicate`
    """
    from rich.console import Console
    from rich.table import Table

    from feature_repo import replication
    from lakehouse.outcome import tell
    from lakehouse.settings import settings

    if withdraw is not None:
        files = replication.withdraw(settings(), withdraw)
        typer.echo(f"{withdraw}: the copy of {settings().region}'s features is deleted ({files} files)")
        return
    planned = replication.plan(settings(), dataset or [], to or [])
    if not planned.copies:
        typer.echo(f"nothing is copied: LAKEHOUSE_REPLICAS names no region but {settings().region}, if any")
        return
    table = Table("region", "dataset", *([] if is_planned else ["rows"]), title=f"features of {settings().region}, copied by pseudonym")
    if is_planned:
        for region_id in planned.copies:
            for contract in planned.contracts:
                table.add_row(region_id, contract.id)
    else:
        with Console(stderr=True).status("") as status:
            copied = list(replication.copy(settings(), planned, status.update))
        tell(rows=sum(one.rows for one in copied))
        for one in copied:
            table.add_row(one.region_id, f"features.{one.table}", f"{one.rows:,}")
    Console().print(table)
