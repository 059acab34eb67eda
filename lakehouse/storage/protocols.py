"""What the platform asks of storage: four small promises, and nothing else.

memory.py keeps them in the slowest way and is the definition of right; tests/conformance holds the others to it.
Which one runs is decided once, in open.py.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import BinaryIO, Protocol

import pyarrow as pa

from lakehouse.storage.tiers import Tier


@dataclass(frozen=True, slots=True)
class Message:
    """One bus message as delivered. `id` is unique in its topic for ever; `handle` is what ack() takes back."""

    id: str
    data: bytes
    handle: object


class Bus(Protocol):
    """At-least-once delivery. A message is delivered again until it is acknowledged."""

    shows_untrimmed: bool

    def publish(self, topic: str, messages: Sequence[bytes]) -> None:
        """Return once every message is durable. Raises NotDurableError (nothing is promised of the batch then)."""

    def pull(self, topic: str, subscription: str, max_messages: int, timeout_s: float) -> list[Message]:
        """Up to `max_messages` not yet acknowledged by `subscription`; waits up to `timeout_s` for the first one."""

    def ack(self, topic: str, subscription: str, messages: Sequence[Message]) -> None:
        """Durably forget these for `subscription`."""

    def trim(self, topic: str) -> int:
        """Free what every subscription has acknowledged; returns how many segments that were."""

    def untrimmed(self, topic: str) -> Iterator[bytes]:
        """What a topic still holds, whoever acknowledged it; nothing where not shows_untrimmed."""

    def close(self) -> None: ...


class Writer(Protocol):
    """A file on its way in. Until commit() nothing is there, and nothing is left of one that never gets so far."""

    def write(self, data: bytes) -> None:
        """Raises NotDurableError."""

    def commit(self) -> None:
        """Durable under its path. Raises FileExistsError where another one is there already: it stays as it is. NotDurableError."""

    def abandon(self) -> None: ...  # after commit() it does nothing


class Files(Protocol):
    """Whole files under relative paths. A file is either absent or complete, and durable once put() returns."""

    def put(self, path: str, data: bytes) -> None:
        """Create or replace. Raises NotDurableError where the disk is full."""

    def get(self, path: str) -> bytes:
        """Raises FileNotFoundError."""

    def writer(self, path: str) -> Writer:
        """Create piece by piece, never replace: for what does not fit into memory."""

    def reader(self, path: str) -> BinaryIO:
        """The same for reading; close it. Raises FileNotFoundError."""

    def sweep(self) -> int:
        """Remove what writers that are gone left behind; returns how many files that were."""

    def list(self, prefix: str) -> list[str]:
        """Paths that start with `prefix`, sorted."""

    def delete(self, path: str) -> None: ...  # absent files are not an error

    def uri(self, path: str) -> str:
        """The address by which DuckDB, Beam or BigQuery read it."""


class TableStore(Protocol):
    """Tables of three kinds: of what happened (partitioned by `dt`, appended in batches, each batch once), of what is
    (a row a key, replaced), and of what was worked out (partitioned by `dt`, whole days replaced)."""

    def append(self, table: str, rows: pa.Table, batch_id: str, counts: Mapping[str, int]) -> bool:
        """Commit both in one atomic step; False where `batch_id` is in already. A column that the table lacks is added."""

    def counts(self, table: str, batch_id: str) -> dict[str, int] | None:
        """The counts a batch was committed with; None where it was not."""

    def files(self, table: str, days: Collection[date] | None = None) -> list[str]:
        """Addresses of the live Parquet files (of these days)."""

    def schema(self, table: str) -> pa.Schema | None:
        """None where the table does not exist yet."""

    def version(self, table: str) -> int:
        """Grows with every commit; -1 where the table does not exist."""

    def days_changed_since(self, table: str, version: int) -> set[date]:
        """Partitions that commits after `version` added to."""

    def count(self, table: str) -> int:
        """How many rows there are, by the log alone."""

    def added_since(self, table: str, version: int) -> list[str] | None:
        """Addresses of the files that commits after `version` brought new rows in, oldest first, live or not; None where
        that cannot be said any more, because the log or one of the files was tidied away."""

    def replace(self, table: str, rows: pa.Table, key: str, seen: Mapping[str, int], version: int) -> bool:
        """Each row takes the place of the one with its key, or is new; in one atomic step with the numbers `seen`.
        False, and nothing happens, where the table is not at `version` any more."""

    def replace_days(self, table: str, rows: pa.Table, days: Collection[date], seen: Mapping[str, int]) -> None:
        """The table has these rows of `days` from now on, and no others of those days; in one atomic step with the
        numbers `seen`. A day of which `rows` has none is emptied. A column that the table lacks is added."""

    def seen(self, table: str, name: str) -> int:
        """The number that replace() or replace_days() last left under `name`; -1 where there is none."""

    def compact(self, table: str, least_files: int, closed_before: date, keep_hours: float) -> int:
        """Merge small files: those of a day before `closed_before` always, else where there are `least_files`. Free what
        has been no part of the table for so long. Rows, and days_changed_since(), stay. Returns how many were merged."""

    def settle(self, table: str, order: Sequence[str], tiers: Sequence[Tier], today: date, keep_hours: float) -> list["Settled"]:
        """Write the days before `today` anew where they are not yet sorted by `order` and kept as their tier says; free as
        compact() does. Rows, and days_changed_since(), stay; a second time changes nothing. Raises CorruptError rather than
        lose a row. Returns figures of each tier that has files."""

    def forget(self, table: str, columns: Mapping[str, bool], people: Collection[str]) -> "Forgotten":
        """Rows go in which one of `columns` names one of `people`, or, where False stands beside the column, that mention
        alone. Their days have changed; nothing was added. Doing it again does no harm."""

    def free(self, table: str) -> int:
        """Remove what is no part of the table any more, whoever may still be reading it; returns how many files that were."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What forget() took out: rows, mentions in rows that stay; of how many files with how many bytes, and what was written
    in their place; the days that these were of."""

    rows: int = 0
    mentions: int = 0
    files: int = 0
    bytes_held: int = 0
    bytes_written: int = 0
    days: frozenset[date] = frozenset()

    def __add__(self, other: "Forgotten") -> "Forgotten":
        sums = (getattr(self, f) + getattr(other, f) for f in ("rows", "mentions", "files", "bytes_held", "bytes_written"))
        return Forgotten(*sums, self.days | other.days)


@dataclass(frozen=True, slots=True)
class Settled:
    """One tier of a table before and after settle(). `days`: those written anew; `files_freed`: of the whole table."""

    tier: str
    days: int
    files_before: int
    files_after: int
    bytes_before: int
    bytes_after: int
    rows_before: int
    rows_after: int
    files_freed: int


@dataclass(frozen=True, slots=True)
class SubjectKey:
    """A person as clean knows them, by a random pseudonym, and as raw does, by the name of the key that seals what they sent.
    Nothing but the vault ties one to the other. A day has one name for both."""

    pid: str
    key: bytes
    key_id: str


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What stays of a person who was forgotten: keyed digests, of whom they were and of the pseudonym they had, if any."""

    subject_digest: bytes
    pid_digest: bytes | None
    forgotten_at: datetime


