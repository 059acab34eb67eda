"""`lakehouse serve` brings features online; `lakehouse features` reads them back, online or as of a moment."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from lakehouse.access.caller import Role
from lakehouse.privacy.roles import Purpose

USER = "user_pid"

Of = Annotated[
    str | None,
    typer.Option("--of", metavar="REGION", help="Of another region's people: from its copy here, also while that region is away."),
]
As = Annotated[Role | None, typer.Option("--as", help="Read as this role: where the gate is open. Elsewhere LAKEHOUSE_DATA_TOKEN says it.")]

app = typer.Typer(help="Read features: online, or as they were known at a moment.", no_args_is_help=True)


def serve(of: Of = None) -> None:
    """Bring the feature tables online: export to Parquet, register with Feast, write each entity's newest row to the online store.

    The online store is SQLite below the lake's home, or Redis where LAKEHOUSE_REDIS_URL is set. Running it again is
    harmless, and makes good what an interrupted run left. With --of, the copy that another region has put here (`lakehouse
    replicate`) is brought online, in a store of its own.

    Example: `lakehouse model && lakehouse serve`
    """
    from rich.console import Console
    from rich.table import Table

    from feature_repo import replication, serving
    from lakehouse.outcome import tell
    from lakehouse.settings import settings

    table = Table("view", "rows", "online", "newest (UTC)", "export", "load", title="features")
    for column in table.columns:
        column.no_wrap = True
    with Console(stderr=True).status("") as status:
        served = replication.load(settings(), of, status.update) if of else serving.serve(settings(), status.update)
        tell(rows=sum(done.rows for done in served))
        for done in served:
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
    as_: As = None,
    purpose: Annotated[Purpose, typer.Option(help="What for.")] = Purpose.TUTORING,
    of: Of = None,
) -> None:
    """Print what the online store knows of users, as the tutor would read it: nothing of whoever is being erased.

    One audit record a command, however many users it names.

    Example: `lakehouse features online 3f9c… --view engagement_vector`
    """
    import json

    from feature_repo import permitted, serving, training
    from feature_repo.store import open_store
    from lakehouse.privacy.reading import Wanted, reading
    from lakehouse.settings import settings
    from lakehouse.storage import replicas

    lake = replicas.theirs(settings(), of) if of else settings()
    views = [c for c in training.views_for(sorted(training.all_keys()), view or []) if USER in c.keys]
    with reading(settings(), "features.read", Wanted(as_, purpose), Role.ML_ENGINEER) as looks:
        users = permitted.users(lake, looks, views, users)
    if of:
        typer.echo(f"{of}'s features as copied at {replicas.told(lake)['replicated_at']}", err=True)
    store = open_store(lake)
    serving.require_registered(store, views)
    for contract in views:
        rows = serving.online(store, contract, serving.entities_of(lake, contract, users, USER))
        if as_json:
            for row in rows:
                typer.echo(json.dumps({"view": contract.table} | row, default=str))
            continue
        _print(contract, rows)


def _print(contract, rows: list[dict]) -> None:
    """Features downwards; across, the users, or for each user in turn whatever else is a key."""
    from rich.console import Console
    from rich.table import Table

    others = [key for key in contract.keys if key != USER]
    groups = {"": rows} if not others else {user: [r for r in rows if r[USER] == user] for user in dict.fromkeys(r[USER] for r in rows)}
    for user, members in groups.items():
        titles = [" ".join(str(row[key]) for key in others or [USER]) for row in members]
        table = Table(contract.table, *titles, title=user or None)
        table.columns[0].no_wrap = True
        for name in (contract.event_time, *(n for n in contract.names if n not in contract.primary_key)):
            table.add_row(name, *(_shown(row[name]) for row in members))
        Console().print(table)
    if not rows:
        typer.echo(f"{contract.table}: nothing is known of these users")


def _shown(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return "" if value is None else f"{value:,.6g}" if isinstance(value, float) else str(value)


@app.command()
def training(
    entities: Annotated[Path, typer.Option(help="Parquet or CSV: the keys (user_pid, and skill where wanted), a time, and any labels.")],
    output: Annotated[Path, typer.Option(help="Where the frame goes: .parquet or .csv.")],
    timestamp: Annotated[str, typer.Option(help="The column that says when a label was true; without an offset it is UTC.")] = "label_at",
    view: Annotated[list[str] | None, typer.Option(help="Only this view; may be repeated. By default all whose keys the file has.")] = None,
    as_: As = None,
) -> None:
    """Join features to labelled rows as they were known at each label's time: never a value from its future.

    Rows of people who are being erased, whose data is restricted, or whose newest decision does not allow ai_training are left
    out. The frame is put down as a training set, with a manifest beside it: it is withdrawn when one of its people may not be in
    it any more. One audit record a frame.

    Example: `lakehouse features training --entities labels.parquet --output frame.parquet --timestamp label_at`
    """
    from feature_repo import permitted
    from feature_repo import training as frames
    from feature_repo.store import open_store
    from lakehouse.privacy import training_sets
    from lakehouse.privacy.consents import TRAINING
    from lakehouse.privacy.reading import Wanted, reading
    from lakehouse.settings import settings

    labelled = frames.read_entities(entities)
    with reading(settings(), "features.trained", Wanted(as_, Purpose.AI_TRAINING), Role.ML_ENGINEER) as looks:
        views = frames.views_for([name for name in labelled.column_names if name != timestamp], view or [])
        kept_out = permitted.kept_out(settings(), looks, views, frames.people_in(labelled), labelled.num_rows)
    frame = frames.training_frame(open_store(settings()), labelled, timestamp, view or [], kept_out)
    frames.write(frame, output)
    people, asked_by = frames.people_in(frame), looks.reader.actor
    issued = training_sets.issue(settings(), output, people, TRAINING, asked_by, [c.id for c in views], frame.num_rows)
    added = [name for name in frame.column_names if name not in labelled.column_names]
    unknown = sum(frame[name].null_count == frame.num_rows for name in added)
    typer.echo(
        f"{output}: {frame.num_rows:,} rows, {len(added)} features added" + (f", {unknown} of them empty throughout" if unknown else "")
    )
    typer.echo(
        f"training set {issued['set_id']}: {len(people):,} people; ask `lakehouse privacy datasets --check {output.name}` before you load it"
    )
    if left_out := labelled.num_rows - frame.num_rows:
        typer.echo(f"left out: {left_out:,} rows of people who may not be trained on", err=True)
