"""Who may leave the gate open: the local profile alone. And `lakehouse keys`, as a person uses it."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lakehouse.access.caller import Scope
from lakehouse.access.command import app
from lakehouse.access.open import open_gate, open_keys
from lakehouse.errors import BadInputError, DeniedError, SettingsError, UnavailableError
from lakehouse.settings import Settings
from tests.commands import Done, lakehouse


def test_the_gate_stands_open_on_the_local_profile_alone(home: Path) -> None:
    for access in (None, "off"):
        gate = open_gate(Settings(access=access))
        assert gate.is_open and gate.known(None) == gate.caller("anything")
        gate.caller(None).require(Scope.LIVE_READ, "kzone", frozenset({1}))
    with pytest.raises(SettingsError, match="local profile"):
        open_gate(Settings(profile="gcp", access="off", access_url=f"sqlite:///{home}/keys"))


def test_elsewhere_it_is_closed_even_where_nothing_is_said(home: Path) -> None:
    gate = open_gate(Settings(profile="gcp", access_url=f"sqlite:///{home}/keys"))
    assert not gate.is_open
    with pytest.raises(DeniedError):
        gate.caller(None)
    with pytest.raises(SettingsError, match="LAKEHOUSE_ACCESS_URL"):
        open_gate(Settings(profile="gcp"))


def test_a_store_that_does_not_answer_is_explained(home: Path) -> None:
    with pytest.raises(UnavailableError, match="does not answer"):
        open_keys(Settings(access_url="postgresql+psycopg://nobody@127.0.0.1:1/nothing"))


def keys(*arguments: str) -> Done:
    return lakehouse("keys", *arguments)


def test_keys_are_made_shown_once_listed_rotated_and_revoked(home: Path) -> None:
    made = keys("create", "--purpose", "exam app", "--scope", "events:write", "--scope", "live:read", "--zone", "univprep", "--org", "17")
    assert made.returncode == 0 and made.stdout.count("\n") == 1
    shown = made.stdout.strip()
    gate = open_gate(Settings(access="on"))
    caller = gate.caller(f"Bearer {shown}")
    assert (caller.scopes, caller.zones, caller.orgs) == ({Scope.EVENTS_WRITE, Scope.LIVE_READ}, {"univprep"}, {17})
    assert caller.expires_at - datetime.now(UTC) > timedelta(days=89)

    rotated = keys("rotate", caller.key_id, "--overlap-hours", "1").stdout.strip()
    revoked = keys("revoke", caller.key_id)
    assert revoked.returncode == 0 and caller.key_id in revoked.stdout
    listed = keys("list", "--json")
    rows = [json.loads(line) for line in listed.stdout.splitlines()]
    assert [(r["state"], r["replaces"]) for r in rows] == [("revoked", None), ("active", caller.key_id)]
    assert shown[-43:] not in listed.stdout and rotated[-43:] not in listed.stdout
    gate.caller(f"Bearer {rotated}").require(Scope.EVENTS_WRITE, "univprep", frozenset({17}))
    with pytest.raises(DeniedError):
        gate.caller(f"Bearer {shown}")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--zone", "univprep"), "--all-orgs"),
        (("--all-zones", "--zone", "univprep", "--all-orgs"), "--all-zones"),
        (("--zone", "atlantis", "--all-orgs"), "univprep"),
        (("--all-zones", "--all-orgs", "--events-per-second", "inf"), "default"),
    ],
)
def test_an_oversight_opens_nothing(home: Path, arguments: tuple[str, ...], told: str) -> None:
    refused = CliRunner().invoke(app, ["create", "--purpose", "x", "--scope", "events:write", *arguments])
    assert isinstance(refused.exception, BadInputError) and told in refused.exception.hint
    assert refused.stdout == ""
    assert open_keys(Settings()).all() == []
