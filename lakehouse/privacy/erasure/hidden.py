"""Who is shown to nobody, although rows of theirs are still there: between the closing of an erasure and its purge.

close ─▶ platform/privacy/hidden.parquet ─▶ every reading path leaves them out ─▶ purge takes them off the list
"""

import io
from collections.abc import Collection

import pyarrow as pa
import pyarrow.parquet as pq

from lakehouse.places import hidden_people
from lakehouse.storage.protocols import Files

_SCHEMA = pa.schema([("pid", pa.string())])


def hidden(files: Files) -> frozenset[str]:
    """Pseudonyms. Nobody where there is no list."""
    try:
        return frozenset(pq.read_table(io.BytesIO(files.get(hidden_people())))["pid"].to_pylist())
    except FileNotFoundError:
        return frozenset()


def keep_hidden(files: Files, pids: Collection[str]) -> None:
    """These and no others; the caller is the only one who writes."""
    sink = pa.BufferOutputStream()
    # Not as a dictionary: a list without somebody must not have them in a page.
    pq.write_table(pa.table({"pid": sorted(pids)}, schema=_SCHEMA), sink, use_dictionary=False)
    files.put(hidden_people(), sink.getvalue().to_pybytes())