class Vault(Protocol):
    """Pseudonyms and data keys. It holds no identifier in clear: a subject is found by a keyed digest."""

    def subjects(self, subjects: Collection[str]) -> dict[str, SubjectKey]:
        """Pseudonym and key of each, made on first sight. The same subject always gets the same answer, and one who was
        forgotten none, for ever."""

    def find(self, subjects: Collection[str]) -> dict[str, SubjectKey]:
        """The same of those who are known; nobody is made."""

    def day_key(self, day: date) -> SubjectKey:
        """For payloads about nobody: one key a day, so that their expiry is provable too. pid is `day:YYYY-MM-DD`."""

    def column_key(self, is_compared: bool = False) -> SubjectKey:
        """For restricted columns of clean: what new values are encrypted under; for those that are compared always the same.
        Its name begins with `column:`."""

    def named(self, beginning: str) -> list[str]:
        """Names of keys that are nobody's, of days and columns, and begin so; sorted."""

    def destroy(self, names: Collection[str]) -> int:
        """Those keys of nobody's, durably; how many there were."""

    def keys(self, key_ids: Collection[str]) -> dict[str, SubjectKey]:
        """By the names of data keys (or day pids). A destroyed or unknown one is absent from the answer."""

    def people(self, pids: Collection[str]) -> dict[str, SubjectKey]:
        """The same by pseudonyms."""

    def forget(self, subjects: Collection[str], at: datetime) -> list[Tombstone]:
        """Destroy what ties these people to anything, durably; whoever was never met is refused from now on, too."""

    def bury(self, tombstones: Sequence[Tombstone]) -> int:
        """Apply tombstones to a vault that may be older than they are; how many it lacked."""

    def forgettings(self) -> int:
        """Another number whenever somebody was forgotten or buried since: what was answered before may not hold any more."""

    def forgotten(self, subjects: Collection[str]) -> set[str]:
        """Those of them who were forgotten."""

    def forgotten_pids(self, pids: Collection[str]) -> set[str]:
        """Those of these pseudonyms that people had who were forgotten."""

    def digest(self, subject: str) -> bytes:
        """A keyed digest, by which receipts and requests name a person."""
