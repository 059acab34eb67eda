"""`lakehouse source`: MegaCity's source database: serve it here, migrate it, make its months, look at it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lakehouse.errors import BadInputError, require

if TYPE_CHECKING:
    import psycopg

app = typer.Typer(help="The source database: serve it on this machine, migrate it, make its months, look at it.", no_args_is_help=True)


@app.command()
def serve(
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port; 0 takes a free one. By default the one it had last.")] = None,
    ready_file: Annotated[
        Path | None, typer.Option(help="Write the address here, as JSON, once it is migrated and answers; removed at the end.")
    ] = None,
) -> None:
    """Run a real PostgreSQL below LAKEHOUSE_HOME/source: migrated, with its roles, and months made ahead.

    Prints one line of JSON (host, port, database, and the folder that holds a password a role, readable by its owner
    alone), then serves until SIGTERM or Ctrl-C. Every other command finds it by that folder. Example:

        lakehouse source serve --port 5433
    """
    require("alembic", "source")
    require("psycopg", "source")
    from lakehouse.places import Home
    from lakehouse.settings import settings
    from source_database import serving

    serving.serve(Home(settings().home.absolute()), port, ready_file)


@app.command()
def migrate(
    contract: Annotated[
        bool, typer.Option("--contract", help="Apply also what takes a column or table away; programs of the old shape stop working.")
    ] = False,
) -> None:
    """Bring the schema up to date. What takes something away waits for --contract, except in a new database.

    Connects by LAKEHOUSE_SOURCE_URL as megacity_owner, the first time as an administrator, who makes the roles; or to
    the database that `lakehouse source serve` runs. Writers are never kept waiting for longer than half a second at a time.
    """
    with _connected() as connection:
        from lakehouse.settings import settings
        from lakehouse.source import OWNER, source_url
        from source_database import migrating

        applied = migrating.migrate(source_url(settings(), OWNER), may_take_away=contract)
        now = connection.execute("select version_num from alembic_version").fetchone()[0]
    waiting = migrating.waiting(now)
    typer.echo(f"applied {', '.join(applied)}; the schema is at {now}" if applied else f"nothing to do: the schema is at {now}")
    if waiting:
        typer.echo(
            f"waiting for --contract, once `lakehouse source backfill` is done and no program needs the old shape: {', '.join(waiting)}"
        )


@app.command()
def backfill(
    batch_rows: Annotated[int, typer.Option(min=1, max=100_000, help="Rows of a batch: each is a transaction of its own.")] = 500,
) -> None:
    """Fill the columns that a migration has added, while everybody goes on writing.

    Small batches; pauses while a reader of the write-ahead log is far behind; goes on where it stood when it is run again.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    with _connected() as connection:
        from source_database import expand

        due = expand.due(connection)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("rows"), TimeElapsedColumn())
        with Progress(*columns, console=Console(stderr=True)) as progress:
            for one in due:
                task = progress.add_task(f"{one.table}.{one.column}", total=expand.rows_to_look_at(connection, one))
                rows = expand.run_backfill(connection, one, lambda n, task=task: progress.advance(task, n), batch_rows)
                typer.echo(f"{one.table}.{one.column}: filled {rows:,} rows")
        if not due:
            typer.echo("nothing to do: no column waits to be filled")


@app.command()
def partitions(
    ahead: Annotated[int, typer.Option(min=0, max=120, help="Months to make after this one.")] = 3,
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m"], help="First month, such as 2025-11, where history is imported; by default this one."),
    ] = None,
) -> None:
    """Make the monthly partitions ahead, and move rows there that had to go to a default partition.

    Run it daily: repeating it changes nothing, and several may run at once.
    """
    with _connected() as connection:
        from source_database import partitions as months

        today = datetime.now(UTC).date()
        first = since.date() if since else today
        if first > today:
            raise BadInputError(f"--since {first:%Y-%m} lies ahead", hint="leave it out; --ahead says how many months to make")
        count = (today.year - first.year) * 12 + today.month - first.month + ahead
        made = months.ahead(connection, first, count)
    for one in made:
        typer.echo(f"made {one.partition_name}" + (f", and moved {one.moved_rows:,} rows there" if one.moved_rows else ""))
    typer.echo(f"{len(made)} made" if made else "nothing to do: every month is there")


@app.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False) -> None:
    """Show how the source database stands: revision, backfills, months ahead, stray rows, replication slots.

    Ends with 22 where a slot has lost changes, with 20 where something needs care soon, and says what to do.
    """
    from rich.console import Console
    from rich.table import Table

    with _connected() as connection:
        from source_database import status as state

        found = state.status(connection)
    if as_json:
        typer.echo(json.dumps(found.as_dict(), indent=2))
    else:
        table = Table("what", "state", title="source database")
        table.add_row(
            "revision", f"{found.revision or 'none'}" + (f", waiting: {', '.join(found.revisions_waiting)}" * bool(found.revisions_waiting))
        )
        table.add_row("backfills due", ", ".join(found.backfills_due) or "none")
        for name, month in found.newest_months.items():
            table.add_row(f"months of {name}", f"until {month}" + f", {found.stray_rows.get(name + '_default', 0):,} stray rows")
        for slot in found.slots:
            table.add_row(
                f"slot {slot.slot_name}",
                f"{'active' if slot.is_active else 'nobody reads'}, {slot.kept_bytes:,} bytes wait, {slot.wal_status}",
            )
        Console().print(table)
    found.require_healthy()


@contextmanager
def _connected() -> "Iterator[psycopg.Connection]":
    """As the owner, in autocommit. Raises BadInputError where it does not answer."""
    psycopg = require("psycopg", "source")
    require("alembic", "source")
    from lakehouse.settings import settings
    from lakehouse.source import OWNER, source_url

    url = source_url(settings(), OWNER)
    try:
        connection = psycopg.connect(url, autocommit=True, connect_timeout=10)
    except psycopg.OperationalError as error:
        # libpq's words name host, port and role, never the password; a role of ours is nobody.
        raise BadInputError(
            f"the source database does not answer: {error}", hint="is `lakehouse source serve` running? Or set LAKEHOUSE_SOURCE_URL"
        ) from None
    with connection:
        yield connection
