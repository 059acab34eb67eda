"""`lakehouse dashboards`: check the dashboards, and bring them and their marts to where people look."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lakehouse.errors import BadInputError, ContractError, SettingsError, UnavailableError, require
from lakehouse.privacy.access import Level

if TYPE_CHECKING:
    import psycopg

app = typer.Typer(help="The dashboards: check them, and bring them and their marts to where people look.", no_args_is_help=True)


@app.command()
def check(
    zone: Annotated[str | None, typer.Option(help="Ask as of one zone, such as kzone; by default of all.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON: a line a card.")] = False,
) -> None:
    """Ask every card's query of the built marts: title, milliseconds, rows.

    Ends with 21 at the first card that fails, which the message names; a card without rows is told, and no failure.
    """
    from rich.console import Console

    from dashboards import asking
    from dashboards.definitions import dashboards
    from dashboards.figures import figures
    from dashboards.telling import heard_on
    from dashboards.zones import known_zone
    from lakehouse.contracts.registry import registry
    from lakehouse.places import Home
    from lakehouse.settings import settings

    contracts = registry()
    zone = known_zone(zone, contracts)
    for dashboard in dashboards():
        for card in dashboard.cards:
            figures(card, contracts)
    with asking.opened(Home(settings().home).warehouse) as warehouse, heard_on(Console(stderr=as_json), dashboards()) as heard:
        answers = asking.ask_all(warehouse, dashboards(), zone, heard)
    if as_json:
        for key, told in answers.items():
            for answer in told:
                row = {
                    "dashboard": key,
                    "card": answer.card.title,
                    "ms": round(answer.ms, 1),
                    "rows": len(answer.rows),
                    "is_empty": answer.is_empty,
                }
                typer.echo(json.dumps(row))
    else:
        typer.echo(f"{sum(map(len, answers.values()))} cards of {len(answers)} dashboards answer")


@app.command()
def generate(
    root: Annotated[Path, typer.Option(help="The repository's root.")] = Path(),
    check: Annotated[bool, typer.Option("--check", help="Change nothing; exit 10 where the file is stale.")] = False,
) -> None:
    """Write dbt's exposures, so that its lineage reaches the dashboards. Run it after every edit of a definition."""
    from dashboards import exposures
    from dashboards.definitions import dashboards

    if not exposures.is_stale(root, dashboards()):
        typer.echo("nothing to do: dbt's exposures are fresh")
        return
    if check:
        raise ContractError(f"stale: {exposures.FILE}", hint="run `make generate` and commit what it changes")
    (root / exposures.FILE).write_text(exposures.exposures_text(dashboards()), encoding="utf-8")
    typer.echo(f"wrote {exposures.FILE}")


@app.command()
def publish() -> None:
    """Copy the curated tables into PostgreSQL, fenced by access level, zone and tenant, and put them in place at once.

    Connects by LAKEHOUSE_BI_URL as megacity_bi_owner, the first time as an administrator, who makes the roles. Whoever
    reads meanwhile sees the old tables or the new ones. Who may see what is derived from the contracts: docs/how_to/see_dashboards.md.
    """
    from rich.console import Console
    from rich.table import Table

    from dashboards import asking
    from dashboards.publishing.publish import Published
    from dashboards.publishing.publish import publish as publish_all
    from lakehouse.contracts.registry import registry
    from lakehouse.places import Home
    from lakehouse.privacy.hidden import hidden_people
    from lakehouse.settings import settings
    from lakehouse.storage.open import open_files

    errors = Console(stderr=True)

    def told(one: Published) -> None:
        errors.print(f"{one.table:<28} {one.rows:>10,} rows {one.ms:>7.0f} ms", highlight=False)

    with asking.opened(Home(settings().home).warehouse) as warehouse, _connected() as connection:
        done = publish_all(warehouse, connection, registry(), told, hidden_people(open_files(settings())))
    table = Table("table", "rows", "a row is seen by", "levels", title="published")
    for one in done:
        table.add_row(one.table, f"{one.rows:,}", f"its {one.holding}" if one.holding in ("tenant", "zone") else one.holding, one.levels)
    Console().print(table)


@app.command()
def hide() -> None:
    """Stop showing the people whose erasure has begun, at once and to everybody; `publish` does it, too.

    Reads the pseudonyms that the lake keeps for every reading path, and makes the published marts' list the same.
    """
    from dashboards.publishing import fence
    from lakehouse.privacy.hidden import hidden_people
    from lakehouse.settings import settings
    from lakehouse.storage.open import open_files

    people = hidden_people(open_files(settings()))
    with _connected() as connection:
        fence.hide(connection, people)
    typer.echo(f"{len(people):,} people are hidden")


