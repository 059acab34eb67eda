"""`lakehouse report`: the six dashboards as one HTML page, out of the local warehouse."""

from pathlib import Path
from typing import Annotated

import typer

from lakehouse.access.caller import Role


def report(
    zone: Annotated[str | None, typer.Option(help="One zone only, such as kzone; by default all of them.")] = None,
    output: Annotated[Path | None, typer.Option(help="The file to write; by default report.html in LAKEHOUSE_HOME.")] = None,
    as_: Annotated[
        Role | None, typer.Option("--as", help="As this role sees it: where the gate is open. Elsewhere LAKEHOUSE_DATA_TOKEN says it.")
    ] = None,
) -> None:
    """Render the six dashboards out of the local warehouse into one HTML page that needs no network, and open it.

    Each card is told as it is answered, with its time and rows; the page's path is the last line. The same definitions
    are published to Metabase by `lakehouse dashboards provision`. The page holds what an analyst may see, and leaves an audit record.

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
    from lakehouse.privacy.query import shown
    from lakehouse.privacy.reading import Wanted, reading
    from lakehouse.settings import settings
    from lakehouse.storage.durable import write_file

    for module in ("altair", "jinja2", "vl_convert"):
        require(module, "dashboards")
    contracts, home, errors = registry(), Home(settings().home), Console(stderr=True)
    zone = known_zone(zone, contracts)
    tables = sorted({table for dashboard in dashboards() for table in dashboard.tables})
    asked = [contracts.get(f"curated.{table}") for table in tables]
    with (
        reading(settings(), "report.made", Wanted(as_), Role.ANALYST) as looks,
        shown(settings(), contracts, looks, "report.made", asked) as warehouse,
    ):
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
