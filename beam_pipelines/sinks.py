"""Everything that land and refine leave behind, and in which order, so that a kill at any moment can be repaired.

    land    raw files ─▶ on the waiting list ─▶ commit file ─▶ (ack)
    refine  dead letters ─▶ in hand: the markers to be ─▶ Delta commit ─▶ markers ─▶ off the waiting list

A step that finds its own name done does nothing. What is written twice has the same name and the same rows both times.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from operator import attrgetter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from beam_pipelines.landing import Pulled, Unreadable
from beam_pipelines.stores import Stores
from lakehouse import places
from lakehouse.contracts import project, registry
from lakehouse.contracts.model import Contract
from lakehouse.envelope import Envelope
from lakehouse.privacy.columns import encrypted
from lakehouse.privacy.seal import seal_all
from lakehouse.storage.protocols import Files, SubjectKey
from lakehouse.verdicts import Rejection

LEAST_CHARS = 5
"""A shorter account may be in an event id by chance."""


def sealed_schema(contract_id: str) -> pa.Schema:
    """The columns of raw (platform.envelope) or of dead letters (platform.dead_letter): the payload is bytes."""
    schema = project.arrow_schema(registry().get(contract_id).fields)
    return schema.set(schema.get_field_index("payload"), pa.field("payload", pa.binary(), nullable=False))


# ---------------------------------------------------------------------------------------------------------------- land


def put_raw(to: Stores, contract: Contract, pulled: Pulled, envelopes: Sequence[Envelope], most_rows: int) -> dict[str, int]:
    """Seal and commit a batch; returns how many rows were landed, and how many were left out because they are about
    somebody who was erased. Raises NotDurableError; then nothing of the batch counts."""
    raw, _ = sealed(to, envelopes)
    days = pc.cast(raw["received_at"], pa.date32(), safe=False)
    written = []
    for day in sorted(pc.unique(days).to_pylist()):
        of_day = raw.filter(pc.equal(days, pa.scalar(day, pa.date32())))
        for part, start in enumerate(range(0, of_day.num_rows, most_rows)):
            rows = of_day.slice(start, most_rows)
            path, data = places.raw_file(contract.domain, contract.table, day, f"{pulled.batch_id}-{part}"), parquet(rows)
            to.files.put(path, data)
            written.append({"path": path, "rows": rows.num_rows, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()})
    times = [e.received_at for e in envelopes] or [pulled.landed_at]
    said = {
        "batch_id": pulled.batch_id,
        "first_received_at": min(times).astimezone(UTC).isoformat(),
        "last_received_at": max(times).astimezone(UTC).isoformat(),
        "files": written,
        "messages": [*pulled.messages],
    }
    commit_raw(to.files, contract, said)
    return {"messages": len(pulled.messages), "landed": raw.num_rows, "forgotten": len(envelopes) - raw.num_rows}


def commit_raw(files: Files, contract: Contract, said: Mapping) -> None:
    """From here on the batch counts, and waits for refine, which reads the waiting list and not years of commits."""
    at = contract.domain, contract.table, said["batch_id"]
    if said["files"]:
        files.put(places.waiting_batch(*at), b"")
    files.put(places.raw_commit(*at), json.dumps(said, indent=1).encode())


def sealed(to: Stores, envelopes: Sequence[Envelope]) -> tuple[pa.Table, list[int]]:
    """Envelopes as raw keeps them: the payload sealed under its subject's key, or the day's, the subject the name of that key;
    and which of the envelopes these are."""
    owners = _owners(to, envelopes)
    places_kept = list(range(len(envelopes)))
    if any(owner is None for owner in owners):  # the vault answers for nobody who was erased, and nothing of them is kept
        places_kept = [at for at, owner in enumerate(owners) if owner is not None]
        envelopes, owners = [envelopes[at] for at in places_kept], [owners[at] for at in places_kept]
    schema = sealed_schema("platform.envelope")
    columns = {name: list(map(attrgetter(name), envelopes)) for name in schema.names}
    event_ids = [
        i if s is None or s not in i else _nameless(i, s, owner) for i, s, owner in zip(columns["event_id"], columns["subject"], owners)
    ]
    payloads = seal_all([owner.key for owner in owners], columns["payload"], [i.encode() for i in event_ids])
    columns |= {"event_id": event_ids, "subject": [owner.key_id for owner in owners], "payload": payloads}
    return pa.table([pa.array(columns[field.name], field.type) for field in schema], schema=schema), places_kept


def _owners(to: Stores, envelopes: Sequence[Envelope]) -> list[SubjectKey | None]:
    """Under whose key each is sealed; None where its person was erased."""
    subjects = [e.subject for e in envelopes]
    people: dict[str | None, SubjectKey] = to.met.subjects(set(subjects) - {None})
    owners = list(map(people.get, subjects))
    if None in subjects:
        day_key = cache(to.vault.day_key)
        for at, e in enumerate(envelopes):
            if e.subject is None:
                owners[at] = day_key(e.received_at.astimezone(UTC).date())
    return owners


def _nameless(event_id: str, subject: str, owner: SubjectKey) -> str:
    """A producer has put the account into an event's id, where it would stand in clear in raw, in clean and in logs: a digest stands
    for it, keyed by what is destroyed with the person, and the same for every copy of the event."""
    return event_id if len(subject) < LEAST_CHARS else f"id-{hmac.digest(owner.key, event_id.encode(), 'sha256')[:16].hex()}"


def put_unreadable(to: Stores, contract: Contract, pulled: Pulled, found: Sequence[Unreadable]) -> dict[str, int]:
    """Pieces that are no envelopes: nothing in them can be trusted, so all of it is sealed, under the day's key."""
    if found:
        owner = to.vault.day_key(pulled.landed_at.date())
        pieces = seal_all([owner.key] * len(found), [u.data for u in found], [b""] * len(found))
        known = {"contract": contract.id, "subject": owner.key_id, "received_at": pulled.landed_at, "failed_step": "land"}
        rules = registry().get("platform.envelope")
        letters = [known | blame(u.verdict, rules) | {"payload": s} for u, s in zip(found, pieces)]
        _put_dead_letters(to.files, contract, f"{pulled.batch_id}-land", letters)
    return {"unreadable": len(found)}


