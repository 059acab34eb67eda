"""`lakehouse report`: the six dashboards as one HTML page, out of the local warehouse."""

from pathlib import Path
from typing import Annotated

import typer


def report(
    zone: Annotated[str | None, typer.Option(help="One zone only, such as kzone; by default all of them.")] = None,
    output: Annotated[Path | None, typer.Option(help="The file to write; by default report.html in LAKEHOUSE_HOME.")] = None,
) -> None:
    """Render the six dashboards out of the local warehouse into one HTML page that needs no network, and open it.

    Each card is told as it is answered, with its time and rows; the page's path is the last line. The same definitions
    are published to Metabase by `lakehouse dashboards provision`.

    Example: `lakehouse report --zone kzone --output kzone.html`
    """
    from datetime import UTC, datetime

    from rich.console import Console

    from dashboards import asking, page
    from dashboards.definitions import dashboards
    from dashboards.telling import heard_on
    from dashboards.zones import known_zone
    from lakehouse.contracts.registry import registry
    from lakehouse.errors import require
    from lakehouse.places import Home
    from lakehouse.settings import settings
    from lakehouse.storage.durable import write_file

    for module in ("altair", "jinja2", "vl_convert"):
        require(module, "dashboards")
    contracts, home, errors = registry(), Home(settings().home), Console(stderr=True)
    zone = known_zone(zone, contracts)
    with asking.opened(home.warehouse) as warehouse:
        with heard_on(errors, dashboards()) as heard:
            answers = asking.ask_all(warehouse, dashboards(), zone, heard)
        newest = asking.newest_days(warehouse, dashboards(), contracts)
    with errors.status("drawing the page …"):
        text = page.render(dashboards(), page.State(answers, newest, zone, datetime.now(UTC)), contracts)
    made = (output or home.report).absolute()
    write_file(made, text.encode())
    typer.echo(made)
    if errors.is_terminal:
        typer.launch(str(made))
