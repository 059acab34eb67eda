"""The definition of right: every promise of protocols.py kept in the slowest, most obvious way.

No index, no cache, no batching: each answer is worked out from everything that ever happened. tests/conformance holds
the other implementations to these, and a reader who wonders what `pull` must do reads it here. What "durable" means in
memory: it is in the object that is handed from one opening to the next (`kept`).
"""

import hmac
import io
import os
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lakehouse.errors import ContractError
from lakehouse.storage.protocols import Forgotten, Message, Settled, SubjectKey, Tombstone
from lakehouse.storage.rules import ACK_DEADLINE_S, checked_name, checked_path
from lakehouse.storage.tiers import Tier


@dataclass
class KeptByBus:
    published: list[tuple[str, bytes]] = field(default_factory=list)
    acked: set[tuple[str, str, int]] = field(default_factory=set)


class MemoryBus:
    """Bus. A subscription starts with the first message ever published."""

    shows_untrimmed = True

    def __init__(self, kept: KeptByBus | None = None, ack_deadline_s: float = ACK_DEADLINE_S) -> None:
        self.kept = kept or KeptByBus()
        self._ack_deadline_s = ack_deadline_s
        self._due: dict[tuple[str, str, int], float] = {}
        self._mutex = threading.Lock()

    def publish(self, topic: str, messages: Sequence[bytes]) -> None:
        checked_name(topic)
        with self._mutex:
            self.kept.published += [(topic, bytes(data)) for data in messages]

    def pull(self, topic: str, subscription: str, max_messages: int, timeout_s: float) -> list[Message]:
        until = time.monotonic() + timeout_s
        while True:
            messages = self._waiting(checked_name(topic), checked_name(subscription))[:max_messages]
            if messages or time.monotonic() >= until:
                break
            time.sleep(0.005)
        for message in messages:
            self._due[topic, subscription, message.handle] = time.monotonic() + self._ack_deadline_s
        return messages

    def _waiting(self, topic: str, subscription: str) -> list[Message]:
        now = time.monotonic()
        return [
            Message(id=str(number), data=data, handle=number)
            for number, (where, data) in enumerate(self.kept.published)
            if where == topic
            and (topic, subscription, number) not in self.kept.acked
            and self._due.get((topic, subscription, number), now) <= now
        ]

    def ack(self, topic: str, subscription: str, messages: Sequence[Message]) -> None:
        self.kept.acked |= {(topic, subscription, m.handle) for m in messages}

    def trim(self, topic: str) -> int:
        """Here everything that ever happened is kept, so there is nothing to free."""
        return 0

    def untrimmed(self, topic: str) -> Iterator[bytes]:
        yield from [data for where, data in list(self.kept.published) if where == topic]

    def close(self) -> None:
        self._due = {}


class _MemoryWriter:
    """Writer."""

    def __init__(self, kept: dict[str, bytes], path: str) -> None:
        self._kept = kept
        self._path = path
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> None:
        self._pieces.append(bytes(data))

    def commit(self) -> None:
        if self._path in self._kept:
            raise FileExistsError(self._path)
        self._kept[self._path] = b"".join(self._pieces)

    def abandon(self) -> None:
        self._pieces = []


class MemoryFiles:
    """Files."""

    def __init__(self, kept: dict[str, bytes] | None = None) -> None:
        self.kept = {} if kept is None else kept

    def put(self, path: str, data: bytes) -> None:
        self.kept[checked_path(path)] = bytes(data)

    def get(self, path: str) -> bytes:
        try:
            return self.kept[checked_path(path)]
        except KeyError:
            raise FileNotFoundError(path) from None

    def writer(self, path: str) -> "_MemoryWriter":
        return _MemoryWriter(self.kept, checked_path(path))

    def reader(self, path: str) -> BinaryIO:
        return io.BytesIO(self.get(path))

    def sweep(self) -> int:
        """A writer that is gone took what it had with it."""
        return 0

    def list(self, prefix: str) -> list[str]:
        return sorted(path for path in self.kept if path.startswith(prefix))

    def delete(self, path: str) -> None:
        self.kept.pop(checked_path(path), None)

    def uri(self, path: str) -> str:
        return f"memory:///{checked_path(path)}"


@dataclass(frozen=True)
class _Commit:
    batch_id: str
    rows: pa.Table
    counts: dict[str, int]
    emptied: frozenset[date] = frozenset()


