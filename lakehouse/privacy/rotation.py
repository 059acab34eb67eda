"""Rotating the keys of the vault, every 90 days, without a byte of the lake being touched.

    a new version of the wrapping key ─▶ master key n + 1 ─▶ data keys rewrapped, in batches ─▶ master key n forgotten
        ─▶ audit: key.rotated, key.destroyed ─▶ older versions destroyed ─▶ finished

Killed anywhere, the next one goes on where it was, and does not begin another: the newest generation says whether it is finished.
What it destroys is in the audit log before it is gone; so a rotation that was killed may be told of twice, and never not at all.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from lakehouse.contracts.project import restricted
from lakehouse.contracts.registry import Registry
from lakehouse.errors import OverdueError
from lakehouse.privacy.clean_tables import CleanTables
from lakehouse.privacy.columns import OF_COLUMNS, keys_in
from lakehouse.privacy.keyring import Keyring
from lakehouse.privacy.vault import SqlVault
from lakehouse.storage.protocols import Files, TableStore

EVERY = timedelta(days=90)
AT_ONCE = 5_000
ROTATED, DESTROYED = "key.rotated", "key.destroyed"
Record = Callable[..., object]
"""record(action, **details): into the audit log."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How the keys stand. `made_at` is None where the vault is from before there were rotations: then one is due."""

    generation: int
    key_version: str | None
    made_at: datetime | None
    due_at: datetime | None
    is_half_done: bool
    waiting_keys: int

    def is_due(self, now: datetime) -> bool:
        return self.due_at is None or self.due_at <= now


@dataclass(frozen=True, slots=True)
class Rotated:
    generation: int
    key_version: str
    rewrapped: int
    destroyed: tuple[str, ...]
    was_half_done: bool


def standing(keyring: Keyring) -> Standing:
    newest = keyring.generations()[-1]
    due_at = newest.made_at and newest.made_at + EVERY
    is_half_done = newest.finished_at is None and newest.made_at is not None
    return Standing(newest.number, newest.key_version, newest.made_at, due_at, is_half_done, keyring.waiting())


def refuse_overdue(now: Standing, at: datetime) -> None:
    """Raises OverdueError."""
    if now.is_half_done:
        raise OverdueError("a rotation of the vault's keys was begun and not ended", hint="`lakehouse vault rotate` ends it")
    if now.is_due(at):
        since = f"since {now.due_at:%Y-%m-%d}" if now.due_at else "for the first time"
        raise OverdueError(
            f"the vault's keys are due to be rotated {since}", hint="`lakehouse vault rotate`; then back up vault and key together"
        )


def rotate(keyring: Keyring, record: Record, tell: Callable[[str], None] = lambda _: None) -> Rotated:
    """One at a time. Ends what a predecessor began, if that is what there is to do."""
    before = standing(keyring)
    if not before.is_half_done:
        tell("a new version")
        keyring.begin(before.generation + 1, _version(keyring, before.key_version))
    newest = keyring.generations()[-1]
    rewrapped = 0
    while True:
        while some := keyring.rewrap(AT_ONCE):
            rewrapped += some
            tell(f"{rewrapped:,} keys wrapped anew")
        if keyring.forget():
            break
    record(ROTATED, generation=newest.number, key_version=newest.key_version, rewrapped=rewrapped)
    versions = keyring.wrapper.versions()
    older = versions[: versions.index(newest.key_version)]
    for version in older:
        record(DESTROYED, key_version=version)
        keyring.wrapper.destroy(version)
    keyring.finish()
    return Rotated(newest.number, newest.key_version, rewrapped, tuple(older), before.is_half_done)


def _version(keyring: Keyring, used: str | None) -> str:
    """One that is newer than the one in use: the service made it by itself, or a predecessor was killed right after."""
    versions = keyring.wrapper.versions()
    return versions[-1] if versions[-1] != (used or versions[0]) else keyring.wrapper.make()


def retire_column_keys(vault: SqlVault, contracts: Registry, tables: TableStore, files: Files, record: Record) -> list[str]:
    """Destroy the column keys that no live file has values of. Those of this generation and the last stay in any case: a
    process may still be writing by them."""
    numbered = {name: int(m[1]) for name in vault.named(OF_COLUMNS) if (m := re.fullmatch(rf"{OF_COLUMNS}(\d+)", name))}
    old = {name for name, number in numbered.items() if number < vault.keyring.newest - 1}
    if old:
        there = CleanTables(tables, files)
        for contract in contracts.ingested:
            columns = restricted(contract, contracts.vocabulary)
            for table in there.every(contract) if columns else ():
                old -= keys_in(tables.files(table), list(columns))
    for name in sorted(old):
        record(DESTROYED, key=name)
    vault.destroy(old)
    return sorted(old)
