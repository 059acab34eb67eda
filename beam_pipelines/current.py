"""The CDC writer's second half: what refine appended to the history of a source table is folded into its current state.

    clean/<table>: changes since the version last folded ┐
    clean/table_floors                                   ├─▶ folding.py ─▶ deletes that floors cause ─▶ clean/<table>
    current/<table>: the rows of the same keys           ┘                 ─▶ rows, and the version, in one commit ─▶ current/<table>

Killed in between, the version is still the old one: the successor folds the same changes again, to the same rows.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from beam_pipelines import folding
from beam_pipelines.event_keys import event_keys
from beam_pipelines.folding import CARRIED, ENDED_BY_FLOOR, IS_DELETED, Floor, Row, Shape
from beam_pipelines.locks import alone
from beam_pipelines.stores import Stores, stores
from lakehouse import places
from lakehouse.contracts import project, registry
from lakehouse.contracts.model import Contract
from lakehouse.log import get_log
from lakehouse.settings import Settings

FLOORS = "source.table_floors"
_HISTORY, _FLOORS_SEEN = "history", "floors"
_FOLDED_AT_ONCE = 100_000
_log = get_log(__name__)


def has_current(contract: Contract) -> bool:
    return contract.layer == "table" and contract.row_key is not None and contract.id != FLOORS


def apply_floors(settings: Settings) -> None:
    """New floors may end rows of any table, also of one that nothing else happens to. Raises BusyError."""
    for contract in filter(has_current, registry().ingested):
        with alone(settings.home, contract.id):
            advance(settings, contract)


def advance(settings: Settings, contract: Contract) -> int:
    """Fold what is new; returns how many rows of current were written. The caller holds the contract's lock."""
    at, of = stores(settings), folding.shape(contract, registry().vocabulary)
    history, current = (place(contract.domain, contract.table) for place in (places.clean_table, places.current_table))
    written = 0
    while True:
        now = {_HISTORY: at.tables.version(history), _FLOORS_SEEN: at.tables.version(_floors_table())}
        seen = {name: at.tables.seen(current, name) for name in now}
        if now == seen or now[_HISTORY] < 0:
            return written
        floors = _floors(at, now[_FLOORS_SEEN]).get(contract.table, ())
        version = at.tables.version(current)
        changes = _new_changes(at, history, seen[_HISTORY])
        below = _below(at, current, floors, of) if now[_FLOORS_SEEN] != seen[_FLOORS_SEEN] else []
        for part, is_last in _parts(changes, below, of.key):
            rows, ends = _folded(at, current, part, floors, of)
            _append_ends(settings, contract, history, ends)
            table = pa.Table.from_pylist(rows, _schema(contract, of))
            if not at.tables.replace(current, table, of.key, now if is_last else seen, version):
                break  # somebody else was here: look again
            written, version = written + len(rows), at.tables.version(current)


def _parts(changes: Iterator[pa.Table], below: Sequence[Row], key: str) -> Iterator[tuple[dict, bool]]:
    """key → its new changes, of as many as are folded at once; keys whose row is below a floor have none."""
    waiting: dict[object, list[Row]] = {row[key]: [] for row in below}
    for rows in changes:
        for start in range(0, rows.num_rows, _FOLDED_AT_ONCE):
            if len(waiting) >= _FOLDED_AT_ONCE:
                yield waiting, False
                waiting = {}
            for row in rows.slice(start, _FOLDED_AT_ONCE).to_pylist():
                waiting.setdefault(row[key], []).append(row)
    if waiting.pop(None, None):
        _log.warning("changes_without_key", key=key)  # they stay in the history; a current row they cannot be
    yield waiting, True


def _folded(at: Stores, current: str, part: Mapping, floors: Sequence[Floor], of: Shape) -> tuple[list[Row], list[Row]]:
    states = _states(at, current, list(part), of.key) if part else {}
    rows, ends = [], []
    for key, changes in part.items():
        before = states.get(key)
        after = folding.folded(before, changes, floors, of)
        if after != before:
            rows.append(after)
        if end := folding.ended(before, after, changes, floors, of):
            ends.append(end)
    return rows, ends