class MemoryTables:
    """TableStore. files() writes what it holds to `folder`, because its readers (DuckDB, BigQuery) want real files."""

    def __init__(self, folder: Path, kept: dict[str, list[_Commit]] | None = None) -> None:
        self._folder = folder
        self.kept: dict[str, list[_Commit]] = {} if kept is None else kept

    def append(self, table: str, rows: pa.Table, batch_id: str, counts: Mapping[str, int]) -> bool:
        if self.counts(table, batch_id) is not None:
            return False
        commits = self.kept.get(table, [])
        _unified(table, [rows.schema, *(c.rows.schema for c in commits)])
        self.kept[table] = [*commits, _Commit(batch_id, rows, dict(counts))]
        return True

    def counts(self, table: str, batch_id: str) -> dict[str, int] | None:
        return next((dict(c.counts) for c in self.kept.get(table, ()) if c.batch_id == batch_id), None)

    def files(self, table: str, days: Collection[date] | None = None) -> list[str]:
        written = []
        for number, commit in enumerate(self.kept.get(table, ())):
            folder = self._folder / table
            if "dt" not in commit.rows.column_names:
                written += [_written(folder / f"{number:08d}.parquet", commit.rows)] if commit.rows.num_rows else []
                continue
            for day in sorted(_days(commit.rows)):
                if days is None or day in days:
                    of_day = commit.rows.filter(pc.equal(commit.rows["dt"], pa.scalar(day, pa.date32())))
                    # the folder's name says the day
                    written.append(_written(folder / f"dt={day.isoformat()}" / f"{number:08d}.parquet", of_day.drop_columns(["dt"])))
        return written

    def schema(self, table: str) -> pa.Schema | None:
        commits = self.kept.get(table)
        return pa.unify_schemas([c.rows.schema for c in commits]) if commits else None

    def version(self, table: str) -> int:
        return len(self.kept.get(table, ())) - 1

    def count(self, table: str) -> int:
        return sum(c.rows.num_rows for c in self.kept.get(table, ()))

    def added_since(self, table: str, version: int) -> list[str] | None:
        """One file a commit and a day, so those of later commits."""
        there = self.files(table)
        return [path for path in there if int(Path(path).stem) > version]

    def replace(self, table: str, rows: pa.Table, key: str, seen: Mapping[str, int], version: int) -> bool:
        """A single commit holds all rows; its place among the commits says the version."""
        if self.version(table) != version:
            return False
        before = [row for c in self.kept.get(table, ()) for row in c.rows.to_pylist()]
        all_rows = {row[key]: row for row in [*before, *rows.to_pylist()]}
        emptied = [_Commit(c.batch_id, c.rows.slice(0, 0), c.counts) for c in self.kept.get(table, ())]
        schema = _unified(table, [rows.schema, *(c.rows.schema for c in emptied)])
        counts = {**(emptied[-1].counts if emptied else {}), **seen}
        self.kept[table] = [*emptied, _Commit("", pa.Table.from_pylist(list(all_rows.values()), schema), counts)]
        return True

    def replace_days(self, table: str, rows: pa.Table, days: Collection[date], seen: Mapping[str, int]) -> None:
        commits = self.kept.get(table, [])
        schema = _unified(table, [rows.schema, *(c.rows.schema for c in commits)])
        others = [_Commit(c.batch_id, _of_other_days(c.rows, days), c.counts, c.emptied) for c in commits]
        counts = {**(commits[-1].counts if commits else {}), **seen}
        self.kept[table] = [*others, _Commit("", pa.Table.from_pylist(rows.to_pylist(), schema), counts, frozenset(days))]

    def seen(self, table: str, name: str) -> int:
        commits = self.kept.get(table)
        return commits[-1].counts.get(name, -1) if commits else -1

    def compact(self, table: str, least_files: int, closed_before: date, keep_hours: float) -> int:
        """Here are no files that could be small."""
        return 0

    def settle(self, table: str, order: Sequence[str], tiers: Sequence[Tier], today: date, keep_hours: float) -> list[Settled]:
        """Nor any that could be written better."""
        return []

    def forget(self, table: str, columns: Mapping[str, bool], people: Collection[str]) -> Forgotten:
        """That the days have changed is the business of a commit without a row."""
        done, kept = Forgotten(), []
        whole = [name for name, is_whole in columns.items() if is_whole]
        for commit in self.kept.get(table, ()):
            stays = []
            for row in commit.rows.to_pylist():
                is_gone = any(row.get(name) in people for name in whole)
                if is_gone or any(row.get(name) in people for name in columns):
                    done += Forgotten(int(is_gone), int(not is_gone), 1, days=frozenset({row["dt"]} if "dt" in row else ()))
                if not is_gone:
                    stays.append({name: None if name in columns and value in people else value for name, value in row.items()})
            kept.append(_Commit(commit.batch_id, pa.Table.from_pylist(stays, commit.rows.schema), commit.counts, commit.emptied))
        if done.files:
            last = kept[-1]
            self.kept[table] = [*kept, _Commit("", last.rows.slice(0, 0), last.counts, done.days)]
        return done

    def free(self, table: str) -> int:
        """What is no part of a table is nowhere here."""
        return 0

    def days_changed_since(self, table: str, version: int) -> set[date]:
        return {day for commit in self.kept.get(table, [])[version + 1 :] for day in _days(commit.rows) | commit.emptied}


