"""What `simulate` and `compare` show: progress on stderr, tables or JSON on stdout."""

import asyncio
import json
import time
from contextlib import nullcontext

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from lakehouse.errors import QualityGateError
from lakehouse.places import Home
from lakehouse.settings import Settings
from lakehouse.storage.open import open_bus
from lakehouse.storage.protocols import Bus
from simulator import run, truth
from simulator.city import EVENTS_PER_DAY, City
from simulator.comparing import Measure
from simulator.run import Simulation
from simulator.sender import Sender, Tally
from simulator.source_writer import SourceWriter

_FEW = 5
_WIDTH = 110


def simulate(city: City, settings: Settings, url: str, connections: int, patience_s: float, source_url: str | None = None) -> dict:
    """Send everything, write the truth, return run.json's content and the seconds it took.

    `source_url`: the source database that the city's tables are written into, rather than being published as snapshots.
    Raises BadInputError where the home holds another city or the source database does not answer, NotDurableError where
    the collector, the bus or the source database does not take it.
    """
    folder = Home(settings.home).truth
    run.require_same_city(folder, city)
    began = time.monotonic()
    with SourceWriter(city, source_url) if source_url else nullcontext() as source:
        simulation = Simulation(city, source)
        tally = _all(simulation, open_bus(settings), url, connections, patience_s)
    closing = run.summary(simulation, tally)
    truth.write(folder, truth.tables(city, simulation.ledger) | simulation.ledger.sat.tables(), closing)
    return closing | {"seconds": round(time.monotonic() - began, 2)}


def _all(simulation: Simulation, bus: Bus, url: str, connections: int, patience_s: float) -> Tally:
    try:
        return asyncio.run(_send(simulation, bus, url, connections, patience_s))
    except ExceptionGroup as group:
        raise group.exceptions[0] from None  # every connection tells the same story
    finally:
        bus.close()


async def _send(simulation: Simulation, bus, url: str, connections: int, patience_s: float) -> Tally:
    columns = (TextColumn("simulate"), BarColumn(), MofNCompleteColumn(), TextColumn("events"), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("events", total=round(EVENTS_PER_DAY * simulation.city.scale * simulation.city.calendar.days * 1.006))
        async with Sender(url, connections, patience_s) as sender:
            await run.send(simulation, bus, sender, lambda events: progress.advance(task, events))
        progress.update(task, total=sender.tally.sent, completed=sender.tally.sent)
    return sender.tally


def show_counts(closing: dict, as_json: bool) -> None:
    if as_json:
        print(json.dumps(closing, indent=2))
        return
    table = Table(title="MegaCity, sent")
    table.add_column("what")
    table.add_column("count", justify="right")
    for name in ("sent", "accepted"):
        table.add_row(f"events {name}", f"{closing[name]:,}")
    table.add_row("events rejected", f"{sum(closing['rejected'].values()):,}")
    for code, count in closing["rejected"].items():
        table.add_row(f"  {code}", f"{count:,}", style="dim")
    table.add_row("sent a second time", f"{closing['duplicates']:,}")
    table.add_row("sent late", f"{closing['late']:,}")
    for kind, count in closing["media_objects"].items():
        table.add_row(f"media objects, {kind}", f"{count:,}")
    table.add_row("requests", f"{closing['requests']:,}")
    table.add_row("  tried again", f"{closing['retries']:,}", style="dim")
    for contract, count in closing["rows_published"].items():
        table.add_row(f"rows of {contract}", f"{count:,}")
    for contract, count in closing["rows_changed"].items():
        table.add_row(f"changes of {contract}", f"{count:,}")
    table.add_row("bad messages put on the bus", f"{sum(closing['dead_letters'].values()):,}")
    table.add_row("seconds", f"{closing['seconds']:,}")
    Console().print(table)


def require_foreseen(closing: dict) -> None:
    """Raises QualityGateError where the collector judged an event otherwise than foreseen."""
    if closing["unexpected_verdicts"]:
        raise QualityGateError(
            f"{closing['unexpected_verdicts']} verdicts of the collector were not foreseen: {'; '.join(closing['unexpected_examples'])}",
            hint="the simulator and the collector must read the same contracts; see simulator/mishaps.py",
        )


def show_measures(measures: list[Measure], as_json: bool, all_keys: bool) -> None:
    if as_json:
        print(json.dumps([m.as_dict() for m in measures], indent=2, default=str, ensure_ascii=False))
        return
    console, table = Console(), Table(title="truth against mart")
    if not console.is_terminal:
        console = Console(width=_WIDTH)  # a log or a file has no edge to keep to
    for name, justify in (("measure", "left"), ("keys", "right"), ("truth", "right"), ("mart", "right"), ("equal", "center")):
        table.add_column(name, justify=justify, no_wrap=True)
    for m in measures:
        table.add_row(
            m.name, f"{m.keys:,}", _number(m.truth), _number(m.mart), "[green]✓[/]" if m.is_equal else f"[red]✗ {len(m.differences)}[/]"
        )
    console.print(table)
    for m in (m for m in measures if not m.is_equal):
        for difference in m.differences if all_keys else m.differences[:_FEW]:
            console.print(f"  {m.name} {difference}", markup=False, highlight=False, soft_wrap=True)
        if not all_keys and len(m.differences) > _FEW:
            console.print(f"  … and {len(m.differences) - _FEW} more: lakehouse compare --all")


def _number(value: object) -> str:
    if value is None:
        return ""
    return f"{value:,.9g}" if isinstance(value, float) else f"{value:,}"
