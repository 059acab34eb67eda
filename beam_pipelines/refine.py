"""Refinement: the whole journey of a record from sealed raw to clean.

    Groups of a contract, in turn ─▶ open the seals ─▶ refine ─▶ keep what is rejected ─▶ settle ─▶ counts
                                                  (steps.py, pure)    └─▶ dead letters        └─▶ clean, markers, current

A group is a million rows at most, and one element: inside it DuckDB and Arrow work at their own speed. All groups of a
contract have one key, so one worker takes them one after the other, and each sees in the clean table what the ones
before it committed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import apache_beam as beam
import numpy as np

from beam_pipelines import current, sinks, sources, steps
from beam_pipelines.event_keys import event_keys
from beam_pipelines.running import Outcome, Steps, passed_whole, wired
from beam_pipelines.sources import Group, Opened
from beam_pipelines.steps import Refined
from beam_pipelines.stores import stores
from lakehouse import places
from lakehouse.contracts import registry
from lakehouse.contracts.model import Contract
from lakehouse.settings import Settings


class Refine(beam.PTransform):
    """PCollection[tuple[contract id, Group]] → PCollection[Outcome], one a group."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._settings = settings

    def expand(self, pending: beam.PCollection) -> beam.PCollection:
        passed_whole(Opened)
        groups = pending | "One worker a contract" >> beam.GroupByKey() | "In turn" >> beam.FlatMap(in_turn)
        return wired(groups, STEPS, self._settings)


def waiting(settings: Settings, contracts: Sequence[Contract] | None = None) -> list[tuple[str, Group]]:
    """What there is to refine (of these contracts), under its contract's id. A predecessor that was killed is finished first:
    its markers, and what it refined, or knew of floors, and did not fold into current."""
    at, found = stores(settings), []
    for contract in registry().ingested if contracts is None else contracts:
        sinks.finish_in_hand(at, contract)
        if current.has_current(contract):
            current.advance(settings, contract)
        groups = sources.groups(contract, sources.pending(at.files, contract), settings.refine_batch_rows)
        found += [(contract.id, group) for group in groups]
    return found


@passed_whole
@dataclass(frozen=True)
class Judged:
    """A group, and what became of its rows."""

    opened: Opened
    refined: Refined


def in_turn(contract_and_groups: tuple[str, Iterable[Group]]) -> Iterable[Group]:
    return sorted(contract_and_groups[1], key=lambda group: group.order)


def open_seals(group: Group, settings: Settings) -> Opened:
    return sources.opened(stores(settings), group)


def refine(opened: Opened, settings: Settings) -> Judged:
    people = stores(settings).vault.subjects
    pseudonyms = lambda subjects: {s: known.pid for s, known in people(subjects).items()}  # noqa: E731
    contracts = registry()
    return Judged(opened, steps.refine(opened.clear, contracts.get(opened.group.contract_id), contracts.vocabulary, pseudonyms))


def keep_rejected(judged: Judged, settings: Settings) -> Judged:
    contract = registry().get(judged.opened.group.contract_id)
    for at, batch in enumerate(judged.opened.group.batches):
        rejected = {row: verdict for row, verdict in judged.refined.rejected.items() if judged.opened.of[row] == at}
        sinks.put_rejected(stores(settings), contract, batch.batch_id, judged.opened.raw, rejected)
    return judged


def settle(judged: Judged, settings: Settings) -> Outcome:
    """Leave out what clean has already, and commit the rest."""
    to, contract = stores(settings), registry().get(judged.opened.group.contract_id)
    valid = judged.refined.valid
    known = event_keys(settings, places.clean_table(contract.domain, contract.table)).known(valid["event_key"])
    keep = steps.first_of_each(valid, known)
    markers = _markers(judged, keep, steps.late(valid, contract))
    sinks.put_clean(to, contract, judged.opened.group.name, valid if keep.all() else valid.filter(keep), markers)
    return Outcome.summed(contract.id, markers)


def bring_current(outcome: Outcome, settings: Settings) -> Outcome:
    """Where it is a source table: fold the new changes into its current rows."""
    contract = registry().get(outcome.contract)
    if current.has_current(contract):
        current.advance(settings, contract)
    return outcome


STEPS: Steps = (
    ("Open the seals", open_seals),
    ("Refine", refine),
    ("Keep what is rejected", keep_rejected),
    ("Settle", settle),
    ("Bring current up to date", bring_current),
)


def _markers(judged: Judged, keep: np.ndarray, late: np.ndarray) -> list[dict]:
    """For each raw batch: how many rows it had, and by which door they left."""
    refined, of = judged.refined, judged.opened.of
    batches = judged.opened.group.batches
    count = lambda rows: np.bincount(of[np.asarray(rows, np.int64)], minlength=len(batches)).tolist()  # noqa: E731
    columns = {
        "rows": np.bincount(of, minlength=len(batches)).tolist(),
        "valid": count(refined.rows[keep]),
        "duplicates": count(refined.rows[~keep]),
        "rejected": count(list(refined.rejected)),
        "forgotten": count(list(refined.forgotten)),
        "late": count(refined.rows[keep & late]),
    }
    refined_at = datetime.now(UTC).isoformat()  # in which order, so that a replay can settle copies as we did
    drift = [steps.drift(n for row, n in refined.unknown.items() if of[row] == at) for at in range(len(batches))]
    return [
        {"batch_id": b.batch_id, **{name: column[at] for name, column in columns.items()}, "refined_at": refined_at, "drift": drift[at]}
        for at, b in enumerate(batches)
    ]