def _new_changes(at: Stores, history: str, since: int) -> Iterator[pa.Table]:
    """At least the changes that were appended since; all there are where the log does not say."""
    files = at.tables.added_since(history, since)
    for file in at.tables.files(history) if files is None else files:
        rows = pq.read_table(file, partitioning=None)
        yield rows.filter(pc.invert(pc.starts_with(rows["event_id"], ENDED_BY_FLOOR)))


def _states(at: Stores, current: str, keys: Sequence, key: str) -> dict[object, Row]:
    """The rows of these keys: the small column of all files first, then the files that have one."""
    found: dict[object, Row] = {}
    for file in at.tables.files(current):
        column = pq.read_table(file, columns=[key], partitioning=None)[key]
        is_one = pc.is_in(column, pa.array(keys, column.type))
        if pc.any(is_one).as_py():
            found |= {row[key]: row for row in pq.read_table(file, partitioning=None).filter(is_one).to_pylist()}
    return found


def _below(at: Stores, current: str, floors: Sequence[Floor], of: Shape) -> list[Row]:
    """Keys of the rows that a floor takes away, or perhaps a value that they carry on from before it."""
    files = at.tables.files(current)
    if not floors or not files:
        return []
    epoch, lsn = floors[-1].place
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'UTC'")
        where = f"NOT {IS_DELETED} AND ({CARRIED} IS NOT NULL OR (coalesce(source_epoch, 0), source_lsn) < (?, ?))"
        sql = f'SELECT "{of.key}" FROM read_parquet(?, union_by_name = true) WHERE {where}'
        return database.execute(sql, [files, epoch, lsn]).to_arrow_table().to_pylist()


def _append_ends(settings: Settings, contract: Contract, history: str, ends: Sequence[Row]) -> None:
    """Once each, however often the floor is delivered and the fold repeated."""
    if not ends:
        return
    with duckdb.connect() as database:
        keyed = pa.table({"event_id": [row["event_id"] for row in ends]})
        database.register("keyed", keyed)
        sql = "SELECT event_id, (md5_number_lower(event_id) >> 1)::BIGINT AS event_key FROM keyed"
        key_of = dict(database.execute(sql).fetchall())
    known = event_keys(settings, history).known(pa.chunked_array([pa.array(key_of.values(), pa.int64())]))
    new = [row | {"event_key": key_of[row["event_id"]]} for row in ends if row["event_id"] not in known.get(key_of[row["event_id"]], ())]
    if new:
        name = hashlib.sha256("\n".join(sorted(row["event_id"] for row in new)).encode()).hexdigest()[:20]
        schema = project.arrow_schema(project.clean_fields(contract, registry().vocabulary))
        stores(settings).tables.append(history, pa.Table.from_pylist(new, schema), f"floors-{name}", {"valid": len(new)})


def _schema(contract: Contract, of: Shape) -> pa.Schema:
    fields = [f.also(required=False) for f in project.clean_fields(contract, registry().vocabulary) if f.name in of.columns]
    more = [pa.field(IS_DELETED, pa.bool_()), pa.field(CARRIED, pa.string())]
    return pa.schema([*project.arrow_schema(tuple(fields)), *more])


def _floors_table() -> str:
    contract = registry().get(FLOORS)
    return places.clean_table(contract.domain, contract.table)


@lru_cache(maxsize=8)
def _floors(at: Stores, version: int) -> Mapping[str, Sequence[Floor]]:
    """Table → its floors, lowest first. `version` is that of the table of floors, which is small."""
    found = defaultdict(dict)
    for file in at.tables.files(_floors_table()):
        for row in pq.read_table(file, partitioning=None).to_pylist():
            floor = Floor((row["source_epoch"] or 0, row["source_lsn"]), row["changed_at"], row["received_at"])
            known = found[row["table_name"]].get(floor.place, floor)
            found[row["table_name"]][floor.place] = min(floor, known)
    return {table: tuple(sorted(floors.values())) for table, floors in found.items()}
