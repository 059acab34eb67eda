"""`lakehouse calibrate`: answers in, item parameters and abilities out."""

from typing import Annotated

import typer


def calibrate(
    anew: Annotated[
        bool, typer.Option("--anew", help="Work out every day anew, not only those whose answers changed; the answer is the same.")
    ] = False,
    against_truth: Annotated[
        bool, typer.Option("--against-truth", help="Then hold the newest estimates against what the simulator knows to be true.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done, and the comparison, as JSON.")] = False,
) -> None:
    """Estimate what items ask for (3PL) and what students can do (theta), with standard errors, day by day.

    Reads curated.fact_responses, so run it after `lakehouse model`; what it writes is in the clean zone, and `lakehouse
    model` brings it into dim_item, student_skill_vector and learning_path_vector. Only days whose answers, of the thirty
    days up to them, have changed are worked out; items are calibrated every seven days, or sooner where new ones come. The
    same answers give the same tables, whether at once or day by day. docs/how_to/read_abilities.md says what the figures mean.

    Example: `lakehouse model && lakehouse calibrate && lakehouse model`
    """
    from lakehouse.errors import require

    require("scipy", "psychometrics")
    import json
    from dataclasses import asdict

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from lakehouse.settings import settings
    from psychometrics.run import run

    columns = (TextColumn("[bold]calibrate"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading answers", total=None)
        done = run(settings(), anew, lambda n, total, day: bar.update(task, completed=n, total=total, description=day.isoformat()))
    compared = []
    if against_truth:
        from psychometrics import truth

        compared = truth.compare(settings())
    if as_json:
        typer.echo(json.dumps({"done": asdict(done), "against_truth": [asdict(c) for c in compared]}, default=str))
        return
    typer.echo(
        f"estimated {done.abilities:,} abilities of {done.days:,} days ({done.kept_days:,} had no new answers); "
        f"made {done.calibrations:,} calibrations of {done.items:,} items"
    )
    if done.restless:
        typer.echo(f"warning: {done.restless:,} of them did not come to rest; read their errors as too small", err=True)
    if done.calibrated_on:
        typer.echo(f"newest calibration: {done.calibrated_on}; items that drift by it: {done.drifting:,}")
    if compared:
        Console().print(truth.table(compared))
