"""What the commands of `lakehouse privacy` share: who asks, how and by which law; the office, one at a time; a request put down."""

import uuid
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]


class Role(StrEnum):
    self = "self"
    guardian = "guardian"
    privacy_officer = "privacy_officer"
    authority = "authority"


class Channel(StrEnum):
    app = "app"
    email = "email"
    post = "post"
    phone = "phone"
    in_person = "in_person"


class Law(StrEnum):
    pipa = "pipa"
    gdpr = "gdpr"


AsRole = Annotated[Role, typer.Option("--role", help="In what capacity it is asked.")]
ByChannel = Annotated[Channel, typer.Option("--channel", help="How the request reached us.")]
ByLaw = Annotated[Law, typer.Option("--law", help="By which law it is due: pipa in 10 days, gdpr in 30.")]
Received = Annotated[str | None, typer.Option("--received", help="When it reached us, in ISO 8601; now unless given.")]


def ask(office, kind, whom, role: Role, channel: Channel, law: Law, received: str | None):
    """The request, in the register, verified by whoever runs the command."""
    from lakehouse.moments import moment
    from lakehouse.privacy.requests import Request, due_at

    now = datetime.now(UTC)
    received_at = moment(received) or now
    request = Request(
        request_id=str(uuid.uuid4()),
        kind=kind,
        subject_digest=office.vault.digest(whom.subject),
        request_channel=channel.value,
        requester_role=role.value,
        law=law.value,
        received_at=received_at,
        due_at=due_at(received_at, law.value, kind),
        verified_at=now,
        verified_by=office.actor,
    )
    office.requests.add(request, whom)
    said = {"request_id": request.request_id, "request_channel": channel.value, "requester_role": role.value}
    office.record(f"{kind}.received", purpose=kind, **said)
    return request


def named(user_id: str, more: list[str] | None = None) -> tuple[str, list[str]]:
    """The account and what else a person is known by; `-` reads them from stdin, a line each. Raises BadInputError."""
    import sys

    from lakehouse.errors import BadInputError

    subject, others = user_id, list(more or ())
    if user_id == "-":
        subject, *lines = [line.strip() for line in sys.stdin if line.strip()] or [""]
        others += lines
    if not subject:
        raise BadInputError("no account is named", hint="name it, or write it to stdin, with `-` in its place")
    return subject, others


@contextmanager
def opened_office():
    """One privacy office at a time: what is counted, removed and signed must be so all along."""
    import fcntl

    from lakehouse.places import Home
    from lakehouse.privacy.audit import os_user
    from lakehouse.privacy.chain import ActorKind
    from lakehouse.privacy.erasure.office import Office
    from lakehouse.settings import settings
    from lakehouse.storage.turns import held

    with held(Home(settings().home), "privacy.lock", fcntl.LOCK_EX, 600.0, "another `lakehouse privacy` is at work"):
        yield Office(settings(), os_user(), ActorKind.OS_USER)


@contextmanager
def progress():
    from rich.console import Console

    console = Console(stderr=True)
    with console.status("") as status:
        yield lambda step: status.update(step)
