"""`lakehouse audit`: who looked at what and who decided what; and whether anybody has changed that record since.

audit.py ─▶ list (one line a record) | verify (the whole chain, and a receipt's record in it) | forget (what is older than a year)
"""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from lakehouse.errors import BadInputError, CorruptError
from lakehouse.moments import moment
from lakehouse.privacy.audit import KEPT, os_user
from lakehouse.privacy.chain import ActorKind, Record, check
from lakehouse.settings import settings
from lakehouse.storage.open import open_audit

app = typer.Typer(help="See who looked at what, and prove that nobody changed the record of it.", no_args_is_help=True)


@app.command("list")
def list_(
    since: Annotated[
        str | None, typer.Option("--from", help="From this moment on, such as 2026-11-25T08:30; UTC without an offset.")
    ] = None,
    until: Annotated[str | None, typer.Option("--to", help="Before this moment.")] = None,
    action: Annotated[
        str | None, typer.Option(help="Only this action, such as deadletter.revealed; `erasure.` is all that begin so.")
    ] = None,
    actor: Annotated[str | None, typer.Option(help="Only this key's or token's id, service, or account of a machine.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Only this contract.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest; --json prints all.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a record, all of them, the oldest first: an export.")] = False,
) -> None:
    """List what the audit log has, the newest last. No record names a person.

    Example: `lakehouse audit list --action deadletter.revealed --from 2026-11-01`
    """
    audit = open_audit(settings())
    found = audit.records(moment(since), moment(until), action, actor, dataset)
    if as_json:
        for record in found:
            typer.echo(json.dumps(record.told(), ensure_ascii=False))
        return
    from collections import deque

    from rich.console import Console
    from rich.table import Table

    table = Table("record", "at", "actor", "action", "dataset", "purpose", "outcome", "details")
    shown = deque(found, maxlen=limit)
    for record in shown:
        cells = (record.at[:19], f"{record.actor_kind} {record.actor}", record.action, record.dataset, record.purpose, record.outcome)
        table.add_row(f"{record.sequence}", *(cell or "" for cell in cells), record.details)
    Console().print(table if shown else "no such record")


@app.command()
def verify(
    holds: Annotated[
        str | None, typer.Option(metavar="SEQUENCE:HASH", help="A record that a receipt names: it must be there, as it was.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Check this export of `list --json` instead, which must have no gap.")
    ] = None,
) -> None:
    """Follow the chain of hashes through the whole log. Exit 14 names the first record that is not what was written.

    The end of a chain can be cut off without a broken link. So keep what this prints, or a receipt, in another place, and
    ask for it with --holds later.

    Example: `lakehouse audit verify --holds 812:5b0c…`
    """
    if file is not None:
        records = [_read(line) for line in file.read_text(encoding="utf-8").splitlines() if line]
        before = (records[0].sequence - 1, records[0].previous_hash) if records else ()
        found = check(records, *before)
        named = {f"{record.sequence}:{record.hash}" for record in records}
        is_there = holds is None or holds in named
    else:
        audit = open_audit(settings())
        found = audit.verify()
        is_there = holds is None or audit.contains(*_receipt(holds))
    if not is_there:
        raise CorruptError(
            f"the record {holds.partition(':')[0]} that the receipt names is not there",
            hint="the log was cut off or made anew: keep it as it is, compare it with a backup, and tell the privacy officer",
        )
    typer.echo(f"{found.count:,} records fit; the last is {found.head_sequence}:{found.head_hash}")


@app.command()
def forget(
    older_than_days: Annotated[int, typer.Option(min=KEPT.days, help="Records older than that go.")] = KEPT.days,
) -> None:
    """Remove records older than a year. Where the chain goes on from stays behind, and that they went is a record, too.

    Example: `lakehouse audit forget`
    """
    audit = open_audit(settings())
    # A second more: the log's own clock goes on between our look at it and its own.
    before = datetime.now(UTC) - timedelta(days=older_than_days, seconds=1)
    count = audit.forget_before(before, actor=os_user(), actor_kind=ActorKind.OS_USER)
    typer.echo(f"{count:,} records older than {before:%Y-%m-%d %H:%M} UTC are gone")


def _receipt(holds: str) -> tuple[int, str]:
    sequence, _, hash_ = holds.partition(":")
    if not (sequence.isdecimal() and len(hash_) == 64):
        raise BadInputError(f"{holds!r} names no record", hint="write SEQUENCE:HASH, as `lakehouse audit verify` and a receipt print it")
    return int(sequence), hash_


def _read(line: str) -> Record:
    try:
        return Record.read(json.loads(line))
    except (ValueError, TypeError, KeyError) as error:
        raise BadInputError("the file is no export of the audit log", hint="make one with `lakehouse audit list --json`") from error