# -------------------------------------------------------------------------------------------------------------- refine


def put_rejected(to: Stores, contract: Contract, batch_id: str, raw: pa.Table, rejected: Mapping[int, Rejection]) -> None:
    """`raw` holds the rows as landed: a dead letter keeps the very bytes, sealed under the key that erasure destroys."""
    if rejected:
        rows = sorted(rejected)
        chosen = np.zeros(raw.num_rows, bool)
        chosen[rows] = True
        landed = raw.filter(pa.array(chosen)).to_pylist()  # where a take of so few would copy whole columns first
        letters = [row | {"failed_step": "refine"} | blame(rejected[at], contract) for at, row in zip(rows, landed)]
        _put_dead_letters(to.files, contract, batch_id, letters)


def put_clean(to: Stores, contract: Contract, name: str, clean: pa.Table, markers: Sequence[Mapping]) -> None:
    """Commit the rows of several raw batches together, under the name of the group, and mark each of them."""
    in_hand = places.refining_in_hand(contract.id)
    to.files.put(in_hand, json.dumps({"name": name, "markers": list(markers)}).encode())
    if clean.num_rows:
        totals = {key: sum(m[key] for m in markers) for key in ("rows", "valid", "duplicates", "rejected")}
        rows = encrypted(clean, contract, registry().vocabulary, to.vault)
        to.tables.append(places.clean_table(contract.domain, contract.table), rows, name, totals)
    put_markers(to, contract, markers)


def put_markers(to: Stores, contract: Contract, markers: Iterable[Mapping]) -> None:
    for marker in markers:
        to.files.put(places.refined_marker(contract.domain, contract.table, marker["batch_id"]), json.dumps(marker, indent=1).encode())
        to.files.delete(places.waiting_batch(contract.domain, contract.table, marker["batch_id"]))
    to.files.delete(places.refining_in_hand(contract.id))


def finish_in_hand(to: Stores, contract: Contract) -> None:
    """A predecessor was killed: if its rows are in the table, its batches are refined and only lack their markers."""
    try:
        in_hand = json.loads(to.files.get(places.refining_in_hand(contract.id)))
    except FileNotFoundError:
        return
    if to.tables.counts(places.clean_table(contract.domain, contract.table), in_hand["name"]) is not None:
        put_markers(to, contract, in_hand["markers"])


# -------------------------------------------------------------------------------------------------------------- shared


def blame(verdict: Rejection, contract: Contract) -> dict[str, str | None]:
    """A field that the contract does not know is not named: the name is the sender's, and may say anything."""
    return {"error_code": verdict.code, "error_field": verdict.field if verdict.field in contract.names else None}


def _put_dead_letters(files: Files, contract: Contract, name: str, letters: Sequence[Mapping]) -> None:
    schema, now = sealed_schema("platform.dead_letter"), datetime.now(UTC)
    rows = [letter | {"dead_letter_id": dead_letter_id(letter["payload"]), "failed_at": now} for letter in letters]
    files.put(places.dead_letter_file(contract.domain, contract.table, name), parquet(pa.Table.from_pylist(rows, schema=schema)))


def dead_letter_id(payload: bytes) -> str:
    """Of the sealed bytes. Their nonce is random, so equal payloads have different ids; a record that is judged again keeps its own."""
    return hashlib.sha256(payload).hexdigest()[:20]


def parquet(rows: pa.Table) -> bytes:
    """Rows with a sealed payload as one Parquet file."""
    sink = pa.BufferOutputStream()
    how = {name: "none" if name == "payload" else "zstd" for name in rows.schema.names}  # sealed bytes do not compress
    pq.write_table(rows, sink, compression=how, use_dictionary=[name for name in rows.schema.names if name != "payload"])
    return sink.getvalue().to_pybytes()
