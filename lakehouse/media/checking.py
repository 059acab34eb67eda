"""References against objects: whether every recording that an event speaks of is there, and the other way round.

    clean: media_id, user_pid ─▶ vault: keys ─▶ media_pid ┐
    raw/media/_records                                    ├─▶ matched │ waiting │ missing │ unreferenced │ lost │ forgotten
    raw/media/dt=…                                        ┘

An event may come before or after its object, so what is younger than the grace time only waits. What is older than raw is kept
has gone by design. Nothing here names a person: contracts, days and counts.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice

import duckdb

from lakehouse import places
from lakehouse.contracts import Contract, Registry
from lakehouse.media import record as records
from lakehouse.media.record import MediaRecord
from lakehouse.storage.protocols import Files, TableStore, Vault

_AT_ONCE = 10_000
BAD = ("missing", "unreferenced", "lost")
GOOD = ("matched", "waiting", "expired", "forgotten")
MEANINGS = {
    "matched": "event and object are both there",
    "waiting": "one of them is there, for less than the grace time",
    "expired": "the event is older than raw is kept, so its object is gone by design",
    "forgotten": "the person was erased",
    "missing": "an event refers to an object that was never uploaded",
    "unreferenced": "an object that no event refers to",
    "lost": "an object has a record, and its file is gone",
}


@dataclass
class Found:
    """What became of the references and objects of one contract. `examples`: media_pids of those that are BAD, the first few."""

    contract: str
    counts: Counter = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def add(self, what: str, pid: str) -> None:
        self.counts[what] += 1
        if what in BAD and len(shown := self.examples.setdefault(what, [])) < 5:
            shown.append(pid)

    @property
    def is_good(self) -> bool:
        return not any(self.counts[what] for what in BAD)


@dataclass(frozen=True)
class _Reference:
    media_id: str
    user_pid: str
    first_received_at: datetime


def check(
    files: Files,
    tables: TableStore,
    vault: Vault,
    contracts: Registry,
    now: datetime,
    grace: timedelta,
    show: Callable[[str], None] = lambda _: None,
) -> list[Found]:
    """One answer a contract that has media objects."""
    found = []
    for contract in (c for c in contracts if c.media_kinds):
        answer = Found(contract.id)
        known = {r.media_pid: r for r in all_records(files, contract.domain) if r.contract == contract.id}
        there = set(_objects(files, contract.domain))
        show(f"{contract.id}: {len(known):,} objects")
        referred = set()
        for reference, pid in _named(_references(tables, contract), vault):
            if pid is not None:
                referred.add(pid)
            answer.add(_fate(reference, pid, pid in known, contract, now, grace), pid or "")
        owned = vault.keys({record.subject for pid, record in known.items() if pid not in referred})
        for pid, record in known.items():
            if pid in referred and record.path in there:
                continue  # counted with its reference
            if pid not in referred and record.subject not in owned:
                answer.add("forgotten", pid)  # nobody can work out its name any more, and nobody can open it
            elif record.path not in there:
                answer.add("lost", pid)
            else:
                answer.add("waiting" if now - record.received_at < grace else "unreferenced", pid)
        found.append(answer)
    return found


def all_records(files: Files, domain: str) -> Iterator[MediaRecord]:
    """Raises CorruptError."""
    for path in files.list(places.media_records_dir(domain) + "/"):
        yield records.read(files, path)


def uncommitted(files: Files, domain: str) -> list[str]:
    """Objects without a record: their upload was cut off between the two, and was never confirmed to anybody."""
    known = {record.path for record in all_records(files, domain)}
    return [path for path in _objects(files, domain) if path not in known]


def _objects(files: Files, domain: str) -> list[str]:
    return files.list(places.media_dir(domain) + "/dt=")


def _references(tables: TableStore, contract: Contract) -> list[_Reference]:
    paths = tables.files(places.clean_table(contract.domain, contract.table))
    if not paths:
        return []
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'UTC'")
        rows = database.execute(
            "SELECT media_id, user_pid, min(received_at) FROM read_parquet(?, union_by_name = true) WHERE media_id IS NOT NULL GROUP BY ALL",
            [list(paths)],
        ).fetchall()
    return [_Reference(media_id, user_pid, at.astimezone(UTC)) for media_id, user_pid, at in rows]


def _named(references: Sequence[_Reference], vault: Vault) -> Iterator[tuple[_Reference, str | None]]:
    """Each with the name of the object that it means; None where its person's key is destroyed."""
    waiting = iter(references)
    while some := list(islice(waiting, _AT_ONCE)):
        people = vault.people({r.user_pid for r in some})
        for reference in some:
            owner = people.get(reference.user_pid)
            yield reference, owner and records.media_pid(owner.key, reference.media_id)


def _fate(reference: _Reference, pid: str | None, is_there: bool, contract: Contract, now: datetime, grace: timedelta) -> str:
    age = now - reference.first_received_at
    if pid is None:
        return "forgotten"
    if is_there:
        return "matched"
    if age > timedelta(days=contract.raw_retention_days):
        return "expired"
    return "waiting" if age < grace else "missing"
