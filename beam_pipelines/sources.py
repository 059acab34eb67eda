"""Where refine's batches come from: raw's commit files.

raw/_waiting ─▶ pending ─▶ Group: batches refined at once ─▶ opened: Arrow rows, payloads in clear
"""

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from beam_pipelines.judging import with_skew
from beam_pipelines.pulling import batch_name
from beam_pipelines.stores import Stores
from lakehouse import places
from lakehouse.contracts.model import Contract
from lakehouse.errors import CorruptError
from lakehouse.privacy.seal import unseal_all
from lakehouse.storage.protocols import Files, Vault

_MOST_SEALED_BYTES = 512 * 1024 * 1024  # refined at once


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
    """The same with payloads in clear and the pseudonyms of subjects, null where the key is destroyed. What is no envelope was
    sealed without an event_id."""
    owners = pc.fill_null(sealed["subject"], "").combine_chunks().dictionary_encode()
    names = owners.dictionary.to_pylist()
    known = vault.keys(set(names))
    found = [known.get(name) for name in names]
    of_each = np.fromiter((owner and owner.key for owner in found), object, len(found))
    belongs_to = pc.fill_null(sealed["event_id"], "").cast(pa.binary()).to_pylist()
    payloads = unseal_all(of_each[owners.indices.to_numpy()].tolist(), sealed["payload"].to_pylist(), belongs_to)
    pids = pa.array([owner and owner.pid for owner in found], pa.string()).take(owners.indices)
    for name, column in (("payload", pa.array(payloads, pa.binary())), ("subject", pids)):
        sealed = sealed.set_column(sealed.schema.get_field_index(name), name, pa.chunked_array([column]))
    return sealed


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
