"""`lakehouse model`: clean tables in, facts, dimensions, marts and features out."""

from typing import Annotated

import typer


def model(
    full_refresh: Annotated[
        bool, typer.Option("--full-refresh", help="Build every table from nothing: after a model's meaning changed.")
    ] = False,
    select: Annotated[
        list[str] | None, typer.Option(help="Only these models, in dbt's words, such as fact_attempts+; may be repeated.")
    ] = None,
    docs: Annotated[bool, typer.Option("--docs", help="Build nothing; make dbt's documentation as one HTML page, and open it.")] = False,
) -> None:
    """Build the facts, dimensions, marts and features from the clean tables, with dbt, and test them.

    Only the days that have new rows since the last complete build are replaced, and what depends on them; the answer is
    the same as from a build from nothing, in whatever order the rows came. A build that was killed is made up for by the
    next one. Exit code 21: a model or a test failed, and its name is in the message.

    Example: `lakehouse model`, or after editing a mart `lakehouse model --full-refresh`
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from lakehouse.model.build import build
    from lakehouse.outcome import tell
    from lakehouse.settings import settings

    errors = Console(stderr=True)
    if docs:
        from lakehouse.model.docs import make_docs

        with errors.status("documenting every model …"):
            page = make_docs(settings())
        typer.echo(page)
        if errors.is_terminal:
            typer.launch(str(page))
        return
    columns = (TextColumn("[bold]model"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=errors, transient=True) as bar:
        task = bar.add_task("reading what changed", total=None)

        def progress(done: int, total: int, node: str) -> None:
            bar.update(task, completed=done, total=total, description=node)

        done = build(settings(), full_refresh=full_refresh, select=tuple(select or ()), progress=progress)
    tell(rows=done.stored)
    errors.print(done.sentence())
    for name in done.warned:
        errors.print(f"[yellow]warning[/] {name}: dbt_project/tests/{name}.sql says what it means")
