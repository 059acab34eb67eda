"""`lakehouse privacy access` and its kin: a person sees, takes along, has put right or left alone what is held of them."""

import json
from pathlib import Path
from typing import Annotated

import typer

from lakehouse.privacy.asking import (
    AsJson,
    AsRole,
    ByChannel,
    ByLaw,
    Channel,
    Law,
    Received,
    Role,
    ask,
    named,
    opened_office,
    progress,
)

app = typer.Typer()
User = Annotated[str, typer.Argument(help="The account; `-` reads it from stdin.")]


@app.command()
def access(
    user_id: Annotated[str | None, typer.Argument(help="The account; `-` reads it, and identifiers on further lines, from stdin.")] = None,
    request_id: Annotated[str | None, typer.Option("--request", help="Answer this request, which came over HTTP or as an event.")] = None,
    portable: Annotated[
        bool, typer.Option("--portable", help="What the person gave us alone, to take elsewhere: nothing that was worked out of it.")
    ] = False,
    role: AsRole = Role.self,
    channel: ByChannel = Channel.app,
    law: ByLaw = Law.pipa,
    received: Received = None,
    as_json: AsJson = False,
) -> None:
    """Make an archive of everything that is held of a person: a sealed ZIP, and a key that is printed once and kept nowhere.

    You vouch for who they are: verify it before. `lakehouse privacy open` opens the archive with the key; hand the two over
    by different ways. It is gone after LAKEHOUSE_PRIVACY_EXPORT_DAYS, or when the person is forgotten.

    Example: `lakehouse privacy access student-17`
    """
    from lakehouse.errors import BadInputError
    from lakehouse.privacy.requests import Kind, Whom
    from lakehouse.privacy.rights import answer

    if (user_id is None) == (request_id is None):
        raise BadInputError("name either an account or a request", hint="`lakehouse privacy access USER`, or --request REQUEST_ID")
    with opened_office() as office, progress() as tell:
        if request_id is None:
            subject, identifiers = named(user_id)
            kind = Kind.PORTABILITY if portable else Kind.ACCESS
            request = ask(office, kind, Whom(subject, tuple(identifiers)), role, channel, law, received)
        else:
            request = office.requests.get(request_id)
        made = answer.answer(office, request, tell)
    told = {"request_id": request.request_id, "path": made.path, "expires_at": made.expires_at.isoformat(timespec="seconds")}
    told |= {"datasets": made.written.datasets, "rows": made.written.rows, "media": made.written.media, "key": made.key}
    if as_json:
        typer.echo(json.dumps(told))
        return
    typer.echo(f"{request.request_id}: {told['datasets']} datasets, {told['rows']:,} rows, {told['media']} recordings in {made.path}")
    typer.echo(f"key, told this once: {made.key}")
    typer.echo(f"until {made.expires_at:%Y-%m-%d}; next: `lakehouse privacy open {request.request_id} --output FILE.zip`")


