"""`lakehouse vault`: the keys to everything that is sealed, how old they are, and new ones in their place."""

import fcntl
import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from typing import Annotated

import typer

from lakehouse.contracts import registry
from lakehouse.outcome import tell as tell_outcome
from lakehouse.places import Home
from lakehouse.privacy.audit import os_user
from lakehouse.privacy.chain import ActorKind
from lakehouse.privacy.rotation import EVERY, refuse_overdue, retire_column_keys, standing
from lakehouse.privacy.rotation import rotate as rotate_keys
from lakehouse.settings import Settings, settings
from lakehouse.storage.open import open_audit, open_files, open_tables, open_vault
from lakehouse.storage.turns import held

app = typer.Typer(help="The keys in the vault: how old they are, and new ones in their place.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]


@app.command()
def status(as_json: AsJson = False) -> None:
    """Which generation of keys is in use, and when the next is due. Exit code 24 where it is due, or one was begun and not ended.

    Example: `lakehouse vault status`, every day; daily_key_rotation does.
    """
    vault = open_vault(settings())
    now = standing(vault.keyring)
    columns = vault.named("column:")
    if as_json:
        moments = {name: at and at.isoformat() for name, at in (("made_at", now.made_at), ("due_at", now.due_at))}
        typer.echo(json.dumps(asdict(now) | moments | {"column_keys": columns}))
    else:
        made, due = (at.strftime("%Y-%m-%d") if at else "unknown" for at in (now.made_at, now.due_at))
        typer.echo(f"generation {now.generation}, wrapped by {now.key_version or 'the first version'}, made {made}; the next is due {due}")
        typer.echo(f"column keys: {', '.join(name.removeprefix('column:') for name in columns) or 'none yet'}")
    refuse_overdue(now, datetime.now(UTC))


@app.command()
def rotate(
    when_due: Annotated[
        bool, typer.Option("--when-due", help=f"Only where the keys are {EVERY.days} days old, or a rotation waits to be ended.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Put new keys in the place of the old: a new version wraps a new master key, which wraps every data key anew; then the old go.

    Nothing in the lake is touched, and everybody works on meanwhile. Afterwards no older copy of the vault can be opened, by
    nobody: back up the vault and its key together again. Killed anywhere, run it again: it ends what was begun. The old version is
    overwritten and removed; in Cloud KMS its destruction is scheduled. Column keys that no file needs any more go with it.

    Example: `lakehouse vault rotate --when-due`, every day
    """
    chosen = settings()
    with held(Home(chosen.home), "rotation.lock", fcntl.LOCK_EX, 0.0, "another `lakehouse vault rotate` is at work"):
        vault = open_vault(chosen)
        before = standing(vault.keyring)
        if when_due and not (before.is_half_done or before.is_due(datetime.now(UTC))):
            _say(as_json, {"rotated": False, "due_at": before.due_at.isoformat()}, f"not due before {before.due_at:%Y-%m-%d}")
            return
        record = _recorder(chosen)
        done = rotate_keys(vault.keyring, record)
        retired = retire_column_keys(vault, registry(), open_tables(chosen), open_files(chosen), record)
    tell_outcome(rows=done.rewrapped)
    _say(
        as_json,
        {"rotated": True, **asdict(done), "column_keys_destroyed": retired},
        f"{'ended: ' if done.was_half_done else ''}generation {done.generation}, wrapped by {done.key_version}; "
        f"{done.rewrapped:,} keys wrapped anew; destroyed: {', '.join([*done.destroyed, *retired]) or 'nothing'}",
    )


def _recorder(settings: Settings) -> Callable[..., object]:
    audit = open_audit(settings)
    by = partial(audit.append, actor=os_user(), actor_kind=ActorKind.OS_USER, purpose="rotation")
    return lambda action, **details: by(action, details=details)


def _say(as_json: bool, facts: dict, text: str) -> None:
    typer.echo(json.dumps(facts) if as_json else text)
