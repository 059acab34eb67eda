"""`lakehouse privacy`: what people ask of us about their data, answered and proved."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from lakehouse.privacy import rights_command
from lakehouse.privacy.asking import AsJson, AsRole, ByChannel, ByLaw, Channel, Law, Received, Role, ask, named, opened_office, progress
from lakehouse.privacy.disclosures import command as disclosures_command

app = typer.Typer(
    help="Requests of people about their data: to see it, to have it put right, left alone, forgotten, with proof.", no_args_is_help=True
)
app.registered_commands += rights_command.app.registered_commands + disclosures_command.app.registered_commands


@app.command()
def erase(
    user_id: Annotated[str, typer.Argument(help="The account; `-` reads it, and identifiers on further lines, from stdin.")],
    identifier: Annotated[
        list[str] | None, typer.Option(help="What else the person is known by (an e-mail address, a number, a name), to be searched for.")
    ] = None,
    role: AsRole = Role.self,
    channel: ByChannel = Channel.app,
    law: ByLaw = Law.pipa,
    received: Received = None,
    as_json: AsJson = False,
) -> None:
    """Forget a person at once: their key and pseudonym are destroyed, and nobody sees anything of them any more.

    You vouch for who they are: verify it before. What lies in tables and files is removed by the next `lakehouse privacy
    purge`, for all who wait together, and `lakehouse privacy prove` looks for it everywhere and signs a receipt. It cannot
    be undone. A person who is not known is refused from now on all the same.

    Example: `printf 'student-17\\nmin@example.com\\n' | lakehouse privacy erase -`
    """
    from lakehouse.privacy.erasure.close import close
    from lakehouse.privacy.requests import Kind, Whom

    subject, identifiers = named(user_id, identifier)
    with opened_office() as office:
        request = ask(office, Kind.ERASURE, Whom(subject, tuple(identifiers)), role, channel, law, received)
        (closed,) = close(office, [request])
    if closed.state == "held":
        typer.echo(
            json.dumps({"request_id": request.request_id, "state": "held"})
            if as_json
            else f"{request.request_id}: held by a legal hold; `lakehouse privacy run` goes on once it is released"
        )
        return
    told = office.requests.progress(request.request_id)
    if as_json:
        typer.echo(json.dumps({"request_id": request.request_id, "state": closed.state, "due_at": closed.due_at.isoformat(), **told}))
        return
    typer.echo(
        f"{request.request_id}: the key is destroyed after {told['key_destroyed_ms']} ms, every reader closed after {told['closed_ms']} ms"
    )
    for one in told["recipients"]:
        typer.echo(f"to be told, by you: {one['recipient']} ({', '.join(one['datasets'])})")
    typer.echo(f"due {closed.due_at:%Y-%m-%d}; next: `lakehouse privacy purge`, `lakehouse privacy prove`")


@app.command()
def run(
    close_only: Annotated[bool, typer.Option("--close-only", help="Stage 1 alone, for what has come since.")] = False,
    as_json: AsJson = False,
) -> None:
    """Answer every request that waits: take it up, close it, purge all together, prove. What user_deletion_pipeline runs.

    Requests come as events of privacy.erasure_request (`POST /v1/privacy/requests` makes one), and by `lakehouse privacy erase`.
    Killed anywhere, run it again. Exit code 23: something of a person is still there, and the message says where.
    """
    from datetime import UTC, datetime

    from lakehouse.privacy import training_sets
    from lakehouse.privacy.erasure import close, intake, prove, purge
    from lakehouse.privacy.rights import exports, rectify, restrict

    with opened_office() as office, progress() as tell:
        intake.take_in(office)
        exports.expire(office, datetime.now(UTC))
        answered = [one for one in (rectify.go_on(office, each) for each in rectify.to_rectify(office)) if one.state == "answered"]
        closed = [one for one in close.close(office, close.to_close(office)) if one.state == "closed"]  # and not held
        closed += restrict.close(office, restrict.to_close(office))
        withdrawn = training_sets.follow_consents(office.settings)
        purged, receipts = [], []
        if not close_only:
            answered += restrict.answer(office, restrict.to_answer(office), tell)
            waiting = purge.to_purge(office)
            purged = purge.purge(office, waiting, tell) if waiting else []
            receipts = prove.prove(office, prove.to_prove(office), tell)
    _tell_run(len(closed), purged, receipts, as_json, answered, withdrawn)


@app.command()
def watch(
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks.")] = 2.0,
) -> None:
    """Close every request within seconds of its coming, until stopped: beside `lakehouse ingest`, which brings them to clean.

    What is closed waits for `lakehouse privacy run` to be purged and proved. SIGTERM or Ctrl-C ends it after the one in hand.
    """
    import signal
    import threading

    from lakehouse.privacy.erasure import close, intake
    from lakehouse.privacy.rights import restrict

    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    while not stopped.is_set():
        with opened_office() as office:
            intake.take_in(office)
            for request in close.close(office, close.to_close(office)) + restrict.close(office, restrict.to_close(office)):
                if request.state == "closed":
                    typer.echo(f"{request.request_id}: closed")
        stopped.wait(every)


@app.command()
def overdue(
    ahead_days: Annotated[float, typer.Option(help="Tell of those, too, that are due within so many days.")] = 3.0, as_json: AsJson = False
) -> None:
    """Requests that are due soon, or were: told, and sent as an alert. Exit code 24 where there is any.

    Example: `lakehouse privacy overdue`, every day; user_deletion_pipeline does.
    """
    from datetime import UTC, datetime, timedelta

    from lakehouse.errors import OverdueError
    from lakehouse.privacy.erasure.overdue import tell

    with opened_office() as office:
        now = datetime.now(UTC)
        late = office.requests.overdue(now, timedelta(days=ahead_days))
        if as_json:
            typer.echo(json.dumps([{"request_id": one.request_id, "state": one.state, "due_at": one.due_at.isoformat()} for one in late]))
        if late:
            tell(late, now, office.settings)
            raise OverdueError(
                f"{len(late)} requests are due within {ahead_days:g} days: {', '.join(one.request_id for one in late[:5])}",
                hint="`lakehouse privacy run` answers them; docs/on_call/privacy.md says what holds one up",
            )


@app.command()
def purge(
    again: Annotated[bool, typer.Option("--again", help="Those, too, who are purged and not proved.")] = False, as_json: AsJson = False
) -> None:
    """Remove everybody who is closed from every table, file and log, all together; then nothing old keeps them.

    Whoever was forgotten before, and is back in a table or in the warehouse because it was restored from a backup, goes with
    them; so run it after every restore. Builds wait meanwhile; readers of clean may have to begin again.
    """
    from lakehouse.privacy.erasure import prove as proving
    from lakehouse.privacy.erasure import purge as purging

    with opened_office() as office, progress() as tell:
        waiting = purging.to_purge(office) + (proving.to_prove(office) if again else [])
        done = purging.purge(office, waiting, tell)
    _tell_run(0, done, [], as_json)


@app.command()
def prove(as_json: AsJson = False) -> None:
    """Look for everybody who is purged in every place and in every byte; a signed receipt each, where nothing is found.

    Exit code 23: something is still there. Then nothing is proved, and the message says where it is.
    """
    from lakehouse.privacy.erasure import prove as proving

    with opened_office() as office, progress() as tell:
        receipts = proving.prove(office, proving.to_prove(office), tell)
    _tell_run(0, [], receipts, as_json)


@app.command()
def verify(
    receipt: Annotated[Path, typer.Argument(help="A receipt's file, or the id of its request.")],
    user_id: Annotated[str | None, typer.Option("--user", help="Check, too, that it is about this account.")] = None,
) -> None:
    """Check a receipt: signed by us, changed by nobody, and in the audit log, whose chain is whole. Exit code 14 where not."""
    from lakehouse.errors import CorruptError
    from lakehouse.places import receipt as place_of
    from lakehouse.privacy.erasure.receipt import public_keys
    from lakehouse.privacy.erasure.receipt import verify as check

    with opened_office() as office:
        data = receipt.read_bytes() if receipt.exists() else _of_lake(office.files, place_of(receipt.name))
        try:
            said = json.loads(data)
        except ValueError:
            raise CorruptError("this is no JSON", hint="take the receipt of the lake: platform/privacy/receipts") from None
        found = check(said, public_keys(office.files), office.audit)
        if user_id is not None and office.vault.digest(user_id).hex() != said["subject_digest"]:
            raise CorruptError("the receipt is about somebody else", hint="take the one of this account's request")
    typer.echo(f"{found.request_id}: signed by {found.signing_key}, record {found.audit_sequence} of the audit log, whose chain is whole")


@app.command()
def requests(
    open_only: Annotated[bool, typer.Option("--open", help="Only those that are not answered yet.")] = False, as_json: AsJson = False
) -> None:
    """The register: every request, how far it is, and when it is due; those that are due first, first."""
    from rich.console import Console
    from rich.table import Table

    with opened_office() as office:
        found = [one for one in office.requests.all() if one.is_open or not open_only]
    rows = [
        {
            "request_id": one.request_id,
            "kind": one.kind,
            "state": one.state,
            "law": one.law,
            "received_at": one.received_at.isoformat(timespec="seconds"),
            "due_at": one.due_at.isoformat(timespec="seconds"),
        }
        for one in found
    ]
    if as_json:
        typer.echo(json.dumps(rows))
        return
    table = Table(*(rows[0] if rows else ["request_id", "kind", "state", "law", "received_at", "due_at"]))
    for row in rows:
        table.add_row(*row.values())
    Console().print(table)


@app.command()
def plan(as_json: AsJson = False) -> None:
    """Where copies of people are, as the contracts and the warehouse say now: what an erasure goes through."""
    from lakehouse.privacy.erasure.copies import places
    from lakehouse.settings import settings

    found = [{"step": place.name, "place": one.place, "rows": one.of_rows} for place in places(settings()) for one in place.left([])]
    if as_json:
        typer.echo(json.dumps(found))
        return
    for one in found:
        typer.echo(f"{one['step']:<16} {one['place']:<52} {one['rows']:>12,} rows")


def _of_lake(files, path: str) -> bytes:
    from lakehouse.errors import BadInputError

    try:
        return files.get(path)
    except FileNotFoundError:
        raise BadInputError(
            f"there is no file and no receipt {path}", hint="`lakehouse privacy requests` names those that are proved"
        ) from None


def _tell_run(closed: int, purged: list, receipts: list[dict], as_json: bool, answered: Sequence = (), withdrawn: Sequence = ()) -> None:
    from dataclasses import asdict

    from lakehouse.outcome import tell

    tell(rows=sum(one.rows for one in purged))
    if as_json:
        told = {"closed": closed, "purged": [asdict(one) for one in purged], "receipts": [one["request_id"] for one in receipts]}
        told |= {"answered": [one.request_id for one in answered], "withdrawn": [one["set_id"] for one in withdrawn]}
        typer.echo(json.dumps(told))
        return
    for one in withdrawn:
        typer.echo(f"training set {one['set_id']}: withdrawn")
    for one in answered:
        typer.echo(f"{one.request_id}: {one.kind} answered")
    for one in purged:
        written = f", {one.bytes_written / 1e6:.2f} of {one.bytes_held / 1e6:.2f} MB written anew" if one.bytes_held else ""
        typer.echo(f"{one.place:<52} {one.rows:>9,} rows{written}")
    for one in receipts:
        scan = one["scan"]
        looked = (scan["read_bytes"] + scan["decoded_bytes"]) / 1e6
        typer.echo(f"{one['request_id']}: nothing found in {looked:,.0f} MB of {scan['files']:,} files; signed by {one['signing_key']}")
