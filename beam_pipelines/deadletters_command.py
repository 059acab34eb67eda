"""`lakehouse deadletters`: what could not go on, why, and what became of it.

letters.py ─▶ list (one line a letter) | count (one line a reason) | show (one letter; what is inside only on request)
"""

import json
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer

from lakehouse.errors import QualityGateError
from lakehouse.log import get_log
from lakehouse.moments import moment
from lakehouse.settings import settings

app = typer.Typer(help="Find, count and open dead letters; `lakehouse replay --errors` drives them again.", no_args_is_help=True)
log = get_log(__name__)


class By(StrEnum):
    received = "received"
    failed = "failed"


Contract = Annotated[str | None, typer.Option(help="Only this contract.")]
Code = Annotated[str | None, typer.Option(help="Only this reason, such as out_of_range.")]
FieldName = Annotated[str | None, typer.Option("--field", help="Only failures of this field.")]
Step = Annotated[str | None, typer.Option(help="Only failures of this step, land or refine.")]
Zone = Annotated[str | None, typer.Option(help="Only this site.")]
Org = Annotated[int | None, typer.Option(help="Only this tenant.")]
Since = Annotated[str | None, typer.Option("--from", help="From this moment on, such as 2026-11-25T08:30; UTC without an offset.")]
Until = Annotated[str | None, typer.Option("--to", help="Before this moment.")]
ByTime = Annotated[By, typer.Option("--by", help="Whether --from and --to mean the arrival or the failure.")]
All = Annotated[bool, typer.Option("--all", help="Also letters that a replay has closed: replayed, duplicate, forgotten.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout instead of a table.")]


