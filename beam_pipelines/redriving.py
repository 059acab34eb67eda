"""Driving records through refinement again: dead letters after a fix, and any window of raw.

    letter of refine ─ unseal ─▶ refine (steps.py) ─▶ settle ─▶ fates in hand ─▶ clean ─▶ fates
    letter of land ─ unseal ─▶ envelopes ─ refine ─▶ settle ─▶ fates in hand ─▶ raw ─▶ clean ─▶ fates
    raw of a window ─ unseal ─▶ refine ─▶ settle ─▶ clean; letters of theirs get their fates, new failures become letters

The event_id decides what is there already, as always; so a run that was killed is made up for by the next one. Only what is told
of the letters needs more care: `in hand` holds it until it is known whether the commit happened. Call it while nobody refines.
"""

import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from beam_pipelines import letters, replay, sinks, sources, steps
from beam_pipelines.landing import EnvelopeReader, Pulled
from beam_pipelines.letters import OPEN, STILL_FAILING
from beam_pipelines.replay import Fate, Tally, Window
from beam_pipelines.sources import RawBatch
from beam_pipelines.steps import Refined
from beam_pipelines.stores import Stores
from lakehouse import places
from lakehouse.contracts import project, registry
from lakehouse.contracts.model import Contract
from lakehouse.envelope import Envelope
from lakehouse.privacy.columns import encrypted
from lakehouse.verdicts import Rejection

_NAME, _LANDED_AS = b"name", b"landed_as"


def run_name() -> str:
    """No two runs have the same: a table that somebody emptied since must take the rows again."""
    return f"replay-{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.urandom(4).hex()}"


@dataclass(frozen=True)
class Target:
    """Of one contract: where its rows go, and whether they really do.

    into  a name for tables beside the others; None where clean itself is meant
    """

    at: Stores
    contract: Contract
    is_dry: bool = False
    into: str | None = None

    @property
    def table(self) -> str:
        of = self.contract.domain, self.contract.table
        return places.clean_table(*of) if self.into is None else places.rebuilt_table(self.into, *of)

    def refined(self, clear: pa.Table) -> Refined:
        people = self.at.vault.subjects
        return steps.refine(clear, self.contract, registry().vocabulary, lambda named: {s: known.pid for s, known in people(named).items()})

    def known(self, valid: pa.Table) -> dict[int, set[str]]:
        return sources.known_event_ids(self.at.tables.files(self.table), valid["event_key"])


# -------------------------------------------------------------------------------------------------------------- letters


def drive_letters(to: Target, found: pa.Table, name: str) -> Tally:
    """`found`: open letters of the contract, without payloads; a few thousand at once. Commits under `name`."""
    found = letters.with_payloads(to.at.files, found)
    of_land = pc.equal(found["failed_step"], "land")
    tally = _drive_refined(to, found.filter(pc.invert(of_land)), f"{name}-r")
    landed = _drive_landed(to, found.filter(of_land), f"{name}-l")
    tally.add(**landed.counts)
    return tally


def _drive_refined(to: Target, found: pa.Table, name: str) -> Tally:
    if not found.num_rows:
        return Tally()
    refined = to.refined(sources.unsealed(to.at.vault, found.select(sinks.sealed_schema("platform.envelope").names)))
    keep = steps.first_of_each(refined.valid, to.known(refined.valid))
    kept, dropped = set(refined.rows[keep].tolist()), set(refined.rows[~keep].tolist())
    fates = [replay.fate([refined.rejected[r]] if r in refined.rejected else [], r in kept, r in dropped) for r in range(found.num_rows)]
    if not to.is_dry:
        _commit(to, refined.valid.filter(keep), name, _told(to.contract, found.to_pylist(), fates))
    return _counted(fates)


def _drive_landed(to: Target, found: pa.Table, name: str) -> Tally:
    """What was no envelope: a line, or a whole message. Read again as land would, and landed where all is well with it."""
    if not found.num_rows:
        return Tally()
    reader, envelopes, of = EnvelopeReader(registry(), to.contract), [], []
    rejected: list[list[Rejection]] = [[] for _ in range(found.num_rows)]
    for row, data in enumerate(sources.unsealed(to.at.vault, found)["payload"].to_pylist()):
        read, unreadable = ([], []) if data is None else reader.read([data])
        envelopes, of = envelopes + read, of + [row] * len(read)
        rejected[row] += [u.verdict for u in unreadable]
    raw, kept_by_vault = sinks.sealed(to.at, envelopes)
    of = [of[place] for place in kept_by_vault]
    refined = to.refined(sources.unsealed(to.at.vault, raw))
    keep = steps.first_of_each(refined.valid, to.known(refined.valid))
    for row, verdict in refined.rejected.items():
        rejected[of[row]].append(verdict)
    kept = np.bincount([of[r] for r in refined.rows[keep]], minlength=found.num_rows)
    dropped = np.bincount([of[r] for r in refined.rows[~keep]], minlength=found.num_rows)
    fates = [replay.fate(*each) for each in zip(rejected, kept.tolist(), dropped.tolist())]
    if not to.is_dry:
        good = [envelopes[kept_by_vault[r]] for r in refined.rows[keep]]
        _land_and_commit(to, good, refined.valid.filter(keep), name, _told(to.contract, found.to_pylist(), fates))
    return _counted(fates)


