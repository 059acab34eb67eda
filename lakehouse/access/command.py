"""`lakehouse keys`: give keys to those who send or read, see them, take them back, replace them."""

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from lakehouse.access.caller import RateLimit, Role, Scope
from lakehouse.access.keys import Key, KeyStore
from lakehouse.access.open import open_keys
from lakehouse.contracts import registry
from lakehouse.errors import BadInputError
from lakehouse.settings import settings

app = typer.Typer(help="Give API keys to those who send or read, see them, take them back, replace them.", no_args_is_help=True)
_out, _err = Console(), Console(stderr=True)
KeyId = Annotated[str, typer.Argument(help="The key's id, as `lakehouse keys list` shows it.")]
Days = Annotated[float, typer.Option(min=0.0001, max=3650, help="Days until it ends.")]


@app.command()
def create(
    purpose: Annotated[str, typer.Option(help="What the key is for, such as 'exam app of academy 17'. Name no person.")],
    scope: Annotated[list[Scope], typer.Option(help="What it may do; repeat it for several.")],
    zone: Annotated[list[str] | None, typer.Option(help="A zone it is for; repeat it for several.")] = None,
    all_zones: Annotated[bool, typer.Option("--all-zones", help="For every zone.")] = False,
    org: Annotated[list[int] | None, typer.Option(min=1, help="A tenant it is for; repeat it for several.")] = None,
    all_orgs: Annotated[bool, typer.Option("--all-orgs", help="For every tenant, and for events without one.")] = False,
    role: Annotated[Role | None, typer.Option(help="With data:read: as what it reads, such as ml_engineer.")] = None,
    days: Days = 90,
    events_per_second: Annotated[float, typer.Option(min=0.001, help="Events a second it may send.")] = 2_000,
    bytes_per_second: Annotated[float, typer.Option(min=1, help="Bytes a second it may send, once decompressed.")] = 4_000_000,
    burst_seconds: Annotated[
        float, typer.Option(min=0.1, help="How many seconds' worth it may send at once after a pause; also the most in one request.")
    ] = 10,
) -> None:
    """Make a key, and print it: once, and never again.

    The key alone goes to stdout, what to know about it to stderr. It is sent as `Authorization: Bearer <key>`. Examples:

        lakehouse keys create --purpose 'exam app of academy 17' --scope events:write --zone univprep --org 17
        KEY=$(lakehouse keys create --purpose 'back office' --scope events:write --scope media:write --all-zones --all-orgs)
    """
    zones = _bound(zone, all_zones, "zone")
    known = {z.zone_id for z in registry().zones}
    if zones is not None and not zones <= known:
        raise BadInputError("no such zone", hint=f"the zones are {', '.join(sorted(known))}")
    now = datetime.now(UTC)
    limit = RateLimit(events_per_second, bytes_per_second, burst_seconds)
    if not all(map(math.isfinite, (events_per_second, bytes_per_second, burst_seconds))):
        raise BadInputError("a limit must be a number", hint="leave the option out for its default")
    if (Scope.DATA_READ in scope) != (role is not None):
        raise BadInputError("data:read and a role go together", hint="say --scope data:read and --role, or neither")
    ends = now + timedelta(days=days)
    wanted = Key("", purpose, frozenset(scope), zones, _bound(org, all_orgs, "org"), limit, now, ends, role=role)
    with _Store() as keys:
        shown = keys.create(wanted)
    _tell(shown, f"ends {wanted.expires_at:%Y-%m-%d %H:%M} UTC")


@app.command("list")
def list_keys(as_json: Annotated[bool, typer.Option("--json", help="As JSON, one object a key.")] = False) -> None:
    """List every key: what it may do where, its limits, and whether it is active. Never the key itself.

    Example: `lakehouse keys list`
    """
    now = datetime.now(UTC)
    with _Store() as keys:
        rows = [_told(key, now) for key in keys.all()]
    if as_json:
        typer.echo("\n".join(json.dumps(row) for row in rows))
        return
    table = Table(Column("key", no_wrap=True), "state", "purpose", "scopes", "zones", "orgs", "events/s", "ends")
    for row in rows:
        where = [" ".join(map(str, row[name])) if row[name] is not None else "all" for name in ("zones", "orgs")]
        ends = row["expires_at"][:16]
        table.add_row(row["key_id"], row["state"], row["purpose"], " ".join(row["scopes"]), *where, f"{row['events_per_s']:g}", ends)
    _out.print(table)


@app.command()
def revoke(key_id: KeyId) -> None:
    """Take a key back. Doors refuse it within seconds (LAKEHOUSE_ACCESS_CACHE_SECONDS).

    Example: `lakehouse keys revoke 5f2a9c017be4d863`
    """
    with _Store() as keys:
        key = keys.revoke(key_id, datetime.now(UTC))
    typer.echo(f"{key.key_id} is revoked since {key.revoked_at:%Y-%m-%d %H:%M} UTC")


@app.command()
def rotate(
    key_id: KeyId,
    days: Days = 90,
    overlap_hours: Annotated[float, typer.Option(min=0, max=24 * 90, help="How long the old key goes on working beside the new one.")] = 24,
) -> None:
    """Make a new key with the rights of an old one, which then ends after the overlap.

    Prints the new key as `create` does. Give it out, see that it is used, and let the old one end.

    Example: `lakehouse keys rotate 5f2a9c017be4d863 --overlap-hours 72`
    """
    with _Store() as keys:
        shown = keys.rotate(key_id, datetime.now(UTC), timedelta(days=days), timedelta(hours=overlap_hours))
    _tell(shown, f"{key_id} ends in {overlap_hours:g} hours at the latest")


class _Store:
    """The keys of the settings, for one command."""

    def __enter__(self) -> KeyStore:
        self._keys = open_keys(settings())
        return self._keys

    def __exit__(self, *_) -> None:
        self._keys.close()


def _bound(named: list | None, is_all: bool, what: str) -> frozenset | None:
    """What was named, or None for all; one of both must be said, since an oversight must not open everything."""
    if bool(named) == is_all:
        raise BadInputError(f"say which {what}s the key is for", hint=f"--{what} …, once or more, or --all-{what}s")
    return None if is_all else frozenset(named)


def _tell(shown: str, remark: str) -> None:
    typer.echo(shown)
    _err.print(f"keep it now: it cannot be shown again; {remark}", highlight=False)


def _told(key: Key, now: datetime) -> dict:
    return {
        "key_id": key.key_id,
        "state": key.state(now),
        "purpose": key.purpose,
        "scopes": sorted(key.scopes),
        "zones": None if key.zones is None else sorted(key.zones),
        "orgs": None if key.orgs is None else sorted(key.orgs),
        "events_per_s": key.limit.events_per_s,
        "bytes_per_s": key.limit.bytes_per_s,
        "burst_s": key.limit.burst_s,
        "created_at": key.created_at.isoformat(),
        "expires_at": key.expires_at.isoformat(),
        "revoked_at": key.revoked_at and key.revoked_at.isoformat(),
        "replaces": key.replaces,
        "role": key.role,
    }