@app.command("open")
def open_(
    request_id: Annotated[str, typer.Argument(help="The request that the archive answers.")],
    output: Annotated[Path, typer.Option(help="Where the ZIP goes, in clear: delete it once it is handed over.")],
) -> None:
    """Open an archive with the key that was printed with it: asked for, or read from stdin. Recorded in the audit log.

    Exit code 14: the key is another archive's, or a byte is damaged; nothing is written then.

    Example: `lakehouse privacy open REQUEST_ID --output person.zip < key.txt`
    """
    import os
    import sys

    from lakehouse.privacy.rights.exports import opened_with

    key = typer.prompt("key", hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.readline()
    with opened_office() as office:
        office.record("access.opened", purpose="access", request_id=request_id)
        draft = output.with_name(f".{output.name}.{os.getpid()}")
        try:
            with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                for piece in opened_with(office, request_id, key):
                    file.write(piece)
            draft.replace(output)
        finally:
            draft.unlink(missing_ok=True)
    typer.echo(f"{output}: {output.stat().st_size:,} bytes")


@app.command()
def rectify(
    user_id: User,
    dataset: Annotated[str, typer.Option(help="Where it is wrong: a stream or a source table, such as source.users.")],
    field: Annotated[str, typer.Option(help="Which field of it.")],
    value: Annotated[
        str | None, typer.Option(help="What it should say; read from stdin unless given, after the account where that is read, too.")
    ] = None,
    row: Annotated[str | None, typer.Option(help="The key of the row, where a person has several.")] = None,
    zone: Annotated[str | None, typer.Option(help="The site where it was asked; the first of the zones unless given.")] = None,
    org: Annotated[int | None, typer.Option(help="Their tenant; asked for outside the primary region.")] = None,
    role: AsRole = Role.self,
    channel: ByChannel = Channel.app,
    law: ByLaw = Law.pipa,
    received: Received = None,
    as_json: AsJson = False,
) -> None:
    """Have something put right that is wrong about a person: its owner is told, and it is seen here when it has come.

    The source is MegaCity's own database, or the application that sends events: the request goes out on the topic
    privacy.rights_request. `lakehouse privacy run` looks whether a newer record has the value, and the current table and the
    dimensions with it; then the request is answered, with evidence.

    Example: `printf 'min@example.com' | lakehouse privacy rectify student-17 --dataset source.users --field email`
    """
    import sys

    from lakehouse.contracts import registry
    from lakehouse.privacy.requests import Correction, Kind, Whom
    from lakehouse.privacy.rights import rectify as rectifying

    subject, more = (sys.stdin.readline().strip(), []) if user_id == "-" else (user_id, [])
    subject, _ = named(subject, more)
    correction = Correction(dataset, field, sys.stdin.read().strip() if value is None else value, row)
    rectifying.wanted(correction)
    whom = Whom(subject, correction=correction)
    with opened_office() as office:
        request = ask(office, Kind.RECTIFICATION, whom, role, channel, law, received)
        rectifying.publish(office, request, whom, zone or registry().zones[0].zone_id, org)
        request = rectifying.go_on(office, request)
    _tell(request, as_json)


@app.command()
def restrict(
    user_id: User,
    reason: Annotated[
        str, typer.Option(help="accuracy_contested, unlawful_processing, needed_for_claims or objection_pending (GDPR, article 18(1)).")
    ],
    role: AsRole = Role.self,
    channel: ByChannel = Channel.app,
    law: ByLaw = Law.pipa,
    received: Received = None,
    as_json: AsJson = False,
) -> None:
    """Keep a person's data and use it no more: at once nobody reads it, and nothing is built, served or trained of it.

    Figures that counted them before follow with the next `lakehouse privacy run`. `lakehouse privacy lift` undoes it all; an erasure
    goes before it.

    Example: `lakehouse privacy restrict student-17 --reason accuracy_contested`
    """
    from lakehouse.errors import BadInputError
    from lakehouse.privacy.requests import Kind, Whom
    from lakehouse.privacy.rights import restrict as restricting

    subject, _ = named(user_id)
    if reason not in restricting.reasons():
        raise BadInputError("a restriction has a reason", hint=f"one of {', '.join(restricting.reasons())}")
    with opened_office() as office:
        request = ask(office, Kind.RESTRICTION, Whom(subject, reason=reason), role, channel, law, received)
        (request,) = restricting.close(office, [request])
    _tell(request, as_json)


@app.command()
def lift(
    user_id: User,
    role: AsRole = Role.self,
    channel: ByChannel = Channel.app,
    law: ByLaw = Law.pipa,
    received: Received = None,
    as_json: AsJson = False,
) -> None:
    """End a restriction: the person is shown again at once, and counted with the next `lakehouse privacy run`.

    Tell the person before (GDPR, article 18(3)). Features online come back with the next `lakehouse serve`.
    """
    from lakehouse.errors import BadInputError
    from lakehouse.privacy.requests import Kind, Whom
    from lakehouse.privacy.rights import restrict as restricting

    subject, _ = named(user_id)
    with opened_office() as office:
        request = ask(office, Kind.LIFTING, Whom(subject), role, channel, law, received)
        (request,) = restricting.close(office, [request])
    if request.refused_at:
        raise BadInputError(
            f"not lifted: {request.refused_because}", hint="`lakehouse privacy restrictions` lists whose data is restricted"
        )
    _tell(request, as_json)


@app.command()
def restrictions(as_json: AsJson = False) -> None:
    """Whose data is kept and not used, by request, why, and since when."""
    from lakehouse.privacy.hidden import restricted_people

    with opened_office() as office:
        people = restricted_people(office.files)
    rows = [{"request_id": r.request_id, "reason": r.reason, "since": r.since.isoformat(timespec="seconds")} for r in people.values()]
    if as_json:
        typer.echo(json.dumps(rows))
        return
    for row in rows:
        typer.echo(f"{row['request_id']}  {row['reason']:<20} since {row['since']}")
    typer.echo(f"{len(rows):,} people are restricted")


@app.command()
def consents(user_id: User, as_json: AsJson = False) -> None:
    """What a person allows: their newest decision about each purpose, wherever they made it. What they never decided they do not allow.

    Example: `lakehouse privacy consents student-17`
    """
    from lakehouse.privacy import consents as decisions

    subject, _ = named(user_id)
    with opened_office() as office:
        found = office.vault.find([subject]).get(subject)
        office.record("consents.read", purpose="privacy")
        decided = {one.purpose: one for one in decisions.standing(office.settings, found.pid)} if found else {}
    rows = [_decision(purpose, decided.get(purpose)) for purpose in decisions.purposes()]
    if as_json:
        typer.echo(json.dumps(rows))
        return
    for row in rows:
        said = "allowed" if row["is_granted"] else "not allowed" if row["decided_at"] else "never decided"
        typer.echo(f"{row['purpose']:<20} {said:<14} {row['decided_at'] or ''}")


def _decision(purpose: str, one) -> dict:
    if one is None:
        return {"purpose": purpose, "is_granted": False, "decided_at": None, "policy_version": None}
    said = {"decided_at": one.decided_at.isoformat(), "policy_version": one.policy_version}
    return {"purpose": purpose, "is_granted": one.is_granted} | said


@app.command()
def datasets(
    check: Annotated[Path | None, typer.Option(help="Only this file: may it be loaded? Exit code 16 where it is withdrawn.")] = None,
    as_json: AsJson = False,
) -> None:
    """Training sets that were issued: to whom, when, of how many people, and which of them are withdrawn.

    A set is withdrawn when one of its people is forgotten, left alone, or takes their consent back; `lakehouse privacy run` compares.

    Example: `lakehouse privacy datasets --check frame.parquet && train frame.parquet`
    """
    from lakehouse.privacy import training_sets
    from lakehouse.settings import settings

    found = training_sets.issued(settings()) if check is None else [training_sets.require(settings(), check)]
    rows = [{**one, "people": len(one["people"])} for one in found]
    if as_json:
        typer.echo(json.dumps(rows))
        return
    for row in rows:
        state = f"withdrawn ({row['withdrawn'][-1]['because']})" if row["withdrawn"] else "good"
        typer.echo(
            f"{row['set_id']}  {row['issued_at']}  {row['issued_to']:<16} {row['rows']:>9,} rows of {row['people']:>7,} people  {state}"
        )


def _tell(request, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"request_id": request.request_id, "state": request.state, "due_at": request.due_at.isoformat()}))
        return
    typer.echo(f"{request.request_id}: {request.state}, due {request.due_at:%Y-%m-%d}; next: `lakehouse privacy run`")