@app.command("list")
def list_(
    contract: Contract = None,
    code: Code = None,
    field: FieldName = None,
    step: Step = None,
    zone: Zone = None,
    org: Org = None,
    since: Since = None,
    until: Until = None,
    by: ByTime = By.received,
    all_: All = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List open dead letters, the newest first: what they are, and why they could not go on. Never what is inside.

    Example: `lakehouse deadletters list --contract exam.events --code out_of_range --from 2026-11-25`
    """
    found = _found(contract, code, field, step, zone, org, since, until, by, all_)
    shown = found.slice(0, limit).to_pylist()
    if as_json:
        for letter in shown:
            typer.echo(json.dumps(_told(letter), default=_plain))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("id", "contract", "received", "step", "code", "field", "zone", "org", "state", "tries")
    table.columns[0].no_wrap = True
    for letter in shown:
        said = (letter[n] for n in ("dead_letter_id", "contract", "received_at", "failed_step", "error_code", "error_field", "zone_id"))
        tail = (letter["org_id"], letter["redrive_state"], letter["redrive_count"])
        table.add_row(*(_cell(value) for value in (*said, *tail)))
    console = Console()
    console.print(table if shown else "no dead letter of this kind")
    if found.num_rows > limit:
        console.print(f"{found.num_rows - limit:,} more: --limit shows more, `lakehouse deadletters count` sums them up")


@app.command("count")
def count(
    contract: Contract = None,
    code: Code = None,
    field: FieldName = None,
    step: Step = None,
    zone: Zone = None,
    org: Org = None,
    since: Since = None,
    until: Until = None,
    by: ByTime = By.received,
    all_: All = False,
    fail_above: Annotated[
        int | None, typer.Option(min=0, help="Exit 20 where more than this are found: for a scheduler or an alert.")
    ] = None,
    prometheus: Annotated[bool, typer.Option(help="Print Prometheus' text format: dead_letters and the age of the oldest.")] = False,
    as_json: AsJson = False,
) -> None:
    """Count open dead letters by contract, step, code and field, with the first and the last of each.

    Example: `lakehouse deadletters count --from 2026-11-25 --fail-above 0`
    """
    from beam_pipelines.letters import summary

    found = _found(contract, code, field, step, zone, org, since, until, by, all_)
    rows = summary(found)
    if prometheus:
        typer.echo(_metrics(rows, datetime.now(UTC)), nl=False)
    elif as_json:
        typer.echo(json.dumps({"dead_letters": found.num_rows, "reasons": rows}, default=_plain))
    else:
        _show_reasons(rows, found.num_rows)
    if fail_above is not None and found.num_rows > fail_above:
        raise QualityGateError(
            f"{found.num_rows:,} dead letters, where {fail_above:,} are allowed",
            hint="docs/on_call/dead_letters.md says what each code means; after the fix, `lakehouse replay --errors`",
        )


@app.command("show")
def show(
    dead_letter_id: Annotated[str, typer.Argument(help="As `lakehouse deadletters list` names it.")],
    reveal: Annotated[bool, typer.Option("--reveal", help="Open the seal and print what is inside; leaves an audit record.")] = False,
    reason: Annotated[str | None, typer.Option(help="With --reveal: why, for the audit record; no names of people.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show one dead letter: its envelope, its reason and what to do. What is inside stays sealed unless --reveal asks for it.

    A letter whose person was or is being erased, whose data is restricted, or whose day's key has expired, is opened to nobody, and
    says so.

    Example: `lakehouse deadletters show 3f0c… --reveal --reason "ticket 812"`
    """
    from beam_pipelines import letters
    from beam_pipelines.stores import stores
    from lakehouse.privacy.hidden import hidden_people
    from lakehouse.verdicts import CODES

    at = stores(settings())
    letter = letters.one(at, dead_letter_id)
    told = _told(letter)
    if meaning := CODES.get(letter["error_code"]):
        told |= {"means": meaning.says, "sender_should": meaning.sender_should}
    if reveal:
        _audit(letter, reason)  # before the seal is opened: no look without a record
        owner = at.vault.keys([letter["subject"]]).get(letter["subject"]) if letter["subject"] else None
        is_hidden = owner is not None and owner.pid in hidden_people(at.files)
        inside = None if is_hidden else letters.opened(at, letter)
        told["payload"] = None if inside is None else _printable(inside)
        told["is_forgotten"] = inside is None
    if as_json:
        typer.echo(json.dumps(told, default=_plain))
        return
    for name, value in told.items():
        if name not in ("payload", "is_forgotten"):
            typer.echo(f"{name:<18} {_cell(value)}")
    if reveal:
        forgotten = (
            "closed: its person was or is being erased or is restricted, or its day has expired and the key that sealed it is destroyed"
        )
        typer.echo(f"\n{told['payload'] if not told['is_forgotten'] else forgotten}")


# --------------------------------------------------------------------------------------------------------------- inside


def _found(contract, code, field, step, zone, org, since, until, by: By, closed_too: bool):
    from beam_pipelines.letters import Wanted, search
    from beam_pipelines.stores import stores

    wanted = Wanted(contract, code, field, step, zone, org, moment(since), moment(until), by.value, closed_too)
    return search(stores(settings()), wanted)


def _told(letter: dict) -> dict:
    """A subject in a letter is the name of a key; where it lies is nobody's business here."""
    return {name: value for name, value in letter.items() if name not in ("path", "row")}


def _audit(letter: dict, reason: str | None) -> None:
    """Who looked at what, when and why: in the audit log, and on the log."""
    from lakehouse.privacy.audit import os_user
    from lakehouse.privacy.chain import ActorKind, Outcome
    from lakehouse.storage.open import open_audit

    audit = open_audit(settings())
    who, told = os_user(), {"dead_letter_id": letter["dead_letter_id"]}
    audit.append(
        "deadletter.revealed",
        actor=who,
        actor_kind=ActorKind.OS_USER,
        dataset=letter["contract"],
        purpose=reason,
        outcome=Outcome.ALLOWED,
        details=told,
    )
    audit.close()
    log.warning("dead_letter_revealed", contract=letter["contract"], by=who, **told)


def _printable(data: bytes) -> str:
    """What anybody sent may hold what a terminal would obey: all but plain characters is written as an escape."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in data.decode(errors="backslashreplace"))


def _show_reasons(rows: list[dict], total: int) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not rows:
        console.print("no dead letter of this kind")
        return
    table = Table(
        "contract", "step", "code", "field", "state", "letters", "first received", "last received", title=f"{total:,} dead letters"
    )
    table.columns[5].justify = "right"
    for r in rows:
        named = (r[n] for n in ("contract", "failed_step", "error_code", "error_field", "redrive_state"))
        times = (r["first_received_at"], r["last_received_at"])
        table.add_row(*map(_cell, named), f"{r['letters']:,}", *map(_cell, times))
    console.print(table)


def _metrics(rows: list[dict], now: datetime) -> str:
    from prometheus_client import CollectorRegistry, Gauge, generate_latest

    collected = CollectorRegistry()
    labels = ["contract", "failed_step", "error_code", "redrive_state"]
    number = Gauge("dead_letters", "Dead letters that are kept.", labels, registry=collected)
    oldest = Gauge(
        "dead_letters_oldest_age_seconds", "Since the oldest dead letter of a contract arrived.", ["contract"], registry=collected
    )
    for row in rows:
        number.labels(*(row[label] for label in labels)).inc(row["letters"])
    for contract in {row["contract"] for row in rows}:
        first = min(row["first_received_at"] for row in rows if row["contract"] == contract)
        oldest.labels(contract).set((now - first).total_seconds())
    return generate_latest(collected).decode()


def _cell(value: object) -> str:
    return "" if value is None else value.isoformat(sep=" ", timespec="seconds") if isinstance(value, datetime) else str(value)


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
