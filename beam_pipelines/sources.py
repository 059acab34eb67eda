"""Where batches come from: the bus, for land; raw's commit files, for refine.

bus ─▶ Puller.take ─▶ Pulled, one a topic ─▶ land ─▶ Puller.done (ack)
raw/_waiting ─▶ pending ─▶ Group: batches refined at once ─▶ opened: Arrow rows, payloads in clear
"""

import hashlib
import io
import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate, groupby

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from beam_pipelines.judging import with_skew
from beam_pipelines.landing import Pulled
from beam_pipelines.stores import Stores
from lakehouse import places
from lakehouse.contracts.model import Contract
from lakehouse.errors import CorruptError
from lakehouse.privacy.seal import unseal_all
from lakehouse.storage.protocols import Bus, Files, Message, Vault

SUBSCRIPTION = "land"
_MESSAGES_AT_ONCE = 200
_BYTES_AN_EVENT = 430  # on the bus before compression, roughly: how many a message holds is known only inside it
_USUAL_RATIO = 6
_MOST_SEALED_BYTES = 512 * 1024 * 1024  # refined at once


# ---------------------------------------------------------------------------------------------------------------- land


class Puller:
    """Pulls what waits in several topics, and remembers in storage what it gave out.

    If we are killed between a batch's commit and its acknowledgement, its messages come again. The commit names them,
    and so they are acknowledged then, and not landed twice. If we are killed before the commit, the same messages make
    the same batch again, which overwrites what the first attempt left.
    """

    def __init__(self, bus: Bus, files: Files, contracts: Sequence[Contract]) -> None:
        self._bus = bus
        self._files = files
        self._taken: list[tuple[str, list[Message]]] = []
        self._interrupted = {c.topic: self._in_hand(c.topic) for c in contracts}
        self._landed = {c.topic: self._committed(c) for c in contracts}

    def take(self, most_events: int, within_s: float, wait_s: float | None = None, enough_events: int | None = None) -> list[Pulled] | None:
        """Up to about `most_events` of what waits now. With `wait_s`: of what comes, waiting so long for the first and
        `within_s` from then on, or until `enough_events` have come; more than that are taken only where they are there
        already. None where nothing was there; empty where all of it is landed, and only done() lacks."""
        room, enough = most_events * _BYTES_AN_EVENT, (enough_events or most_events) * _BYTES_AN_EVENT
        found: dict[str, list[Message]] = {}
        until, first_came, came_in_all = time.monotonic() + (wait_s or 0), False, 0
        while came_in_all < room:
            came = self._pull_each(found)
            came_in_all += came
            if came and not first_came:
                until, first_came = time.monotonic() + within_s, True
            if wait_s is None or came_in_all >= enough:
                if not came:
                    break
            elif time.monotonic() >= until:
                break
            elif not came:
                time.sleep(0.02)
        return [batch for topic, messages in found.items() for batch in self._batches(topic, messages, room)] if found else None

    def done(self) -> None:
        """Acknowledge what take() gave: it is committed. Raises NotDurableError; then it comes again.

        What nobody waits for any more leaves the bus: there it lies in clear, and in raw it is sealed.
        """
        for topic, messages in self._taken:
            self._bus.ack(topic, SUBSCRIPTION, messages)
            self._bus.trim(topic)
        self._taken = []

    def _pull_each(self, found: dict[str, list[Message]]) -> int:
        """One pull a topic; returns roughly how many bytes of envelopes came."""
        came = 0
        for topic in self._interrupted:
            if messages := self._bus.pull(topic, SUBSCRIPTION, _MESSAGES_AT_ONCE, 0):
                found.setdefault(topic, []).extend(messages)
                came += sum(_unpacked_size(m.data) for m in messages)
        return came

    def _batches(self, topic: str, messages: list[Message], most_bytes: int) -> Iterator[Pulled]:
        self._taken.append((topic, messages))
        named_messages = {message_name(m.id, m.data): m.data for m in messages}
        waiting = {name: data for name, data in named_messages.items() if name not in self._landed[topic]}
        interrupted, self._interrupted[topic] = self._interrupted[topic], {}
        fresh = {name: data for name, data in waiting.items() if name not in interrupted}
        named = {batch_name(topic, part): part for part in _parts(fresh, most_bytes)}
        for i in waiting:
            if i in interrupted:
                named.setdefault(interrupted[i], []).append(i)
        if named:
            self._files.put(places.landing_in_hand(topic), json.dumps(named).encode())
        for batch_id, ids in named.items():
            yield Pulled(topic, batch_id, datetime.now(UTC), {i: waiting[i] for i in ids})

    def _in_hand(self, topic: str) -> dict[str, str]:
        """Message → the batch that our predecessor was landing it in when it ended."""
        try:
            named = json.loads(self._files.get(places.landing_in_hand(topic)))
        except FileNotFoundError:
            return {}
        return {i: batch_id for batch_id, ids in named.items() for i in ids}

    def _committed(self, contract: Contract) -> frozenset[str]:
        """Those of the predecessor's messages that are landed; perhaps it could not acknowledge them any more."""
        landed: list[str] = []
        for batch_id in set(self._interrupted[contract.topic].values()):
            try:
                landed += json.loads(self._files.get(places.raw_commit(contract.domain, contract.table, batch_id)))["messages"]
            except FileNotFoundError:
                continue
        return frozenset(landed)


