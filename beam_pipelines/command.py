"""`lakehouse land`, `refine` and `ingest`: find what waits, run the steps on it, say what came of it.

bus ─▶ land ─▶ raw ─▶ refine ─▶ clean        each by itself, a large batch at a time, in Beam
bus ─▶ ingest ─────────────────▶ clean        both in one process, small batches, within seconds
"""

import json
import signal
import time
from collections.abc import Sequence
from contextlib import ExitStack, contextmanager
from typing import Annotated, Literal

import typer

from beam_pipelines.counts import Counts, add, total
from lakehouse.contracts import registry
from lakehouse.errors import require
from lakehouse.outcome import tell
from lakehouse.settings import settings

_FOLLOW_WAIT_S = 1.0
_LANDED = ("landed", "unreadable", "forgotten")
_INGESTED = ("landed", "unreadable", "valid", "duplicates", "rejected", "forgotten", "late")
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
    from beam_pipelines.pulling import Puller
    from beam_pipelines.running import run
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
                    add(totals, run(batches, Land(chosen)))
                    show(f"{sum(c.get('landed', 0) for c in totals.values()):,} records")
                puller.done()
                if batches is None and not follow:
                    break
    finally:
        bus.close()
    _report("landed", totals, _LANDED, as_json)


def refine(
    follow: Annotated[bool, typer.Option(help="Keep refining what is landed until stopped, instead of ending when nothing waits.")] = False,
    as_json: AsJson = False,
) -> None:
    """Refine every raw batch that waits into the clean tables, and keep what fails as dead letters.

    A record is opened, held to its contract with the same strictness as at the door, stripped of everything that names
    a person, and added to clean unless its event_id is there. Killed in the middle, or run twice: the same rows.
    Fields that the contract does not know never reach clean; they are counted as drift. With `--follow`, SIGTERM ends
    it after the batch in hand. Two processes may refine different contracts; the same one in turn only (exit 12 where
    its turn does not come).

    Example: `lakehouse refine`, after `lakehouse land`.
    """
    require("apache_beam", "streaming")
    from beam_pipelines.current import FLOORS, apply_floors
    from beam_pipelines.ingest import refine_waiting
    from beam_pipelines.locks import alone
    from beam_pipelines.refine import Refine, waiting
    from beam_pipelines.running import run

    chosen, contracts = settings(), registry().ingested
    totals: Counts = {contract.id: {} for contract in contracts}
    stop = _Stop() if follow else None
    with _progress("refining") as show:
        while stop is not None and not stop.asked:
            before = total(totals, "rows")
            for contract in contracts:
                add(totals, refine_waiting(chosen, [contract]))
            show(f"{total(totals, 'rows'):,} records")
            if total(totals, "rows") == before:
                time.sleep(_FOLLOW_WAIT_S / 4)
        if stop is None:
            with ExitStack() as locked:
                for contract in sorted(contracts, key=lambda c: c.id):
                    locked.enter_context(alone(chosen.home, contract.id))
                groups = waiting(chosen)
                show(f"{sum(b.rows for _, group in groups for b in group.batches):,} records")
                if groups:
                    add(totals, run(groups, Refine(chosen)))
            if totals[FLOORS]:
                apply_floors(chosen)
    _report("refined", totals, _REFINED, as_json)


def ingest(
    layer: Annotated[
        Literal["stream", "table"] | None,
        typer.Option(help="Only events (stream) or only changes of the source database (table); by default both."),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="End when the bus is empty, instead of going on until stopped.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring what arrives on the bus into clean within seconds: land and refine in one process, small batches at a time.

    A record is acknowledged once it is durable in raw, and is in clean a moment later; the rules are those of `land` and
    `refine`, and either may run beside it. With `--layer table` it is the CDC writer: it writes when
    LAKEHOUSE_CDC_FLUSH_ROWS changes have come or LAKEHOUSE_CDC_FLUSH_SECONDS have passed, the history of every row to
    source/clean and its current state to source/current. SIGTERM ends it after the batch in hand.

    Example: `lakehouse ingest --layer stream` and `lakehouse ingest --layer table`, beside `lakehouse collect`.
    """
    require("apache_beam", "streaming")
    from beam_pipelines.ingest import Ingest
    from beam_pipelines.stores import stores
    from lakehouse.storage.open import open_bus

    chosen = settings()
    contracts = [c for c in registry().ingested if layer in (None, c.layer)]
    bus, stop, seen = open_bus(chosen), _Stop(), {}
    try:
        with _progress("ingesting") as show:

            def told(counts: Counts) -> None:
                add(seen, counts)
                show(f"{total(seen, 'valid'):,} records in clean")

            totals = Ingest(chosen, bus, stores(chosen).files, contracts, told).run(lambda: stop.asked, follow=not once)
    finally:
        bus.close()
    _report("ingested", totals, _INGESTED, as_json)


class _Stop:
    """SIGTERM and Ctrl-C ask to stop; what is in hand is finished first."""

    def __init__(self) -> None:
        self.asked = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)

    def _ask(self, _number, _frame) -> None:
        self.asked = True


@contextmanager
def _progress(doing: str):
    """A line on stderr that says how far it is."""
    from rich.console import Console

    with Console(stderr=True).status(doing) as status:
        yield lambda words: status.update(f"{doing} {words}")


def _report(done: str, totals: Counts, names: Sequence[str], as_json: bool) -> None:
    said = {contract: {name: counts.get(name, 0) for name in names} | _drift(counts) for contract, counts in totals.items() if counts}
    tell(rows=sum(counts[names[0]] for counts in said.values()))
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
