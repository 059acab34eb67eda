"""The hidden: people whose erasure has begun, and whom no reading path shows any more, before their rows are gone.

erasure, first stage ─▶ platform/privacy/hidden.parquet (pid) ─▶ DuckDB's views │ PostgreSQL's access.hidden │ features │ live
"""

from collections.abc import Collection

import pyarrow as pa
from pyarrow import parquet

from lakehouse import places
from lakehouse.storage.protocols import Files


def hidden_people(files: Files) -> frozenset[str]:
    """Their pseudonyms; nobody where no erasure has begun yet."""
    try:
        data = files.get(places.hidden_people())
    except FileNotFoundError:
        return frozenset()
    return frozenset(parquet.read_table(pa.BufferReader(data), columns=["pid"])["pid"].to_pylist())


def hide(files: Files, pids: Collection[str]) -> None:
    """These and no others; the privacy office alone writes, one at a time."""
    sink = pa.BufferOutputStream()
    # Not as a dictionary: a list without somebody must not have them in a page.
    parquet.write_table(pa.table({"pid": pa.array(sorted(pids), pa.string())}), sink, use_dictionary=False)
    files.put(places.hidden_people(), sink.getvalue().to_pybytes())
