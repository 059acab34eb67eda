"""Dead letters as a table: found, counted and opened.

    <domain>/dead_letters/<table>/*.parquet            what failed, sealed, one file a raw batch
    <domain>/dead_letters/_redrives/<table>/*.parquet  what became of it since; the newest row counts
        └─▶ one DuckDB query ─▶ letters, each with its state and its reason of today

A letter never moves and is never rewritten: what a replay did with it is said beside it. So a replay that is killed
leaves nothing half-moved, and a letter without a closing row is open.
"""

import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from beam_pipelines import sources
from beam_pipelines.sinks import sealed_schema
from beam_pipelines.stores import Stores
from lakehouse import places
from lakehouse.contracts import project, registry
from lakehouse.contracts.model import Contract
from lakehouse.errors import BadInputError
from lakehouse.storage.literals import literals
from lakehouse.storage.protocols import Files

OPEN, STILL_FAILING = "open", "still_failing"
REPLAYED, DUPLICATE, FORGOTTEN = "replayed", "duplicate", "forgotten"
_TIMES = {"received": "received_at", "failed": "failed_at"}


@dataclass(frozen=True)
class Wanted:
    """Which letters. What is None does not matter; `by` says whether the times are of arrival or of failure."""

    contract: str | None = None
    code: str | None = None
    field: str | None = None
    step: str | None = None
    zone: str | None = None
    org: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    by: str = "received"
    closed_too: bool = False
    ids: tuple[str, ...] | None = None

    def conditions(self) -> tuple[list[str], list]:
        """SQL, and what stands for its question marks."""
        asked = [
            ("error_code = ?", self.code),
            ("error_field = ?", self.field),
            ("failed_step = ?", self.step),
            ("zone_id = ?", self.zone),
            ("org_id = ?", self.org),
            (f"{_TIMES[self.by]} >= ?", self.since),
            (f"{_TIMES[self.by]} < ?", self.until),
            ("list_contains(?, dead_letter_id)", None if self.ids is None else list(self.ids)),
        ]
        there = [(sql, value) for sql, value in asked if value is not None]
        if not self.closed_too:
            there.append((f"redrive_state IN ('{OPEN}', ?)", STILL_FAILING))
        return [sql for sql, _ in there], [value for _, value in there]


def search(at: Stores, wanted: Wanted, limit: int | None = None) -> pa.Table:
    """Letters without their payloads, newest first; `path` and `row` say where a letter lies, `redrive_state` is `open` where
    none drove it yet, and code and field are the reason of the last attempt. Raises ContractError."""
    conditions, values = wanted.conditions()
    found = [_of(at.files, contract, conditions, values) for contract in _chosen(wanted.contract)]
    letters = pa.concat_tables([_empty(), *(f for f in found if f is not None)])
    letters = letters.sort_by([("received_at", "descending"), ("dead_letter_id", "ascending")])
    return letters if limit is None else letters.slice(0, limit)


def summary(letters: pa.Table) -> list[dict]:
    """How many for each reason, the most frequent first; with the first and the last of them."""
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'UTC'")
        database.register("letters", letters)
        counted = """
            SELECT contract, failed_step, error_code, error_field, redrive_state, count(*) AS letters,
                min(received_at) AS first_received_at, max(received_at) AS last_received_at, max(redrive_count) AS redrive_count
            FROM letters GROUP BY ALL ORDER BY letters DESC, contract, failed_step, error_code, error_field"""
        return database.execute(counted).to_arrow_table().to_pylist()


def one(at: Stores, dead_letter_id: str) -> dict:
    """Raises BadInputError where there is no such letter."""
    found = search(at, Wanted(ids=(dead_letter_id,), closed_too=True)).to_pylist()
    if not found:
        raise BadInputError(
            f"no dead letter is named {dead_letter_id!r}", hint="`lakehouse deadletters list --all` names those that are kept"
        )
    return found[0]


def with_payloads(files: Files, letters: pa.Table) -> pa.Table:
    """The same rows in their files' order, with their sealed payloads."""
    wanted: dict[str, dict[int, dict]] = {}
    for letter in letters.to_pylist():
        wanted.setdefault(letter["path"], {})[letter["row"]] = letter
    rows: list[dict] = []
    for path, of_file in sorted(wanted.items()):
        payloads = pq.read_table(io.BytesIO(files.get(path)), columns=["payload"])["payload"]
        rows += [letter | {"payload": payloads[row].as_py()} for row, letter in sorted(of_file.items())]
    return pa.Table.from_pylist(rows, schema=letters.schema.append(pa.field("payload", pa.binary())))


