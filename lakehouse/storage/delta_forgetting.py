"""People are taken out of a table's files: which files name them, and what is written in their place.

    live file ─▶ naming columns alone ─▶ somebody of `people`? ─▶ without() ─▶ a file without them, in the same order and as small
                                                └─ no: it stays, byte for byte

Nothing but the column's values is compared, and nothing of them gets into the log: neither a predicate, as an engine's own
DELETE writes one, nor statistics (delta_files.py).
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake.transaction import AddAction, RemoveAction

from lakehouse.privacy.naming import without
from lakehouse.storage.delta_files import parquet, statistics
from lakehouse.storage.delta_settling import Live
from lakehouse.storage.protocols import Forgotten
from lakehouse.storage.tiers import TIERS

_MARK_CHARS = 15  # of settled-<six digits>-, by which delta_settling.py knows that a file is in order


def written(
    uri: str, files: Sequence[Live], columns: Mapping[str, bool], people: pa.Array, put: Callable[[str, bytes], None]
) -> tuple[Forgotten, list[AddAction | RemoveAction]]:
    """Write the files anew that name any of `people`; what went, and what the log is to say of it."""
    done, actions, now_ms = Forgotten(), [], int(datetime.now(UTC).timestamp() * 1000)
    for live in files:
        where = f"{uri}/{live.path}"
        if not names_somebody(where, columns, people):
            continue
        rows = pq.read_table(where, partitioning=None)
        kept, emptied = without(rows, columns, people)
        values = {} if live.day is None else {"dt": live.day.isoformat()}
        data = parquet(kept, level_of(live.path)) if kept.num_rows else b""
        if data:
            path = name_of(live.path, data)
            put(path, data)
            actions.append(AddAction(path, len(data), values, now_ms, True, statistics(kept)))
        actions.append(RemoveAction(live.path, True, now_ms, live.size, values))
        days = frozenset() if live.day is None else frozenset({live.day})
        done += Forgotten(rows.num_rows - kept.num_rows, emptied, 1, live.size, len(data), days)
    return done, actions


def names_somebody(where: str, columns: Mapping[str, bool], people: pa.Array) -> bool:
    there = pq.read_schema(where).names
    named = [name for name in columns if name in there]
    if not named:
        return False
    rows = pq.read_table(where, columns=named, partitioning=None)
    return any(pc.any(pc.is_in(rows[name], people)).as_py() for name in named)


def level_of(path: str) -> int | None:
    """Written anew as it was: a day that was made small stays small."""
    return next((tier.zstd_level for tier in TIERS if path.endswith(tier.suffix)), None)


def name_of(path: str, data: bytes) -> str:
    """By what it holds, so that an attempt that was killed is overwritten by its successor; a settled file stays settled."""
    folder, _, name = path.rpartition("/")
    digest = hashlib.sha256(data).hexdigest()[:20]
    suffix = next((tier.suffix for tier in TIERS if name.endswith(tier.suffix)), ".parquet")
    new = f"{name[:_MARK_CHARS] if name.startswith('settled-') else 'kept-'}{digest}{suffix}"
    return f"{folder}/{new}" if folder else new