@app.command()
def grant(
    login: Annotated[str, typer.Argument(help="The login of a person or program, such as metabase_kzone; made where it is new.")],
    level: Annotated[Level, typer.Option(help="L1 public, L2 internal, L3 restricted, L4 admin.")],
    zone: Annotated[list[str] | None, typer.Option(help="A zone that it may see; may be repeated.")] = None,
    all_zones: Annotated[bool, typer.Option("--all-zones", help="It may see every zone.")] = False,
    org: Annotated[list[int] | None, typer.Option(help="A tenant of these zones that it may see; all of them where left out.")] = None,
) -> None:
    """Let a login see the published marts: by level, zone and tenant. Repeating it replaces what it might see before.

    A new login's password goes to stdout, once. Needs an administrator's LAKEHOUSE_BI_URL, and a first publish. Example:

        lakehouse dashboards grant metabase_kzone --level L2 --zone kzone --zone kzone_ai
    """
    from dashboards.publishing import fence
    from dashboards.zones import known_zone
    from lakehouse.contracts.registry import registry

    if bool(zone) == all_zones:
        raise BadInputError("say which zones", hint="either --zone, as often as needed, or --all-zones")
    zones = [fence.ALL] if all_zones else [known_zone(each, registry()) for each in zone]
    with _connected() as connection:
        if not connection.execute("select to_regclass('access.scopes')").fetchone()[0]:
            raise BadInputError("nothing was published there yet", hint="lakehouse dashboards publish")
        password = fence.admit(connection, login, level, zones, org or [])
    where = "all zones" if all_zones else ", ".join(zones)
    typer.echo(f"{login}: {level.value}, {where}" + (f", tenants {', '.join(map(str, org))}" if org else ""), err=True)
    if password:
        typer.echo(password)
        typer.echo("keep it now: it cannot be shown again", err=True)


@app.command()
def provision() -> None:
    """Bring the dashboards into a running Metabase: make what is missing, change what is there, double nothing.

    Needs LAKEHOUSE_METABASE_URL, an administrator's LAKEHOUSE_METABASE_API_KEY (or _USER and _PASSWORD), and
    LAKEHOUSE_METABASE_DATABASE_URL: the published marts as Metabase reaches them. Cards that no definition holds any
    more are archived; what people made elsewhere in Metabase stays as it is.
    """
    from dashboards.definitions import dashboards
    from dashboards.metabase.client import signed_in
    from dashboards.metabase.provisioning import Provisioning
    from lakehouse.contracts.registry import registry
    from lakehouse.settings import settings

    if settings().metabase_database_url is None:
        raise SettingsError(
            "Metabase has no database to ask", hint="set LAKEHOUSE_METABASE_DATABASE_URL with a login of `lakehouse dashboards grant`"
        )
    with signed_in(settings()) as api:
        run = Provisioning(api, registry(), lambda line: typer.echo(line, err=True))
        done = run.run(dashboards(), settings().metabase_database_url.get_secret_value())
    typer.echo(done.sentence())


@app.command()
def export(folder: Annotated[Path, typer.Argument(help="Where the tree goes; files of other names stay.")]) -> None:
    """Write the dashboards as files of Metabase's own format, for its paid editions' import and for review."""
    from dashboards.definitions import dashboards
    from dashboards.metabase import files
    from lakehouse.contracts.registry import registry

    made = files.tree(dashboards(), registry())
    files.write(folder, made)
    typer.echo(f"wrote {len(made)} files below {folder}")


@contextmanager
def _connected() -> "Iterator[psycopg.Connection]":
    """In autocommit. Raises SettingsError, UnavailableError, BadInputError."""
    psycopg = require("psycopg", "dashboards")
    from dashboards.publishing.fence import OWNER
    from lakehouse.settings import settings

    if settings().bi_url is None:
        raise SettingsError("no database for the published marts is known", hint="set LAKEHOUSE_BI_URL to a postgresql:// address")
    try:
        connection = psycopg.connect(settings().bi_url.get_secret_value(), autocommit=True, connect_timeout=10)
    except psycopg.OperationalError as error:
        # libpq's words name host, port and role, never the password
        raise UnavailableError(f"the database of the published marts does not answer: {error}", hint="is LAKEHOUSE_BI_URL right?") from None
    with connection:
        try:
            yield connection
        except psycopg.errors.InsufficientPrivilege as error:
            raise BadInputError(
                f"the database refuses it: {error.diag.message_primary}",
                hint=f"connect as {OWNER}, whose the schemas curated and access must be, or as an administrator",
            ) from error
