"""`lakehouse query`: SQL for people, over what their role, level, zones and tenants let them see."""

import json
import sys
from enum import StrEnum
from typing import Annotated

import typer

from lakehouse.access.caller import Role
from lakehouse.contracts import registry
from lakehouse.errors import BadInputError
from lakehouse.privacy.access import Level, access, zone_of_lake
from lakehouse.privacy.query import ask, readable
from lakehouse.privacy.reading import Wanted, reading
from lakehouse.privacy.roles import Purpose
from lakehouse.settings import settings


class Shape(StrEnum):
    table = "table"
    json = "json"
    csv = "csv"


def query(
    sql: Annotated[str | None, typer.Argument(help="One SELECT, in DuckDB's dialect; `-` reads it from stdin.")] = None,
    as_: Annotated[
        Role | None, typer.Option("--as", help="Read as this role: where the gate is open. Elsewhere the token says it.")
    ] = None,
    purpose: Annotated[Purpose | None, typer.Option(help="What for; by default the first purpose of the role.")] = None,
    level: Annotated[Level | None, typer.Option(help="No more than this level; by default the role's.")] = None,
    zone: Annotated[list[str] | None, typer.Option(help="Only this zone; may be repeated.")] = None,
    org: Annotated[list[int] | None, typer.Option(min=1, help="Only this tenant; may be repeated.")] = None,
    person: Annotated[str | None, typer.Option(metavar="PID", help="With --as student or parent: whose own rows.")] = None,
    tables: Annotated[bool, typer.Option("--tables", help="List the tables and columns that you may see, and ask nothing.")] = False,
    shape: Annotated[Shape, typer.Option("--format", help="How rows are printed.")] = Shape.table,
    limit: Annotated[int, typer.Option(min=1, help="At most so many rows.")] = 1_000,
) -> None:
    """Ask the local warehouse and clean with SQL, and see what the policy lets you see: no other table, column or row is there.

    Where the gate is closed (LAKEHOUSE_ACCESS) a key or token in LAKEHOUSE_DATA_TOKEN says who you are; options only
    narrow it. What is stored encrypted is shown in clear to whoever may see the column. Every question leaves an audit record: tables,
    role and purpose, and a digest of the SQL.

    Example: `lakehouse query --as analyst --zone kzone "select occurred_on, sum(take_count) from mart_kzone_voice group by 1"`
    """
    contracts = registry()
    known = {z.zone_id for z in contracts.zones}
    if zone and not set(zone) <= known:
        raise BadInputError("no such zone", hint=f"the zones are {', '.join(sorted(known))}")
    wanted = Wanted(as_, purpose, level, frozenset(zone) if zone else None, frozenset(org) if org else None, person)
    with reading(settings(), "table.read", wanted, Role.ANALYST) as looks:
        if tables:
            for contract in readable(contracts, looks.reader):
                sights = looks.reader.sights(access(contract, contracts))
                typer.echo(f"{zone_of_lake(contract)}.{contract.table}: {', '.join(_told(*each) for each in sights.items())}")
            return
        if not sql:
            raise BadInputError("nothing is asked", hint='`lakehouse query "select …"`, or --tables')
        answer = ask(settings(), contracts, looks, sys.stdin.read() if sql == "-" else sql, limit)
    _print(answer, shape)
    if answer.is_cut:
        typer.echo(f"the first {limit:,} rows; --limit shows more", err=True)


def _told(name: str, sight: str) -> str:
    return name if sight == "show" else f"{name} ({sight})"


def _print(answer, shape: Shape) -> None:
    if shape is Shape.json:
        for row in answer.rows:
            typer.echo(json.dumps(dict(zip(answer.columns, row)), default=str, ensure_ascii=False))
        return
    if shape is Shape.csv:
        import csv

        csv.writer(sys.stdout).writerows([answer.columns, *answer.rows])
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table()
    for name in answer.columns:
        table.add_column(Text(_printable(name)))
    for row in answer.rows:
        table.add_row(*(Text("" if value is None else _printable(str(value))) for value in row))
    Console().print(table)


def _printable(value: str) -> str:
    """What anybody sent may hold what a terminal would obey."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in value)
