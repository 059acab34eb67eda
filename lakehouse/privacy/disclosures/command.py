"""`lakehouse privacy disclose` and its kin: what was given to third parties is entered, retracted, and listed."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from lakehouse.privacy.asking import AsJson, named, opened_office

app = typer.Typer()


@app.command()
def disclose(
    recipient: Annotated[str, typer.Option(help="To whom: an organisation's name, as it is registered.")],
    purpose: Annotated[str, typer.Option(help="What for, naming nobody.")],
    basis: Annotated[str, typer.Option(help="What allows it: a legal_basis of contracts/vocabulary.yaml, such as consent.")],
    dataset: Annotated[list[str], typer.Option(help="Of which dataset, by its contract's id; once for each.")],
    at: Annotated[str | None, typer.Option(help="When it was given, in ISO 8601; now unless given.")] = None,
    zone: Annotated[str | None, typer.Option(help="About everybody of a zone, rather than about named accounts.")] = None,
    org: Annotated[int | None, typer.Option(help="About everybody of a tenant.")] = None,
    as_json: AsJson = False,
) -> None:
    """Enter that people's data was given to a third party; whom it is about is read from stdin, an account a line.

    The accounts are kept as keyed digests alone. The entry is kept for five years, after its people were erased, too. They see it in
    their archive (`lakehouse privacy access`), and whoever is erased, restricted or put right has its recipients named, to be told.

    Example: `lakehouse privacy disclose --recipient 'Seoul Office of Education' --purpose 'grants of 2026' --basis consent --dataset exam.events < accounts.txt`
    """
    import sys
    from datetime import UTC, datetime

    from lakehouse.errors import BadInputError
    from lakehouse.moments import moment
    from lakehouse.privacy.disclosures.entering import Given, enter
    from lakehouse.privacy.disclosures.register import Scope

    if zone is not None and org is not None:
        raise BadInputError("a disclosure is about one of these", hint="give --zone or --org, or accounts on stdin")
    scope, value = (Scope.ZONE, zone) if zone is not None else (Scope.ORG, str(org)) if org is not None else (Scope.NAMED, None)
    accounts = [line.strip() for line in sys.stdin if line.strip()] if scope is Scope.NAMED else []
    when = moment(at) or datetime.now(UTC)
    with opened_office() as office:
        entry = enter(office, Given(when, recipient, purpose, basis, tuple(dataset), scope, value, tuple(accounts)))
    if as_json:
        typer.echo(json.dumps(_row(entry)))
        return
    typer.echo(f"{entry.disclosure_id}: {entry.people:,} people, to {entry.recipient}; kept until its term of five years is over")


@app.command()
def retract(
    disclosure_id: Annotated[str, typer.Argument(help="As `lakehouse privacy disclosures` prints it.")],
    reason: Annotated[str, typer.Option(help="What was wrong with the entry, naming nobody.")],
    unsay: Annotated[bool, typer.Option("--unsay", help="Take recipient and purpose out of it: they name a person.")] = False,
) -> None:
    """Say that an entry was wrong: it is shown to nobody whom it was about, and stays in the register, as retracted, until its term.

    Enter what is right with `lakehouse privacy disclose`.

    Example: `lakehouse privacy retract DISCLOSURE_ID --reason 'entered twice'`
    """
    from lakehouse.privacy.disclosures.entering import retract as retracting

    with opened_office() as office:
        retracting(office, disclosure_id, reason, unsay)
    typer.echo(f"{disclosure_id} is retracted")


@app.command()
def disclosures(
    user: Annotated[str | None, typer.Option(help="Only those about this account; `-` reads it from stdin. Recorded.")] = None,
    request_id: Annotated[
        str | None, typer.Option("--request", help="Only those about whoever made this request, erased or not. Recorded.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """To whom people's data was given, when, for what and by which right; the oldest first, retracted entries too.

    Example: `printf student-17 | lakehouse privacy disclosures --user -`
    """
    from lakehouse.errors import BadInputError

    if user is not None and request_id is not None:
        raise BadInputError("these are two questions", hint="give --user or --request")
    with opened_office() as office:
        if user is None and request_id is None:
            found = office.disclosures.all()
        else:
            digest = office.requests.get(request_id).subject_digest if request_id else office.vault.digest(named(user)[0])
            office.record("disclosures.read", purpose="privacy", request_id=request_id)
            found = office.disclosures.of(digest)
    if as_json:
        typer.echo(json.dumps([_row(one) for one in found]))
        return
    for one in found:
        whom = f"{one.people:,} people" + (f" of {one.scope} {one.scope_value}" if one.scope_value else "")
        state = f"  retracted: {one.retracted_because}" if one.retracted_at else ""
        typer.echo(f"{one.disclosure_id}  {one.disclosed_at:%Y-%m-%d}  {one.recipient}: {one.purpose} ({one.legal_basis})")
        typer.echo(f"  {', '.join(one.datasets)}, of {whom}{state}")


def _row(one) -> dict:
    return {name: value.isoformat() if name.endswith("_at") and value else value for name, value in asdict(one).items()}