def opened(at: Stores, letter: dict) -> bytes | None:
    """A letter's payload in clear; None where its key is destroyed."""
    row = with_payloads(at.files, pa.Table.from_pylist([letter], schema=_empty().schema))
    return sources.unsealed(at.vault, row)["payload"][0].as_py()


def known_ids(at: Stores, contract: Contract, states: Collection[str] | None = None) -> dict[str, dict]:
    """Letters of a contract by their ids (in these states)."""
    found = search(at, Wanted(contract=contract.id, closed_too=True)).to_pylist()
    return {letter["dead_letter_id"]: letter for letter in found if states is None or letter["redrive_state"] in states}


# --------------------------------------------------------------------------------------------------------------- inside


def _chosen(contract_id: str | None) -> Sequence[Contract]:
    return registry().ingested if contract_id is None else [registry().get(contract_id)]


def _empty() -> pa.Table:
    schema = sealed_schema("platform.dead_letter")
    schema = schema.remove(schema.get_field_index("payload"))
    fate = project.arrow_schema(registry().get("platform.redrive").fields)
    own = [fate.field(name) for name in ("redrive_state", "redrive_count", "redriven_at")]
    fields = [f.with_nullable(True) for f in [*schema, *own]]
    return pa.schema([*fields, pa.field("path", pa.string()), pa.field("row", pa.int64())]).empty_table()


def _of(files: Files, contract: Contract, conditions: Sequence[str], values: Sequence) -> pa.Table | None:
    at = contract.domain, contract.table
    letters, redrives = files.list(places.dead_letter_dir(*at) + "/"), files.list(places.redrive_dir(*at) + "/")
    if not letters:
        return None
    by_uri = {files.uri(path): path for path in letters}
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'UTC'")
        database.execute("SET enable_progress_bar = false")
        database.register("places", pa.table({"filename": list(by_uri), "path": list(by_uri.values())}))
        database.execute(f"CREATE TEMP VIEW kept AS {_kept(database, list(by_uri))}")
        database.register("fates", _fates(database, [files.uri(path) for path in redrives]))
        named = ", ".join(f'"{f.name}"' for f in _empty().schema)
        query = f"""
            SELECT {named} FROM (
                SELECT kept.* REPLACE (
                        coalesce(fates.error_code, kept.error_code) AS error_code,
                        CASE WHEN fates.error_code IS NULL THEN kept.error_field ELSE fates.error_field END AS error_field),
                    coalesce(redrive_state, '{OPEN}') AS redrive_state, redrive_count, redriven_at, places.path
                FROM kept JOIN places USING (filename) LEFT JOIN fates USING (dead_letter_id)
            ) WHERE {" AND ".join(conditions) or "true"}"""
        return database.execute(query, values).to_arrow_table().cast(_empty().schema)


def _kept(database: duckdb.DuckDBPyConnection, uris: list[str]) -> str:
    """SQL of what the files hold. Files of a time before letters had an id get it from their payloads, which are read only then."""
    database.register("uris", pa.table({"uri": uris}))
    without = database.execute(
        "SELECT DISTINCT file_name FROM parquet_schema(?) GROUP BY file_name HAVING NOT bool_or(name = 'dead_letter_id')", [uris]
    ).fetchall()
    old = [name for (name,) in without]
    reads = [
        _reading([uri for uri in uris if uri not in old], "dead_letter_id, failed_at"),
        _reading(old, "left(sha256(payload), 20) AS dead_letter_id, NULL::TIMESTAMPTZ AS failed_at"),
    ]
    return " UNION ALL BY NAME ".join(r for r in reads if r)


def _reading(uris: list[str], own: str) -> str:
    if not uris:
        return ""
    names = [f.name for f in registry().get("platform.dead_letter").fields if f.name not in ("payload", "dead_letter_id", "failed_at")]
    columns = ", ".join(f'"{name}"' for name in names)
    return f'SELECT {columns}, {own}, filename, file_row_number AS "row" FROM read_parquet([{literals(uris)}], union_by_name = true, filename = true, file_row_number = true)'


def _fates(database: duckdb.DuckDBPyConnection, uris: list[str]) -> pa.Table:
    """The newest row of each letter; none that closed a letter is followed by another."""
    if not uris:
        return project.arrow_schema(registry().get("platform.redrive").fields).empty_table()
    newest = "SELECT * FROM read_parquet(?) QUALIFY row_number() OVER (PARTITION BY dead_letter_id ORDER BY redrive_count DESC) = 1"
    return database.execute(newest, [uris]).to_arrow_table()
