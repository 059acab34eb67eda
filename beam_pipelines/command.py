"""`lakehouse land` and `lakehouse refine`: find what waits, run the pipeline on it, say what came of it.

bus ─▶ land ─▶ raw ─▶ refine ─▶ clean
"""

import fcntl
import json
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

import typer

from lakehouse.contracts import registry
from lakehouse.errors import BusyError, require
from lakehouse.places import Home
from lakehouse.settings import settings
from lakehouse.storage.durable import make_folder

Counts = dict[str, dict[str, int]]
_FOLLOW_WAIT_S = 1.0
_LANDED = ("landed", "unreadable", "forgotten")
_REFINED = ("rows", "valid", "duplicates", "rejected", "forgotten", "late")
AsJson = Annotated[bool, typer.Option("--json", help="Print the counts as JSON on stdout instead of a table.")]


def land(
    follow: Annotated[bool, typer.Option(help="Keep landing what arrives until stopped, instead of ending when the bus is empty.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring what waits on the bus into raw: sealed, committed, acknowledged.

    Every record is sealed under the key of the person it is about, so that erasing the person makes it unreadable.
    What is no envelope becomes a dead letter. Killed in the middle, or run twice: nothing is lost and nothing doubled.
    With `--follow`, SIGTERM ends it after the batch in hand.

    Example: `lakehouse land`, or `lakehouse land --follow` beside `lakehouse collect`.
    """
    require("apache_beam", "streaming")
    from beam_pipelines.land import Land
    from beam_pipelines.running import run
    from beam_pipelines.sources import Puller
    from lakehouse.storage.open import open_bus, open_files

    chosen = settings()
    totals: Counts = {contract.id: {} for contract in registry().ingested}
    bus, stop = open_bus(chosen), _Stop()
    try:
        puller = Puller(bus, open_files(chosen), registry().ingested)
        with _progress("landing") as show:
            while not stop.asked:
                batches = puller.take(chosen.land_batch_events, chosen.land_batch_seconds, _FOLLOW_WAIT_S if follow else None)
                if batches:
                    _add(totals, run(batches, Land(chosen)))
                    show(f"{sum(c.get('landed', 0) for c in totals.values()):,} records")
                puller.done()
                if batches is None and not follow:
                    break
    finally:
        bus.close()
    _report("landed", totals, _LANDED, as_json)


def refine(as_json: AsJson = False) -> None:
    """Refine every raw batch that waits into the clean tables, and keep what fails as dead letters.

    A record is opened, held to its contract with the same strictness as at the door, stripped of everything that names
    a person, and added to clean unless its event_id is there. Killed in the middle, or run twice: the same rows.
    Fields that the contract does not know never reach clean; they are counted as drift.

    Example: `lakehouse refine`, after `lakehouse land`.
    """
    require("apache_beam", "streaming")
    from beam_pipelines.refine import Refine, waiting
    from beam_pipelines.running import run

    chosen = settings()
    totals: Counts = {contract.id: {} for contract in registry().ingested}
    with _alone("refine"), _progress("refining") as show:
        groups = waiting(chosen)
        show(f"{sum(b.rows for _, group in groups for b in group.batches):,} records")
        if groups:
            _add(totals, run(groups, Refine(chosen)))
    _report("refined", totals, _REFINED, as_json)


class _Stop:
    """SIGTERM and Ctrl-C ask to stop; what is in hand is finished first."""

    def __init__(self) -> None:
        self.asked = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)

    def _ask(self, _number, _frame) -> None:
        self.asked = True


@contextmanager
def _alone(step: str) -> Iterator[None]:
    """One process at a time: two would both miss in clean what the other is about to commit. Raises BusyError."""
    locks = Home(settings().home).locks
    make_folder(locks)
    fd = os.open(locks / f"{step}.lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BusyError(f"another {step} is running", hint=f"wait for it, or see who it is with `fuser {locks / step}.lock`") from None
    else:
        yield
    finally:
        os.close(fd)


@contextmanager
def _progress(doing: str):
    """A line on stderr that says how far it is."""
    from rich.console import Console

    with Console(stderr=True).status(doing) as status:
        yield lambda words: status.update(f"{doing} {words}")


def _add(totals: Counts, more: Counts) -> None:
    for contract, counts in more.items():
        of_contract = totals.setdefault(contract, {})
        for name, number in counts.items():
            of_contract[name] = of_contract.get(name, 0) + number


def _report(done: str, totals: Counts, names: Sequence[str], as_json: bool) -> None:
    said = {contract: {name: counts.get(name, 0) for name in names} | _drift(counts) for contract, counts in totals.items() if counts}
    if as_json:
        typer.echo(json.dumps({done: said}))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{done}: {sum(c[names[0]] for c in said.values()):,} records")
    table.add_column("contract")
    for name in names:
        table.add_column(name, justify="right")
    for contract, counts in said.items():
        table.add_row(contract, *(f"{counts[name]:,}" for name in names))
    console = Console()
    console.print(table if said else f"nothing to do: no record waits to be {done}")
    for contract, counts in said.items():
        for name, number in counts.get("drift", {}).items():
            console.print(f"[yellow]drift[/] {contract} sends [bold]{name}[/], which its contract does not know: {number:,} times")


def _drift(counts: dict[str, int]) -> dict[str, dict[str, int]]:
    unknown = {name.removeprefix("drift:"): number for name, number in counts.items() if name.startswith("drift:")}
    return {"drift": unknown} if unknown else {}