def _land_and_commit(to: Target, good: Sequence[Envelope], clean: pa.Table, name: str, fates: pa.Table) -> None:
    """First raw, so that whoever rebuilds clean from raw finds them there."""
    if not good:
        _commit(to, clean, name, fates)
        return
    at, now, contract = to.at, datetime.now(UTC), to.contract
    _put_in_hand(to, fates, {_NAME: name.encode(), _LANDED_AS: name.encode()})
    sinks.put_raw(at, contract, Pulled(contract.topic, name, now, {}), good, len(good))
    late = int(np.count_nonzero(steps.late(clean, contract)))
    counts = {"rows": len(good), "valid": len(good), "duplicates": 0, "rejected": 0, "forgotten": 0, "late": late}
    sinks.put_clean(at, contract, name, clean, [{"batch_id": name, **counts, "refined_at": now.isoformat(), "drift": {}}])
    _put_fates(to, fates, name)


def _commit(to: Target, clean: pa.Table, name: str, fates: pa.Table) -> None:
    if clean.num_rows:
        if fates.num_rows:
            _put_in_hand(to, fates, {_NAME: name.encode()})
        rows = encrypted(clean, to.contract, registry().vocabulary, to.at.vault)
        to.at.tables.append(to.table, rows, name, {"rows": clean.num_rows, "valid": clean.num_rows})
    if fates.num_rows:
        _put_fates(to, fates, name)


def _put_in_hand(to: Target, fates: pa.Table, said: dict[bytes, bytes]) -> None:
    to.at.files.put(places.redriving_in_hand(to.contract.id), sinks.parquet(fates.replace_schema_metadata(said)))


def _put_fates(to: Target, fates: pa.Table, name: str) -> None:
    to.at.files.put(places.redrive_file(to.contract.domain, to.contract.table, name), sinks.parquet(fates))
    to.at.files.delete(places.redriving_in_hand(to.contract.id))


def finish_in_hand(to: Target) -> None:
    """A predecessor was killed: if its rows are in, what it had in hand to tell of its letters is true."""
    try:
        fates = pq.read_table(io.BytesIO(to.at.files.get(places.redriving_in_hand(to.contract.id))))
    except FileNotFoundError:
        return
    said = fates.schema.metadata
    name, landed_as = said[_NAME].decode(), said.get(_LANDED_AS, b"").decode()
    is_in = to.at.tables.counts(to.table, name) is not None
    if not is_in and landed_as:
        is_in = _finish_landed(to, landed_as)
    if is_in:
        _put_fates(to, fates.replace_schema_metadata(None), name)
    else:
        to.at.files.delete(places.redriving_in_hand(to.contract.id))


def _finish_landed(to: Target, batch_id: str) -> bool:
    """Whether the letters' envelopes are in raw; then they are in clean, too, when this returns."""
    try:
        [batch] = sources.committed(to.at.files, [places.raw_commit(to.contract.domain, to.contract.table, batch_id)])
    except FileNotFoundError:
        return False
    drive_raw(to, [batch], {batch_id: 0}, Window(), run_name(), {})
    return True


# ------------------------------------------------------------------------------------------------------------------ raw


