"""A record of the audit log, and the chain that it is a link of: whoever changes one breaks every later one.

    record 1 ─ hash ─▶ record 2 ─ hash ─▶ record 3        hash = SHA-256(canonical JSON of everything but the hash itself)

Nothing here knows a database: a record that was exported as JSON is checked with the same few lines, anywhere.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum

from lakehouse.errors import CorruptError

BEGINNING = "0" * 64


class ActorKind(StrEnum):
    """What an actor's name is the name of. None of them is a person's."""

    KEY = "key"
    TOKEN = "token"
    SERVICE = "service"
    OS_USER = "os_user"
    ANYBODY = "anybody"


class Outcome(StrEnum):
    ALLOWED = "allowed"
    DENIED = "denied"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Record:
    """Who did what, to which dataset, for which purpose, and what came of it. `at` is UTC; `dataset` is a contract's id."""

    sequence: int
    at: str
    actor: str
    actor_kind: str
    action: str
    dataset: str | None
    purpose: str | None
    outcome: str
    details: str
    previous_hash: str
    hash: str = ""

    def told(self) -> dict:
        """As it is exported, with nothing left out: `Record.read` makes the same record of it."""
        return asdict(self) | {"details": json.loads(self.details)}

    @classmethod
    def read(cls, told: dict) -> "Record":
        return cls(**told | {"details": canonical(told["details"])})


@dataclass(frozen=True, slots=True)
class Verified:
    """A chain that fits: how many records it has, and where it ends. `head_hash` is what a receipt names."""

    count: int
    head_sequence: int
    head_hash: str


def canonical(value: object) -> str:
    """One text a value: names in order, no blanks."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def hash_of(record: Record) -> str:
    told = asdict(record)
    del told["hash"]
    return hashlib.sha256(canonical(told).encode()).hexdigest()


def check(records: Iterable[Record], sequence: int = 0, previous_hash: str = BEGINNING) -> Verified:
    """Follow the chain from the record of that sequence and hash on. Raises CorruptError naming the first record that does not fit."""
    count = 0
    for record in records:
        wrong = (
            f"{sequence + 1} is missing"
            if record.sequence != sequence + 1
            else "it does not go on from the record before it"
            if record.previous_hash != previous_hash
            else "it is not what was written"
            if record.hash != hash_of(record)
            else None
        )
        if wrong:
            raise CorruptError(
                f"the audit log does not fit at record {record.sequence}: {wrong}",
                hint="somebody changed it past the application: keep it as it is, compare it with a backup, and tell the privacy officer",
            )
        sequence, previous_hash, count = record.sequence, record.hash, count + 1
    return Verified(count, sequence, previous_hash)
