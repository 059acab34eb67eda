"""The hidden: people whom no reading path shows. Two lists, and whoever reads asks for both at once.

    erasure, first stage ─▶ platform/privacy/hidden.parquet (pid)                    until their rows are gone
    restriction          ─▶ platform/privacy/restricted.parquet (pid, reason, since) until it is lifted; their rows stay
                              ├─▶ hidden_people(): DuckDB's views │ PostgreSQL's access.hidden │ features │ live
                              ├─▶ platform/hidden/people.parquet: BigQuery's access.hidden, which reads it at every query
                              └─▶ restricted_people(): the clean views that models are built from

Being on one list says nothing of the other: an erasure takes a person off the list of the restricted, and a restriction that is
lifted shows nobody who is being erased.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
from pyarrow import parquet

from lakehouse import places
from lakehouse.storage.protocols import Files

_RESTRICTED = pa.schema([("pid", pa.string()), ("reason", pa.string()), ("since", pa.timestamp("us", "UTC")), ("request_id", pa.string())])


@dataclass(frozen=True, slots=True)
class Restriction:
    """`reason`: a value of restriction_reason in the vocabulary."""

    reason: str
    since: datetime
    request_id: str


def hidden_people(files: Files) -> frozenset[str]:
    """Pseudonyms that no reading path shows, for whichever reason."""
    return erased_people(files) | restricted_people(files).keys()


def erased_people(files: Files) -> frozenset[str]:
    """Those of them whose erasure has begun and is not purged yet."""
    return frozenset(_rows(files, places.hidden_people())["pid"].to_pylist())


def restricted_people(files: Files) -> dict[str, Restriction]:
    """Those of them whose data is kept and not used."""
    rows = _rows(files, places.restricted_people()).to_pylist()
    return {row["pid"]: Restriction(row["reason"], row["since"], row["request_id"]) for row in rows}


def hide(files: Files, pids: Collection[str]) -> None:
    """These and no others are being erased; the privacy office alone writes, one at a time."""
    _put(files, places.hidden_people(), _pids(pids))
    tell_engines(files)


def restrict(files: Files, people: Mapping[str, Restriction]) -> None:
    """These and no others are restricted; the privacy office alone writes, one at a time."""
    rows = [{"pid": pid, "reason": one.reason, "since": one.since, "request_id": one.request_id} for pid, one in sorted(people.items())]
    _put(files, places.restricted_people(), pa.Table.from_pylist(rows, _RESTRICTED))
    tell_engines(files)


def tell_engines(files: Files) -> None:
    """Both lists as one, for an engine that reads it by itself; it must be there, if empty, before that engine is told of it."""
    _put(files, places.shown_to_nobody(), _pids(hidden_people(files)))


def _pids(pids: Collection[str]) -> pa.Table:
    return pa.table({"pid": pa.array(sorted(pids), pa.string())})


def _rows(files: Files, path: str) -> pa.Table:
    """Nobody where the list was never written."""
    try:
        data = files.get(path)
    except FileNotFoundError:
        return _RESTRICTED.empty_table()
    return parquet.read_table(pa.BufferReader(data))


def _put(files: Files, path: str, rows: pa.Table) -> None:
    sink = pa.BufferOutputStream()
    # Not as a dictionary: a list without somebody must not have them in a page.
    parquet.write_table(rows, sink, use_dictionary=False)
    files.put(path, sink.getvalue().to_pybytes())
