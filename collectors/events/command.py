"""`lakehouse collect`: the front door as a process.

start ─▶ listen ─▶ one line of JSON on stdout (and in --ready-file): the address
SIGTERM or Ctrl-C ─▶ stop listening ─▶ answer what is in flight ─▶ close bus and spool ─▶ exit 0
"""

from pathlib import Path
from typing import Annotated

import typer

from lakehouse.errors import BadInputError, require
from lakehouse.settings import settings


def collect(
    host: Annotated[str | None, typer.Option(help="Address to listen on; LAKEHOUSE_COLLECTOR_HOST unless given.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port; 0 takes a free one. LAKEHOUSE_COLLECTOR_PORT unless given.")
    ] = None,
    ready_file: Annotated[
        Path | None, typer.Option(help="Write the address here, as JSON, once requests are answered; removed at the end.")
    ] = None,
) -> None:
    """Take events by HTTP, and answer once they are durable.

    `POST /v1/events` takes one event or an array of up to 1,000; `/docs` describes it, `/metrics` counts it. Example:

        lakehouse collect --port 8080
        curl -H 'Host: univprepai.com' -H 'Content-Type: application/json' localhost:8080/v1/events -d '{"event_id": "…", …}'

    Prints one line of JSON with the address, then serves until SIGTERM or Ctrl-C; then it answers what is in flight and
    ends with 0.
    """
    require("uvicorn", "collectors")
    require("fastapi", "collectors")
    from collectors.events.server import BACKLOG, serve
    from lakehouse.listening import listen

    chosen = settings()
    host, port = host or chosen.collector_host, chosen.collector_port if port is None else port
    listening = listen(host, port, BACKLOG)
    with listening:
        serve(chosen, listening, ready_file)


def republish(
    since: Annotated[
        str | None, typer.Option("--from", help="From this moment on, such as 2026-11-25T08:30; UTC without an offset.")
    ] = None,
    topic: Annotated[list[str] | None, typer.Option(help="Only this topic; may be repeated.")] = None,
) -> None:
    """Publish again what the collector on this machine published lately: where Pub/Sub lost it and nobody noticed.

    A collector notices by itself that a topic or its subscription was made anew; this is for all else, such as a subscription
    that was moved by hand. It runs beside a collector. What was delivered already is delivered twice, and refine drops it.
    How far the journal goes back: LAKEHOUSE_COLLECTOR_JOURNAL_HOURS. Exit 13: the bus is away; run it again.

    Example: `lakehouse republish --from 2026-11-25T08:30`
    """
    from rich.console import Console

    from collectors.events.rebirth import republish
    from lakehouse.moments import moment
    from lakehouse.storage.open import open_bus, open_journal

    chosen = settings()
    journal = open_journal(chosen)
    if journal is None:
        raise BadInputError(
            "there is no journal here",
            hint="in the local profile the bus is a log on disk that loses nothing; elsewhere see LAKEHOUSE_COLLECTOR_JOURNAL_HOURS",
        )
    from_then, bus = moment(since), open_bus(chosen)
    with Console(stderr=True).status("publishing again") as status:
        for each in topic or journal.topics():
            status.update(f"publishing {each} again")
            typer.echo(f"{each}: {republish(bus, journal, each, from_then):,} messages published again")
    bus.close()
