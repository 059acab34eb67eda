"""`lakehouse serve` brings features online; `lakehouse features` reads them back, online or as of a moment."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Read features: online, or as they were known at a moment.", no_args_is_help=True)


def serve() -> None:
    """Bring the feature tables online: export to Parquet, register with Feast, write each entity's newest row to the online store.

    The online store is SQLite below the lake's home, or Redis where LAKEHOUSE_REDIS_URL is set. Running it again is
    harmless, and makes good what an interrupted run left.

    Example: `lakehouse model && lakehouse serve`
    """
    from rich.console import Console
    from rich.table import Table

    from feature_repo import serving
    from lakehouse.settings import settings

    table = Table("view", "rows", "online", "newest (UTC)", "export", "to online", title="features")
    table.columns[0].no_wrap = True
    with Console(stderr=True).status("") as status:
        for done in serving.serve(settings(), lambda step: status.update(step)):
            newest = f"{done.newest:%Y-%m-%d %H:%M}" if done.newest else "empty"
            table.add_row(
                done.view, f"{done.rows:,}", f"{done.entities:,}", newest, f"{done.export_s:.1f} s", f"{done.materialise_s:.1f} s"
            )
    Console().print(table)


@app.command()
def online(
    users: Annotated[list[str], typer.Argument(help="Pseudonyms (user_pid), as dim_user has them.", metavar="USER_PID…")],
    view: Annotated[list[str] | None, typer.Option(help="Only this view; may be repeated.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON line an entity, for programs.")] = False,
) -> None:
    """Print what the online store knows of users, as the tutor would read it.

    Example: `lakehouse features online 3f9c… --view engagement_vector`
    """
    import json

    from rich.console import Console
    from rich.table import Table

    from feature_repo import serving, training
    from feature_repo.store import open_store
    from lakehouse.settings import settings

    user_key = "user_pid"
    views = [c for c in training.views_for(sorted(training.all_keys()), view or []) if user_key in c.keys]
    store = open_store(settings())
    serving.require_registered(store, views)
    for contract in views:
        rows = serving.online(store, contract, serving.entities_of(settings(), contract, users, user_key))
        if as_json:
            for row in rows:
                typer.echo(json.dumps({"view": contract.table} | row, default=str))
            continue
        table = Table(contract.table, *(" ".join(str(row[key]) for key in contract.keys) for row in rows))
        table.columns[0].no_wrap = True
        for name in (contract.event_time, *(n for n in contract.names if n not in contract.primary_key)):
            table.add_row(name, *(_shown(row[name]) for row in rows))
        Console().print(table if rows else f"{contract.table}: nothing is known of these users")


def _shown(value: object) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


@app.command()
def training(
    entities: Annotated[Path, typer.Option(help="Parquet or CSV: the keys (user_pid, and skill where wanted), a time, and any labels.")],
    output: Annotated[Path, typer.Option(help="Where the frame goes: .parquet or .csv.")],
    timestamp: Annotated[str, typer.Option(help="The column that says when a label was true; without an offset it is UTC.")] = "label_at",
    view: Annotated[list[str] | None, typer.Option(help="Only this view; may be repeated. By default all whose keys the file has.")] = None,
) -> None:
    """Join features to labelled rows as they were known at each label's time: never a value from its future, never a row lost.

    Example: `lakehouse features training --entities labels.parquet --output frame.parquet --timestamp label_at`
    """
    from feature_repo import training as frames
    from feature_repo.store import open_store
    from lakehouse.settings import settings

    labelled = frames.read_entities(entities)
    frame = frames.training_frame(open_store(settings()), labelled, timestamp, view or [])
    frames.write(frame, output)
    added = [name for name in frame.column_names if name not in labelled.column_names]
    unknown = sum(frame[name].null_count == frame.num_rows for name in added)
    typer.echo(
        f"{output}: {frame.num_rows:,} rows, {len(added)} features added" + (f", {unknown} of them empty throughout" if unknown else "")
    )