def _of_other_days(rows: pa.Table, days: Collection[date]) -> pa.Table:
    return rows.filter(pc.invert(pc.is_in(rows["dt"], pa.array(sorted(days), pa.date32()))))


def _unified(table: str, schemas: Sequence[pa.Schema]) -> pa.Schema:
    try:
        return pa.unify_schemas(schemas)
    except pa.ArrowTypeError as error:
        # Arrow names the column and both types, never a value.
        raise ContractError(f"{table}: {error}", hint="a column keeps its type for ever; add a new one") from error


def _written(path: Path, rows: pa.Table) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(rows, path)
    return str(path)


def _days(rows: pa.Table) -> set[date]:
    return set(rows["dt"].to_pylist())


@dataclass
class KeptByVault:
    digest_key: bytes = field(default_factory=lambda: os.urandom(32))
    known: dict[str, SubjectKey] = field(default_factory=dict)
    days: dict[str, SubjectKey] = field(default_factory=dict)
    tombstones: list[Tombstone] = field(default_factory=list)


class MemoryVault:
    """Vault. For tests and as a definition: it does know its subjects in clear, as long as they are not forgotten."""

    def __init__(self, kept: KeptByVault | None = None) -> None:
        self.kept = kept or KeptByVault()

    def subjects(self, subjects: Collection[str]) -> dict[str, SubjectKey]:
        for subject in set(subjects) - self.forgotten(subjects):
            if subject not in self.kept.known:
                self.kept.known[subject] = SubjectKey(os.urandom(16).hex(), os.urandom(32), os.urandom(16).hex())
        return self.find(subjects)

    def find(self, subjects: Collection[str]) -> dict[str, SubjectKey]:
        return {s: self.kept.known[s] for s in subjects if s in self.kept.known}

    def day_key(self, day: date) -> SubjectKey:
        name = f"day:{day.isoformat()}"
        return self.kept.days.setdefault(name, SubjectKey(name, os.urandom(32), name))

    def column_key(self, is_compared: bool = False) -> SubjectKey:
        name = "column:compared" if is_compared else "column:1"
        return self.kept.days.setdefault(name, SubjectKey(name, os.urandom(32), name))

    def named(self, beginning: str) -> list[str]:
        return sorted(name for name in self.kept.days if name.startswith(beginning))

    def destroy(self, names: Collection[str]) -> int:
        return sum(self.kept.days.pop(name, None) is not None for name in names)

    def keys(self, key_ids: Collection[str]) -> dict[str, SubjectKey]:
        return {known.key_id: known for known in self._everybody() if known.key_id in key_ids}

    def people(self, pids: Collection[str]) -> dict[str, SubjectKey]:
        return {known.pid: known for known in self._everybody() if known.pid in pids}

    def forget(self, subjects: Collection[str], at: datetime) -> list[Tombstone]:
        for subject in sorted(set(subjects) - self.forgotten(subjects)):
            known = self.kept.known.pop(subject, None)
            self.kept.tombstones.append(Tombstone(self.digest(subject), known and self._digest_of_pid(known.pid), at))
        digests = {self.digest(s) for s in subjects}
        return [stone for stone in self.kept.tombstones if stone.subject_digest in digests]

    def bury(self, tombstones: Sequence[Tombstone]) -> int:
        there = {stone.subject_digest for stone in self.kept.tombstones}
        new = [stone for stone in tombstones if stone.subject_digest not in there]
        self.kept.tombstones += new
        self.kept.known = {s: known for s, known in self.kept.known.items() if s not in self.forgotten([s])}
        return len(new)

    def forgettings(self) -> int:
        return len(self.kept.tombstones)

    def forgotten(self, subjects: Collection[str]) -> set[str]:
        gone = {stone.subject_digest for stone in self.kept.tombstones}
        return {s for s in subjects if self.digest(s) in gone}

    def forgotten_pids(self, pids: Collection[str]) -> set[str]:
        gone = {stone.pid_digest for stone in self.kept.tombstones}
        return {pid for pid in pids if self._digest_of_pid(pid) in gone}

    def digest(self, subject: str) -> bytes:
        return hmac.digest(self.kept.digest_key, subject.encode(), "sha256")

    def _digest_of_pid(self, pid: str) -> bytes:
        return hmac.digest(self.kept.digest_key, b"pid: " + pid.encode(), "sha256")

    def _everybody(self) -> list[SubjectKey]:
        return [*self.kept.known.values(), *self.kept.days.values()]