def drive_raw(
    to: Target, batches: Sequence[RawBatch], ranks: Mapping[str, int], window: Window, name: str, kept_letters: Mapping[str, dict]
) -> Tally:
    """`kept_letters`: all letters of the contract by their ids. Raises CorruptError."""
    raw, of, expired = _read(to.at, batches, window)
    tally = Tally()
    tally.add(records=raw.num_rows, expired=expired)
    if not raw.num_rows:
        return tally
    refined = to.refined(sources.unsealed(to.at.vault, raw))
    ranked = np.array([ranks[b.batch_id] for b in batches], np.int64)[of[refined.rows]]
    keep = replay.first_of_each(refined.valid, ranked, to.known(refined.valid))
    kept, dropped = refined.rows[keep], refined.rows[~keep]
    tally.add(replayed=len(kept), duplicates=len(dropped), still_failing=len(refined.rejected), forgotten=len(refined.forgotten))
    if to.is_dry:
        return tally
    told, fresh = [], {}
    if to.into is None:
        told, fresh = _letters_of(raw, refined, kept, dropped, kept_letters)
    for place, batch in enumerate(batches):
        new = {row: verdict for row, verdict in fresh.items() if of[row] == place}
        sinks.put_rejected(to.at, to.contract, f"{batch.batch_id}-{name}", raw, new)
    _commit(to, refined.valid.filter(keep), name, _told(to.contract, [letter for letter, _ in told], [fate for _, fate in told]))
    return tally


def _read(at: Stores, batches: Sequence[RawBatch], window: Window) -> tuple[pa.Table, np.ndarray, int]:
    """The window's rows; of which batch each is; and how many rows are in files that are gone."""
    tables, of, expired = [sinks.sealed_schema("platform.envelope").empty_table()], [], 0
    for place, batch in enumerate(batches):
        for named in batch.files:
            try:
                read = sources.read(at.files, named)
            except FileNotFoundError:
                expired += named["rows"]
                continue
            tables.append(read.filter(pa.array(window.rows(read["received_at"]))))
            of.append(np.full(tables[-1].num_rows, place))
    return pa.concat_tables(tables, promote_options="default"), np.concatenate([*of, np.array([], np.int64)]).astype(np.int64), expired


def _letters_of(
    raw: pa.Table, refined: Refined, kept: Iterable[int], dropped: Iterable[int], kept_letters: Mapping[str, dict]
) -> tuple[list[tuple[dict, Fate]], dict[int, Rejection]]:
    """What is to be told of letters that are about these rows; and the rows that fail and have no letter yet."""
    told: list[tuple[dict, Fate]] = []
    of_event = {letter["event_id"] for letter in kept_letters.values() if letter["redrive_state"] in (OPEN, STILL_FAILING)}
    there = raw["event_id"].to_pylist() if of_event else []
    for rows, state in ((kept, letters.REPLAYED), (dropped, letters.DUPLICATE), (refined.forgotten, letters.FORGOTTEN)):
        for row in rows if of_event else ():
            letter = kept_letters.get(sinks.dead_letter_id(raw["payload"][row].as_py())) if there[row] in of_event else None
            if letter and letter["redrive_state"] in (OPEN, STILL_FAILING):
                told.append((letter, Fate(state)))
    fresh = {}
    for row, verdict in refined.rejected.items():
        letter = kept_letters.get(sinks.dead_letter_id(raw["payload"][row].as_py()))
        if letter is None:
            fresh[row] = verdict
        elif letter["error_code"] != verdict.code:
            told.append((letter, Fate(STILL_FAILING, verdict)))
    return told, fresh


# --------------------------------------------------------------------------------------------------------------- shared


def _told(contract: Contract, of: Sequence[dict], fates: Sequence[Fate]) -> pa.Table:
    """A row of platform.redrive for each letter."""
    now, rows = datetime.now(UTC), []
    for letter, fate in zip(of, fates, strict=True):
        why = sinks.blame(fate.verdict, contract) if fate.verdict else {"error_code": None, "error_field": None}
        row = {"dead_letter_id": letter["dead_letter_id"], "contract": contract.id, "redrive_state": fate.state, "redriven_at": now}
        rows.append(row | why | {"redrive_count": (letter["redrive_count"] or 0) + 1})
    return pa.Table.from_pylist(rows, schema=project.arrow_schema(registry().get("platform.redrive").fields))


_COUNTED_AS = {
    letters.REPLAYED: "replayed",
    letters.DUPLICATE: "duplicates",
    letters.FORGOTTEN: "forgotten",
    STILL_FAILING: "still_failing",
}


def _counted(fates: Sequence[Fate]) -> Tally:
    tally = Tally()
    tally.add(records=len(fates))
    for fate in fates:
        tally.add(**{_COUNTED_AS[fate.state]: 1})
    return tally


def refined_at(at: Stores, contract: Contract) -> dict[str, str]:
    """Batch → when it was refined, empty where its marker does not say; batches that wait for refine are absent."""
    paths = at.files.list(places.refined_dir(contract.domain, contract.table) + "/")
    return {m["batch_id"]: m.get("refined_at", "") for m in (json.loads(at.files.get(path)) for path in paths)}
