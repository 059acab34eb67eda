"""`lakehouse media`: what was uploaded, and whether events and objects belong together."""

import json
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from lakehouse.business_day import business_day, end_of
from lakehouse.contracts import registry
from lakehouse.errors import BadInputError, QualityGateError
from lakehouse.media import checking
from lakehouse.settings import settings
from lakehouse.storage.open import open_files, open_tables, open_vault

app = typer.Typer(help="See what media objects there are, and whether events and objects belong together.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout instead of a table.")]


@app.command("list")
def list_objects(
    contract_id: Annotated[str | None, typer.Option("--contract", help="Only objects that events of this contract refer to.")] = None,
    day: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Only what arrived on this business day.")] = None,
    as_json: AsJson = False,
) -> None:
    """Count the objects by contract, kind and the business day on which they arrived. Nothing that names a person is shown.

    Example: `lakehouse media list --contract kzone.voice.events`
    """
    counts: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for domain in registry().media_domains:
        for record in checking.all_records(open_files(settings()), domain):
            arrived_on = business_day(record.received_at)
            if contract_id in (None, record.contract) and (day is None or day.date() == arrived_on):
                sums = counts[record.contract, record.kind, arrived_on.isoformat()]
                for place, number in enumerate((1, record.plain_bytes, record.sealed_bytes)):
                    sums[place] += number
    names = ("contract", "kind", "arrived_on", "objects", "plain_bytes", "sealed_bytes")
    rows = [dict(zip(names, (*key, *sums))) for key, sums in sorted(counts.items())]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    table = Table(*names)
    for row in rows:
        table.add_row(*(f"{value:,}" if isinstance(value, int) else value for value in row.values()))
    Console().print(table if rows else "no media object is there")


@app.command()
def show(
    media_pid: Annotated[str, typer.Argument(help="An object's name in raw, as `lakehouse media check` tells it.")],
) -> None:
    """Print the record of one object, as JSON: its kind, size, place and digests; never what is in it.

    Example: `lakehouse media show 6c31f4ca48f4a6d9d9940a0d778f2ad6`
    """
    from lakehouse.media.record import encode, find

    if media_pid.isalnum():
        for contract in registry():
            if contract.media_kinds and (record := find(open_files(settings()), contract, media_pid)):
                typer.echo(encode(record).decode())
                return
    raise BadInputError("no media object has this name", hint="`lakehouse media check` names those that want a look")


@app.command()
def check(
    grace_minutes: Annotated[
        float, typer.Option(min=0, help="How long an event may wait for its object, or an object for its event.")
    ] = 60,
    tidy: Annotated[
        bool, typer.Option("--tidy", help="Also remove objects that were cut off before they had a record, of days that are over.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Hold every reference in the clean tables against the objects in raw, and the other way round; exit 20 where something is amiss.

    Run it after `lakehouse land` and `lakehouse refine`. An event may come before or after its object: what is younger than the grace
    time only waits, what is older than raw is kept has gone by design, and what belonged to a person who was erased is counted as forgotten.

    Example: `lakehouse media check --grace-minutes 1440`
    """
    files, now = open_files(settings()), datetime.now(UTC)
    with Console(stderr=True).status("checking") as status:
        found = checking.check(
            files, open_tables(settings()), open_vault(settings()), registry(), now, timedelta(minutes=grace_minutes), status.update
        )
        removed = sum(_tidied(domain, now) for domain in registry().media_domains) if tidy else 0
    if as_json:
        typer.echo(
            json.dumps(
                {"found": [{"contract": f.contract, **f.counts, "examples": f.examples} for f in found], "removed": removed}, indent=2
            )
        )
    else:
        _show(found, removed if tidy else None)
    if bad := [f"{f.counts[what]:,} {what} of {f.contract}" for f in found for what in checking.BAD if f.counts[what]]:
        raise QualityGateError(
            f"events and media objects do not belong together: {', '.join(bad)}", hint="docs/on_call/media.md says what to do about each"
        )


def _tidied(domain: str, now: datetime) -> int:
    """An upload takes minutes; one of a day that is over has ended, well or not."""
    files = open_files(settings())
    over = [path for path in checking.uncommitted(files, domain) if _is_over(path, now)]
    for path in over:
        files.delete(path)
    return len(over)


def _is_over(path: str, now: datetime) -> bool:
    arrived_on = date.fromisoformat(path.rpartition("/")[0].rpartition("dt=")[2])
    return now > end_of(arrived_on) + timedelta(hours=1)


def _show(found: list[checking.Found], removed: int | None) -> None:
    table = Table("contract", "what", "count", "meaning", "media_pid of the first")
    for answer in found:
        for what in (*checking.GOOD, *checking.BAD):
            if count := answer.counts[what]:
                table.add_row(answer.contract, what, f"{count:,}", checking.MEANINGS[what], "\n".join(answer.examples.get(what, ())))
    console = Console()
    console.print(table if table.row_count else "nothing to check: there is neither a reference nor an object")
    if removed is not None:
        console.print(f"removed {removed:,} objects that never had a record")