def _parts(messages: Mapping[str, bytes], most_bytes: int) -> list[list[str]]:
    """The names of messages, in as few parts as keep each about under `most_bytes` unpacked, all of about a size: a pull may bring
    far more than there was room for, and what is landed together is in memory together."""
    sizes = [_unpacked_size(data) for data in messages.values()]
    each = max(1, sum(sizes) / max(1, math.ceil(sum(sizes) / most_bytes)))
    part_of = {name: (end - size / 2) // each for name, size, end in zip(messages, sizes, accumulate(sizes))}
    return [list(part) for _, part in groupby(messages, part_of.get)]


def message_name(message_id: str, data: bytes) -> str:
    """A bus that comes back empty may count from the beginning again. What is in a message tells it from the one that had its id
    before it; else it would be taken for landed, or its batch for that of the other."""
    return f"{message_id}#{hashlib.sha256(data).hexdigest()[:16]}"


def batch_name(topic: str, ids: Sequence[str]) -> str:
    """The same messages, or batches, always make a batch of the same name."""
    return hashlib.sha256("\n".join([topic, *ids]).encode()).hexdigest()[:20]


def _unpacked_size(data: bytes) -> int:
    """From the frame's head where it says so; otherwise by what envelopes usually compress to."""
    try:
        said = zstandard.frame_content_size(data)
    except zstandard.ZstdError:
        return len(data)  # a bare envelope, or nothing of ours
    return said if said > 0 else _USUAL_RATIO * len(data)


# -------------------------------------------------------------------------------------------------------------- refine


@dataclass(frozen=True)
class RawBatch:
    """What one commit file names."""

    batch_id: str
    first_received_at: str
    files: tuple[dict, ...]

    @property
    def rows(self) -> int:
        return sum(f["rows"] for f in self.files)

    @property
    def sealed_bytes(self) -> int:
        return sum(f["bytes"] for f in self.files)


@dataclass(frozen=True)
class Group:
    """Raw batches of one contract that are refined together, and the name that they are committed under."""

    contract_id: str
    order: int
    batches: tuple[RawBatch, ...]

    @property
    def name(self) -> str:
        return batch_name(self.contract_id, [b.batch_id for b in self.batches])


@dataclass(frozen=True)
class Opened:
    """raw    the rows as they were landed
    clear  the same with payloads in clear, null where the key is destroyed
    of     row → the place in group.batches of the batch it is from"""

    group: Group
    raw: pa.Table
    clear: pa.Table
    of: np.ndarray


def pending(files: Files, contract: Contract) -> list[RawBatch]:
    """Committed and not yet refined, oldest first. What it costs depends on how many wait, not on how many ever came."""
    at = contract.domain, contract.table
    _begin_waiting_list(files, contract)
    named = [path.rpartition("/")[2] for path in files.list(places.waiting_dir(*at) + "/")]
    said = [_commit_of(files, at, batch_id) for batch_id in named]
    return sorted(_named([s for s in said if s]), key=lambda b: (b.first_received_at, b.batch_id))


def committed(files: Files, commits: Sequence[str]) -> list[RawBatch]:
    """What these commit files name, less those that name no row."""
    return _named([json.loads(files.get(path)) for path in commits])


def _named(commits: Sequence[dict]) -> list[RawBatch]:
    return [RawBatch(s["batch_id"], s["first_received_at"], tuple(s["files"])) for s in commits if s["files"]]


def _commit_of(files: Files, at: tuple[str, str], batch_id: str) -> dict | None:
    """None where the batch was never committed, or is refined and our predecessor was killed before it said so here."""
    try:
        said = json.loads(files.get(places.raw_commit(*at, batch_id)))
    except FileNotFoundError:
        return None
    try:
        files.get(places.refined_marker(*at, batch_id))
    except FileNotFoundError:
        return said
    files.delete(places.waiting_batch(*at, batch_id))
    return None


def _begin_waiting_list(files: Files, contract: Contract) -> None:
    """Once in a lake's life: what was landed before there was such a list goes on it."""
    at = contract.domain, contract.table
    try:
        files.get(places.waiting_list_begun(*at))
    except FileNotFoundError:
        refined = {path.rpartition("/")[2] for path in files.list(places.refined_dir(*at) + "/")}
        for path in files.list(places.raw_commit_dir(*at) + "/"):
            if (name := path.rpartition("/")[2]) not in refined:
                files.put(places.waiting_batch(*at, name.removesuffix(".json")), b"")
        files.put(places.waiting_list_begun(*at), b"")


def groups(contract: Contract, batches: Sequence[RawBatch], most_rows: int) -> list[Group]:
    """As few groups as keep each under `most_rows`, in the order of the batches."""
    together: list[list[RawBatch]] = []
    rows = sealed_bytes = 0
    for batch in batches:
        rows, sealed_bytes = rows + batch.rows, sealed_bytes + batch.sealed_bytes
        if not together or rows > most_rows or sealed_bytes > _MOST_SEALED_BYTES:
            together.append([])
            rows, sealed_bytes = batch.rows, batch.sealed_bytes
        together[-1].append(batch)
    return [Group(contract.id, order, tuple(group)) for order, group in enumerate(together)]


def opened(at: Stores, group: Group) -> Opened:
    """Read, check and unseal. Raises CorruptError where a file or a payload is not what was written."""
    tables = [pa.concat_tables(read(at.files, f) for f in batch.files) for batch in group.batches]
    raw = pa.concat_tables(tables)
    return Opened(group, raw, unsealed(at.vault, raw), np.repeat(np.arange(len(tables)), [t.num_rows for t in tables]))


def unsealed(vault: Vault, sealed: pa.Table) -> pa.Table:
    """The same with payloads in clear, null where the key is destroyed. What is no envelope was sealed without an event_id."""
    owners = sealed["subject"].to_pylist()
    keys = vault.keys(set(owners))
    belongs_to = [(event_id or "").encode() for event_id in sealed["event_id"].to_pylist()]
    payloads = unseal_all([keys.get(o) for o in owners], sealed["payload"].to_pylist(), belongs_to)
    return sealed.set_column(sealed.schema.get_field_index("payload"), "payload", pa.chunked_array([pa.array(payloads, pa.binary())]))


def read(files: Files, named: dict) -> pa.Table:
    """Raises FileNotFoundError where it has expired, CorruptError where it is not what was written."""
    data = files.get(named["path"])
    if hashlib.sha256(data).hexdigest() != named["sha256"]:
        raise CorruptError(f"{named['path']} is not what was landed", hint="restore it from a copy; its commit file holds its sha256")
    return with_skew(pq.read_table(io.BytesIO(data)))


def known_event_ids(files: Sequence[str], keys: pa.ChunkedArray) -> dict[int, set[str]]:
    """Of the events with these keys, those that are in `files` (Parquet of a clean table): event_key → event_ids.

    Two looks: the small column of all files, and then the ids in the few files where it had a match.
    """
    if not files or not len(keys):
        return {}
    with duckdb.connect() as database:
        database.register("batch", pa.table({"event_key": keys}))
        found = database.execute(
            "SELECT DISTINCT event_key, filename FROM read_parquet(?, filename = true) SEMI JOIN batch USING (event_key)", [list(files)]
        ).to_arrow_table()
        if not found.num_rows:
            return {}
        database.register("found", found)
        there = database.execute(
            "SELECT event_key, event_id FROM read_parquet(?) WHERE event_key IN (SELECT event_key FROM found)",
            [sorted(set(found["filename"].to_pylist()))],
        ).fetchall()
    known: dict[int, set[str]] = {}
    for key, event_id in there:
        known.setdefault(key, set()).add(event_id)
    return known
