"""`lakehouse replay`: records go through refinement again, after a fix or to rebuild.

dead letters that are open ─┐
raw of a window ────────────┴▶ redriving.py ─▶ a closing table: by which door each of them left
"""

import json
from collections.abc import Iterator
from typing import Annotated

import typer

from beam_pipelines.command import AsJson, _progress
from lakehouse.errors import BadInputError
from lakehouse.moments import moment
from lakehouse.settings import settings

_LETTERS_AT_ONCE = 5_000


def replay(
    errors: Annotated[bool, typer.Option("--errors", help="Drive open dead letters again, instead of a window of raw.")] = False,
    since: Annotated[
        str | None, typer.Option("--from", help="Only what was received from this moment on, such as 2026-11-25T08:30.")
    ] = None,
    until: Annotated[str | None, typer.Option("--to", help="Only what was received before this moment.")] = None,
    contract: Annotated[list[str] | None, typer.Option(help="Only this contract; may be repeated.")] = None,
    code: Annotated[str | None, typer.Option(help="With --errors: only letters that fail for this reason.")] = None,
    field: Annotated[str | None, typer.Option(help="With --errors: only letters that fail for this field.")] = None,
    step: Annotated[str | None, typer.Option(help="With --errors: only letters of this step, land or refine.")] = None,
    into: Annotated[
        str | None, typer.Option(help="Rebuild the clean tables from raw beside the others, in rebuilt/NAME of the lake.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would become of each record, and change nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Refine records again: dead letters after a fix, or any window of raw. What clean has already stays as it is.

    With `--errors` every open dead letter is judged by the contract of today, and ends as replayed (now in clean), duplicate
    (it was there), forgotten (its person was erased), or still failing, with the new reason. Without it the raw records of the
    window are refined again: over an intact table this changes nothing; after partitions were lost, or with `--into`, it gives
    the same rows. Records whose raw file has expired are counted, and so are those that still wait for `lakehouse refine`.

    Killed in the middle, or run twice: the same end. Nobody can refine the same contract meanwhile (exit 12). Times without an offset are UTC.

    Example: `lakehouse replay --errors --contract exam.events --code out_of_range --dry-run`, then without `--dry-run`;
    or `lakehouse replay --from 2026-11-01 --into november`
    """
    from beam_pipelines import current
    from beam_pipelines.locks import alone
    from beam_pipelines.replay import COUNTS, Tally, Window
    from beam_pipelines.stores import stores
    from lakehouse.contracts import registry
    from lakehouse.storage.rules import checked_name

    window = Window(moment(since), moment(until))
    _refuse_what_does_not_go_together(errors, window, into, code or field or step)
    chosen, contracts = settings(), registry()
    at = stores(chosen)
    wanted = [contracts.get(c) for c in contract] if contract else contracts.ingested
    tallies: dict[str, Tally] = {}
    with _progress("replaying") as show:
        for each in wanted:
            tallies[each.id] = tally = Tally()
            with alone(chosen.home, each.id):
                target = _target(at, each, dry_run, checked_name(into) if into else None)
                steps = _letters(target, window, code, field, step) if errors else _raw(target, window, chosen.refine_batch_rows)
                for more in steps:
                    tally.add(**more.counts)
                    show(f"{each.id}: {tally.counts['records']:,} records")
                if not dry_run and into is None and current.has_current(each):
                    current.advance(chosen, each)
        if not dry_run and into is None and tallies.get(current.FLOORS, Tally()).counts["replayed"]:
            current.apply_floors(chosen)
    said = {name: tally.counts for name, tally in tallies.items() if any(tally.counts.values())}
    if as_json:
        typer.echo(json.dumps({"would_replay" if dry_run else "replayed": said}))
    else:
        _show(said, COUNTS, dry_run)


def _refuse_what_does_not_go_together(errors: bool, window, into: str | None, only_letters: str | None) -> None:
    if window.since and window.until and window.since >= window.until:
        raise BadInputError("--from is not before --to", hint="the window holds what was received from --from on and before --to")
    if only_letters and not errors:
        raise BadInputError("--code, --field and --step choose dead letters", hint="add --errors")
    if errors and into:
        raise BadInputError("--errors and --into exclude each other", hint="drive the letters first; --into then finds all in raw")
    if not errors and not into and window.since is None:
        raise BadInputError(
            "which records?", hint="--errors for dead letters, --from (and --to) for a window of raw, --into to rebuild all of it"
        )


def _target(at, contract, is_dry: bool, into: str | None):
    """A predecessor that was killed is finished first."""
    from beam_pipelines import sinks
    from beam_pipelines.redriving import Target, finish_in_hand

    target = Target(at, contract, is_dry, into)
    if not is_dry:
        sinks.finish_in_hand(at, contract)
        finish_in_hand(Target(at, contract))
    return target


def _letters(target, window, code: str | None, field: str | None, step: str | None) -> Iterator:
    from beam_pipelines import letters
    from beam_pipelines.redriving import drive_letters, run_name

    wanted = letters.Wanted(target.contract.id, code, field, step, since=window.since, until=window.until)
    found = letters.search(target.at, wanted).sort_by([("received_at", "ascending"), ("dead_letter_id", "ascending")])
    name = run_name()
    for start in range(0, found.num_rows, _LETTERS_AT_ONCE):
        yield drive_letters(target, found.slice(start, _LETTERS_AT_ONCE), f"{name}-{start}")


def _raw(target, window, most_rows: int) -> Iterator:
    from beam_pipelines import letters, replay, sources
    from beam_pipelines.redriving import drive_raw, refined_at, run_name
    from lakehouse import places

    at, contract = target.at, target.contract
    commits = at.files.list(places.raw_commit_dir(contract.domain, contract.table) + "/")
    batches, refined = replay.chosen(sources.committed(at.files, commits), window), refined_at(at, contract)
    if target.into is None:
        waiting = [b for b in batches if b.batch_id not in refined]
        batches = [b for b in batches if b.batch_id in refined]
        yield _waiting(sum(b.rows for b in waiting))
    ordered, ranks = replay.in_their_order(batches, refined)
    name, kept = run_name(), letters.known_ids(at, contract) if ordered and target.into is None else {}
    for group in sources.groups(contract, ordered, most_rows):
        yield drive_raw(target, group.batches, ranks, window, f"{name}-{group.order}", kept)


def _waiting(rows: int):
    from beam_pipelines.replay import Tally

    tally = Tally()
    tally.add(waiting=rows)
    return tally


def _show(said: dict[str, dict[str, int]], names, is_dry: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not said:
        console.print("nothing to do: no such record is kept")
        return
    total = sum(counts["records"] for counts in said.values())
    table = Table(title=f"{'would replay' if is_dry else 'replayed'}: {total:,} records")
    table.add_column("contract")
    for name in names:
        table.add_column(name.replace("_", " "), justify="right")
    for contract, counts in said.items():
        table.add_row(contract, *(f"{counts[name]:,}" for name in names))
    console.print(table)
    if any(counts["still_failing"] for counts in said.values()):
        console.print("still failing: `lakehouse deadletters count` says why; docs/on_call/dead_letters.md says what to do")
    if any(counts["waiting"] for counts in said.values()):
        console.print("waiting: landed and not refined yet; run `lakehouse refine`")
