"""`lakehouse retain` and `lakehouse hold`: what is beyond its term goes, and what is held does not."""

import fcntl
import json
import uuid
from datetime import UTC, datetime
from typing import Annotated

import typer

from lakehouse.business_day import business_day
from lakehouse.contracts import registry
from lakehouse.errors import BadInputError
from lakehouse.outcome import tell as tell_outcome
from lakehouse.places import Home
from lakehouse.privacy.audit import os_user
from lakehouse.privacy.chain import ActorKind
from lakehouse.privacy.retention.holds import Hold, Holds, Of
from lakehouse.privacy.retention.run import retain as carry_out
from lakehouse.settings import settings
from lakehouse.storage.open import open_audit, open_vault
from lakehouse.storage.turns import held

app = typer.Typer(help="Legal holds: what must not go, whatever its age, until it is let go.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]


def retain(
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The day to reckon from, not later than today in Seoul, which it is by default."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would go, and remove nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove whatever is kept for longer than its term: raw, media, dead letters, rows that name people, logs, keys of days.

    The terms follow from contracts and classification: raw 7 or 30 days, rows that name people 3 years, logs and the audit log a
    year, entries of disclosures to third parties 5 years. What a hold covers stays and is told, and so is what refine has not read. Afterwards everything is looked at again, and
    a signed report is kept in platform/privacy/retention. Killed anywhere, run it again; a second run changes nothing. Exit code
    23: something is beyond its term still.

    Example: `lakehouse retain --dry-run`
    """
    from rich.console import Console

    day, console = as_of.date() if as_of else settings().as_of or business_day(datetime.now(UTC)), Console(stderr=True)
    busy = "another `lakehouse privacy` or `retain` is at work"
    with held(Home(settings().home), "privacy.lock", fcntl.LOCK_EX, 600.0, busy), console.status("") as status:
        told = carry_out(settings(), day, dry_run, os_user(), status.update)
    tell_outcome(rows=sum(one["removed"] for one in told["rules"]))
    if as_json:
        typer.echo(json.dumps(told))
        return
    for one in told["rules"]:
        if any(one[name] for name in ("removed", "held", "in_force", "waiting")):
            rule, kept = one["rule"], {name: one[name] for name in ("held", "in_force", "waiting") if one[name]}
            said = "".join(f", {count:,} {name.replace('_', ' ')}" for name, count in kept.items())
            typer.echo(
                f"{rule['kind']:<14}{rule['place']:<40} {rule['days']:>5} days {one['removed']:>9,} {'would go' if dry_run else 'gone'}{said}"
            )
    typer.echo(f"{'nothing was removed' if dry_run else 'nothing is beyond its term'}; {len(told['holds'])} holds in force")


@app.command()
def add(
    reason: Annotated[str, typer.Option(help="Why: the number of the case, and no name.")],
    contract: Annotated[str | None, typer.Option(help="Hold all of a contract.")] = None,
    zone: Annotated[str | None, typer.Option(help="Hold what is of a zone.")] = None,
    org: Annotated[int | None, typer.Option(help="Hold what is of a tenant.")] = None,
    person: Annotated[str | None, typer.Option(help="Hold what is of an account; `-` reads it from stdin.")] = None,
) -> None:
    """Hold something: retention leaves it, and an erasure of a person who is held waits, and says so.

    Example: `printf student-17 | lakehouse hold add --person - --reason case-2026-114`
    """
    import sys

    asked = {Of.CONTRACT: contract, Of.ZONE: zone, Of.ORG: org, Of.PERSON: sys.stdin.read().strip() if person == "-" else person}
    given = [(of, value) for of, value in asked.items() if value is not None]
    if len(given) != 1:
        raise BadInputError("a hold is of one thing", hint="give one of --contract, --zone, --org, --person")
    (of, value), vault = given[0], open_vault(settings())
    if of is Of.CONTRACT:
        registry().get(value)
    if of is Of.ZONE and value not in {zone.zone_id for zone in registry().zones}:
        raise BadInputError(f"no zone {value!r}", hint="contracts/reference/zones.yaml names them")
    if of is Of.PERSON:
        if not vault.find([value]):
            raise BadInputError("nobody of that account is known here", hint="see whether it is written as the source database has it")
        value = vault.digest(value).hex()
    hold = Hold(str(uuid.uuid4()), of.value, str(value), reason, os_user(), datetime.now(UTC))
    Holds(vault).add(hold)
    _record("hold.placed", hold)
    typer.echo(hold.hold_id)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """Every hold, the oldest first, those that were released too. A person is a digest."""
    found = Holds(open_vault(settings())).all()
    if as_json:
        typer.echo(json.dumps([_told(hold) for hold in found]))
        return
    for hold in found:
        until = f"released {hold.released_at:%Y-%m-%d}" if hold.released_at else "in force"
        typer.echo(f"{hold.hold_id}  {hold.of:<9}{hold.value[:24]:<26}{hold.placed_at:%Y-%m-%d}  {until}  {hold.reason}")


@app.command()
def release(hold_id: Annotated[str, typer.Argument(help="As `lakehouse hold list` prints it.")]) -> None:
    """Let it go: the next retention removes what is beyond its term, and an erasure that waited goes on."""
    hold = Holds(open_vault(settings())).release(hold_id, os_user())
    _record("hold.released", hold)
    typer.echo(f"{hold_id} is released")


def _record(action: str, hold: Hold) -> None:
    said = {"hold_id": hold.hold_id, "of": hold.of, "reason": hold.reason}
    said |= {"subject_digest": hold.value} if hold.of == Of.PERSON else {"value": hold.value}
    open_audit(settings()).append(action, actor=os_user(), actor_kind=ActorKind.OS_USER, purpose="legal hold", details=said)


def _told(hold: Hold) -> dict:
    moments = {"placed_at": hold.placed_at.isoformat(), "released_at": hold.released_at and hold.released_at.isoformat()}
    return {name: getattr(hold, name) for name in ("hold_id", "of", "value", "reason", "placed_by", "released_by")} | moments
