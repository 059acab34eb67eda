"""Refinement as a pure function: a batch in, every record out by exactly one door.

    batch ─ judged ─▶ rejected: a code and a field, never a value
                └──▶ treated ─▶ forgotten: about somebody who was erased
                           └──▶ valid: clean's columns, repeated events still among them; sinks.py settles those

Nothing here reads a clock, a file or a setting, so a test of the rules needs no pipeline.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from beam_pipelines.judging import Judged, judged, with_skew
from lakehouse import verdicts
from lakehouse.business_day import BUSINESS_TIMEZONE
from lakehouse.contracts import project
from lakehouse.contracts.model import Contract, Field
from lakehouse.privacy import treat
from lakehouse.privacy.naming import owners
from lakehouse.verdicts import Rejection

LATE_AFTER_US = 3_600_000_000
OTHER_NAMES = "(other)"
_SAFE_NAME = re.compile(r"[a-z][a-z_]{0,39}[0-9]{0,2}")
_MOST_NAMES = 20
Pseudonyms = Callable[[Collection[str]], Mapping[str, str]]


@dataclass(frozen=True)
class Refined:
    """What became of a batch's rows, which are meant by their numbers.

    valid      a clean table's columns, one row a payload that may go on; `rows` says which
    rejected   row → verdict
    forgotten  rows about somebody who was erased
    unknown    row (of `rows`) → names that the contract does not know
    """

    valid: pa.Table
    rows: np.ndarray
    rejected: dict[int, Rejection]
    forgotten: frozenset[int]
    unknown: dict[int, tuple[str, ...]]


def refine(batch: pa.Table, contract: Contract, words: Mapping[str, Field], pseudonyms: Pseudonyms) -> Refined:
    """`batch`: the envelope's columns, `payload` opened (null where its key is destroyed), `subject` a pseudonym.
    The event time of valid rows is corrected by their clock_skew_ms. `words` is the vocabulary; `pseudonyms` answers for the people it is asked about, but for nobody who was erased."""
    batch = with_skew(batch)
    sealed_off = frozenset(np.flatnonzero(batch["payload"].is_null().to_numpy()).tolist())
    judgement = judged(_without_nulls(batch) if sealed_off else batch, contract)
    pids = pseudonyms(treat.distinct_subjects(judgement.values, contract))
    treated = treat.treated(judgement.values, contract, words, pids)
    gone = _about_the_forgotten(judgement.values, treated, contract)
    strange = _about_another(judgement.values, treated, contract, batch["subject"]) & ~gone
    rows = judgement.values["row"].to_numpy()
    rejected = {row: verdict for row, verdict in judgement.rejected.items() if row not in sealed_off}
    rejected |= {row: Rejection(verdicts.BAD_ENVELOPE, "subject") for row in rows[strange].tolist()}
    clean = _clean(batch, judgement, treated, contract, words)
    leaves = gone | strange
    if leaves.any():
        clean, rows = clean.filter(pa.array(~leaves)), rows[~leaves]
    return Refined(clean, rows, rejected, sealed_off | frozenset(judgement.values["row"].to_numpy()[gone].tolist()), judgement.unknown)


def _without_nulls(batch: pa.Table) -> pa.Table:
    """An empty payload is judged as no JSON; whose it was is not asked."""
    return batch.set_column(batch.schema.get_field_index("payload"), "payload", pc.fill_null(batch["payload"], b""))


def _about_the_forgotten(values: pa.Table, treated: pa.Table, contract: Contract) -> np.ndarray:
    """Rows of a person whom the vault no longer answers for. Where a row of another's only mentions one, the mention is left
    empty; what cannot be without it is gone, too."""
    gone = np.zeros(values.num_rows, bool)
    for field in owners(contract):
        gone |= values[field.name].is_valid().to_numpy() & treated[field.becomes].is_null().to_numpy()
    return gone


def _about_another(values: pa.Table, treated: pa.Table, contract: Contract, sealed_for: pa.ChunkedArray) -> np.ndarray:
    """Rows whose payload is about another person than the one whose key sealed it: erasing that one would miss them."""
    if contract.subject is None:
        return np.zeros(values.num_rows, bool)
    named = treated[contract.field(contract.subject).becomes]
    return pc.fill_null(pc.not_equal(named, sealed_for.take(values["row"])), False).to_numpy()


def _clean(batch: pa.Table, judgement: Judged, treated: pa.Table, contract: Contract, words: Mapping[str, Field]) -> pa.Table:
    """The columns of the clean table, in its order: some from the envelope, most from the payload, the rest worked out."""
    schema = project.arrow_schema(project.clean_fields(contract, dict(words)))
    worked_out = {"event_key": judgement.values["event_key"], "dt": business_days(judgement.values[contract.event_time])}
    there = worked_out | dict(zip(treated.column_names, treated.columns))
    from_envelope = batch.select([name for name in schema.names if name not in there]).take(judgement.values["row"])
    there |= dict(zip(from_envelope.column_names, from_envelope.columns))
    return pa.table([there[name] for name in schema.names], schema=schema)


def business_days(times: pa.ChunkedArray) -> pa.ChunkedArray:
    """UTC timestamps → the day it was in Seoul."""
    return pc.local_timestamp(times.cast(pa.timestamp("us", tz=BUSINESS_TIMEZONE))).cast(pa.date32(), safe=False)


def first_of_each(valid: pa.Table, known: Mapping[int, Collection[str]]) -> np.ndarray:
    """Which rows to keep: of an event that is there several times the one received first, and none of those `known`
    (event_key → event_ids of that key in the clean table). Keys find candidates; event_ids decide."""
    keys = valid["event_key"].to_numpy()
    keep = np.ones(len(keys), bool)
    order = np.argsort(keys, kind="stable")
    repeated = np.flatnonzero(keys[order][1:] == keys[order][:-1])
    candidates = set(order[repeated].tolist()) | set(order[repeated + 1].tolist())
    if known:
        candidates |= set(np.flatnonzero(np.isin(keys, np.fromiter(known, np.int64, len(known)))).tolist())
    rows = np.array(sorted(candidates), np.int64)
    there = valid.select(["event_id", "event_key", "received_at"]).take(pa.array(rows)).to_pylist()
    taken = {event_id for ids in known.values() for event_id in ids}
    for row, copy in sorted(zip(rows, there), key=lambda pair: (pair[1]["received_at"], pair[0])):
        keep[row] = copy["event_id"] not in taken
        taken.add(copy["event_id"])
    return keep


def late(valid: pa.Table, contract: Contract) -> np.ndarray:
    """Rows that arrived more than an hour after they happened."""
    waited = valid["received_at"].cast(pa.int64()).to_numpy() - valid[contract.event_time].cast(pa.int64()).to_numpy()
    return waited > LATE_AFTER_US


def drift(names: Iterable[tuple[str, ...]]) -> dict[str, int]:
    """How often each unknown field was seen. A name that does not look like one of a field may be anything, even a
    person's: such names, and those beyond the twenty most frequent, are only counted together."""
    seen = Counter(n if _SAFE_NAME.fullmatch(n) else OTHER_NAMES for beyond in names for n in beyond)
    named = {n: c for n, c in sorted(seen.items(), key=lambda item: (-item[1], item[0])) if n != OTHER_NAMES}
    told = dict(list(named.items())[:_MOST_NAMES])
    others = seen.total() - sum(told.values())
    return told | ({OTHER_NAMES: others} if others else {})
