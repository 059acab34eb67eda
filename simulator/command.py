"""`lakehouse simulate` and `lakehouse compare`: MegaCity's events in, and its truth against the marts."""

from datetime import date, datetime
from typing import Annotated

import typer

from simulator.calendar import DEFAULT_DAYS, DEFAULT_END_ON


def simulate(
    url: Annotated[str | None, typer.Option(help="The collector; by default this machine at --port.")] = None,
    port: Annotated[int | None, typer.Option(help="Port of a collector on this machine; by default LAKEHOUSE_COLLECTOR_PORT.")] = None,
    scale: Annotated[float, typer.Option(help="1 is about 100,000 events in 7 days; 250 is 25 million.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Another number is another city.", min=0)] = 1,
    days: Annotated[int, typer.Option(help="Business days, at the same pace each.")] = DEFAULT_DAYS,
    end_on: Annotated[
        datetime | None, typer.Option("--end-on", formats=["%Y-%m-%d"], help=f"The last simulated day; by default {DEFAULT_END_ON}.")
    ] = None,
    connections: Annotated[int, typer.Option(help="Connections to the collector at once.", min=1, max=256)] = 4,
    patience: Annotated[float, typer.Option(help="Seconds to go on trying while the collector is away.")] = 60.0,
    source: Annotated[
        bool,
        typer.Option(
            "--source", help="Write the tables into the source database: LAKEHOUSE_SOURCE_URL, or the one served on this machine."
        ),
    ] = False,
    source_url: Annotated[
        str | None,
        typer.Option(help="Write them into this one, as postgresql://host/database; a password belongs in LAKEHOUSE_SOURCE_URL."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the closing counts as JSON.")] = False,
) -> None:
    """Send the days of a simulated MegaCity through the front door, and write down what is true of them.

    Events go to a running collector (`lakehouse collect`) by HTTP, the source database's tables onto the bus as
    snapshots. 0.5 % of the events are sent twice, 1 % late, 0.1 % are malformed, and every verdict is held against the
    one that was foreseen: exit 20 where one differs. The same seed, scale and days give the same bytes; simulating again
    changes nothing behind the front door. With --source the tables are written into PostgreSQL as applications would, and
    change data capture brings them on: start it first, so that every change is seen. The truth is kept in LAKEHOUSE_HOME/truth for `lakehouse compare`.

    Example: `lakehouse simulate --scale 0.1 --seed 7 --port 8080`
    """
    from lakehouse.settings import settings
    from lakehouse.source import IMPORTER
    from lakehouse.source import source_url as known_source
    from simulator import report
    from simulator.calendar import Calendar
    from simulator.city import City

    last: date = end_on.date() if end_on else DEFAULT_END_ON
    city = City(seed, scale, Calendar(last, days))
    where = url or f"http://{settings().collector_host}:{port or settings().collector_port}"
    into = source_url or (known_source(settings(), IMPORTER) if source or settings().source_url else None)
    closing = report.simulate(city, settings(), where, connections, patience, into)
    report.show_counts(closing, as_json)
    report.require_foreseen(closing)


def compare(
    as_json: Annotated[bool, typer.Option("--json", help="Print every measure as JSON, with the keys that differ.")] = False,
    all_keys: Annotated[bool, typer.Option("--all", help="List every key that differs, not only the first few.")] = False,
) -> None:
    """Hold the warehouse against the simulator's truth, measure by measure and key by key; exit 20 where any differs.

    Integers, texts and decimals must be exactly equal; floats (means, ratios) after rounding to 9 significant digits.
    Only the simulated business days are looked at, so that backfilled history or other producers do not matter.

    Example: `lakehouse compare`, after `lakehouse simulate`, `land`, `refine` and `model`
    """
    from lakehouse.settings import settings
    from simulator import comparing, report

    measures = comparing.compare(settings())
    report.show_measures(measures, as_json, all_keys)
    comparing.require_equal(measures)
