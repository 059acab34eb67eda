"""The hidden: people whose erasure has begun, and whom no reading path shows any more, before their rows are gone.

erasure, first stage ─▶ platform/privacy/hidden.parquet (pid) ─▶ DuckDB's views │ PostgreSQL's access.hidden │ features │ live
"""

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
