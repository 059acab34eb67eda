"""Something is wrong, and is to be put right: by whoever owns it, which is never us; and then it is seen to be right here.

    request ─▶ event on the topic privacy.rights_request, alert to the dataset's owner ─▶ MegaCity's database, or the application
                                                                                              │ change data capture, a new event
    evidence ◀─ current table, dimensions: the same value ◀─ newest sealed record: that value ◀┘

Tables of the lake are copies, and an event has happened: to write into either would be undone by the next replay, and would hide
that the source is still wrong. What supersedes is a newer record. Until it has come the request stays open, and its term runs.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import duckdb
import msgspec
import pyarrow as pa

from lakehouse import verdicts
from lakehouse.alerting.alert import Alert
from lakehouse.alerting.sending import send
from lakehouse.contracts import Contract, registry
from lakehouse.contracts.made_from import lineage
from lakehouse.contracts.project import arrow_schema, duckdb_columns, python_type, restricted
from lakehouse.door import door
from lakehouse.envelope import pack
from lakehouse.errors import BadInputError
from lakehouse.places import current_table
from lakehouse.privacy.access import columns_of
from lakehouse.privacy.columns import decrypted
from lakehouse.privacy.disclosures.recipients import to_tell
from lakehouse.privacy.erasure.office import Office
from lakehouse.privacy.erasure.sealed import Sealed
from lakehouse.privacy.naming import naming, naming_in_clean
from lakehouse.privacy.request_event import OTHERS, request_event
from lakehouse.privacy.requests import RUNBOOK, Correction, Kind, Request, Whom
from lakehouse.privacy.rights.gather import known
from lakehouse.privacy.treat import treated
from lakehouse.storage.open import open_bus, open_tables, open_warehouse
from lakehouse.storage.turns import beside
from lakehouse.storage.warehouse import patiently

_OURS = ("event_type", "op", "changed_at", "source_lsn", "source_epoch", "unchanged_fields", "occurred_at")
_SEEN = "seen_to_be_right"


def wanted(correction: Correction) -> Any:
    """The value, as the contract reads it. Raises BadInputError, which never quotes it."""
    contract = registry().find(correction.dataset)
    if contract is None or not contract.is_ingested or contract.subject is None:
        raise BadInputError(
            f"{correction.dataset} is no dataset that people's data comes in",
            hint=f"one of {', '.join(c.id for c in registry().ingested if c.subject)}",
        )
    fields = [name for name in contract.names if name not in (*_OURS, contract.subject, contract.row_key)]
    if correction.field not in fields:
        raise BadInputError(f"{contract.id} has no such field to put right", hint=f"one of {', '.join(fields)}")
    try:
        return msgspec.convert(correction.value, python_type(contract.field(correction.field)), strict=False)
    except msgspec.ValidationError:
        raise BadInputError(
            f"this can be no {correction.field} of {contract.id}", hint=f"docs/catalogue/{contract.id}.md says what can"
        ) from None


def publish(office: Office, request: Request, whom: Whom, zone_id: str, org_id: int | None = None) -> None:
    """A request that was made by hand goes the way of all others: who owns the data reads this topic. Raises BadInputError."""
    said = {f"rectified_{name}": getattr(whom.correction, name) for name in ("dataset", "field", "row", "value")}
    said |= {"user_id": whom.subject, "requester_role": request.requester_role, "request_channel": request.request_channel}
    event = request_event(Kind(request.kind), request.request_id, request.received_at, said, org_id)
    admission = door("http").admit_body(event, zone_id, datetime.now(UTC))
    for code, field in admission.rejected.values():
        raise BadInputError(
            f"the request is no event that the platform takes: {code}{f' ({field})' if field else ''}",
            hint=verdicts.CODES[code].sender_should,
        )
    bus = open_bus(office.settings)
    try:
        bus.publish(OTHERS, pack(admission.lines[OTHERS]))
    finally:
        bus.close()


def to_rectify(office: Office) -> list[Request]:
    return office.requests.waiting(Kind.RECTIFICATION, after="verified", before="answered")


def go_on(office: Office, request: Request) -> Request:
    """Tell the owner once; then look whether the value has come. What nobody could put right is refused, with the reason."""
    whom = known(office, office.requests.whom(request.request_id))
    try:
        value = wanted(whom.correction) if whom.correction else None
    except BadInputError as error:
        return _refused(office, request, str(error))
    if value is None:
        return _refused(office, request, "it does not say what is to be put right")
    if "told_at" not in office.requests.progress(request.request_id):
        send(_alert(request, whom.correction), office.settings)
        office.requests.tell(request.request_id, told_at=datetime.now(UTC).isoformat())
    seen = evidence(office, request, whom, value)
    if seen is None:
        return request
    office.record("rectification.seen", dataset=whom.correction.dataset, purpose="rectification", request_id=request.request_id, seen=seen)
    told = {_SEEN: seen, "recipients": to_tell(office, request)}
    done = office.requests.reach(request.request_id, "answered", datetime.now(UTC), **told)
    office.requests.let_go()
    return done


def evidence(office: Office, request: Request, whom: Whom, value: Any) -> list[dict] | None:
    """Where the value was seen, without it; None while any place that shows it shows another."""
    correction = whom.correction
    contract = registry().get(correction.dataset)
    came = _newest(office, request, whom, contract)
    if came is None or came["payload"][correction.field] is None or _read(contract, correction.field, came["payload"]) != value:
        return None
    seen = [{"where": "raw", "event_id": came["event_id"], "received_at": came["received_at"].isoformat()}]
    name, shown = _as_stored(contract, correction.field, value)
    if contract.layer != "table" or name is None:
        return seen
    is_encrypted = name in restricted(contract, registry().vocabulary)
    for where, stored in _shown(office, contract, name, whom, correction.row):
        values = decrypted(stored, name, office.vault) if is_encrypted else stored
        if any(found != shown for found in values):
            return None
        seen += [{"where": where, "rows": len(values)}] if values else []
    return seen


def _newest(office: Office, request: Request, whom: Whom, contract: Contract) -> dict | None:
    """The newest record since the request that says anything about the field."""
    correction = whom.correction
    of = [
        row
        for held in Sealed(office.settings).of_contract(whom, contract)
        if "/raw/" in held.place
        for row in held.rows
        if isinstance(row["payload"], dict)
        and row["received_at"] > request.received_at
        and correction.field in row["payload"]
        and (correction.row is None or str(row["payload"].get(contract.row_key)) == correction.row)
    ]
    return max(
        of,
        key=lambda row: (row["payload"].get("source_epoch") or 0, row["payload"].get("source_lsn") or 0, row["received_at"]),
        default=None,
    )


def _read(contract: Contract, name: str, payload: dict) -> Any:
    try:
        return msgspec.convert(payload[name], python_type(contract.field(name)), strict=False)
    except msgspec.ValidationError:
        return None


def _as_stored(contract: Contract, name: str, value: Any) -> tuple[str | None, Any]:
    """The column of clean and its value after the field's treatment, as DuckDB gives it; None where it is not kept there."""
    field = contract.field(name)
    if field.treatment == "drop":
        return None, None
    if field.treatment == "keep":
        return name, pa.array([value]).cast(arrow_schema((field,)).field(name).type)[0].as_py()
    row = pa.table({f.name: pa.array([value if f.name == name else None], arrow_schema((f,)).field(f.name).type) for f in contract.fields})
    return field.becomes, treated(row, contract, registry().vocabulary, {})[field.becomes][0].as_py()


def _shown(office: Office, contract: Contract, name: str, whom: Whom, row: str | None) -> Iterator[tuple[str, list]]:
    """Every table of what is: current, and the dimensions that are made from it and name the person."""
    files = open_tables(office.settings).files(current_table(contract.domain, contract.table))
    mine = next(iter(naming_in_clean(contract, registry().vocabulary)))
    with duckdb.connect() as database:
        database.execute("set TimeZone = 'UTC'")
        if files:
            which = f'"{mine}" = $pid' + (f' and "{_stored_key(contract)}"::varchar = $row' if row else "")
            sql = f'select "{name}" from read_parquet($files, union_by_name = true) where {which}'
            said = {"files": files, "pid": whom.pid} | ({"row": row} if row else {})
            yield current_table(contract.domain, contract.table), [v for (v,) in database.execute(sql, said).fetchall()]
    path = open_warehouse(office.settings)
    if not path.exists() or row is not None:
        return
    with beside(office.settings), patiently(lambda: duckdb.connect(str(path), read_only=True), path) as warehouse:
        warehouse.execute("set TimeZone = 'UTC'")
        for dim in _dimensions(office, contract, name):
            column = next(iter(naming(dim.names, registry().vocabulary)))
            kind = duckdb_columns((next(f for f in columns_of(contract, registry()) if f.name == name),))[name]
            sql = f'select cast("{name}" as {kind}) from {dim.layer}.{dim.table} where "{column}" = ?'
            yield dim.id, [v for (v,) in warehouse.execute(sql, [whom.pid]).fetchall()]


def _dimensions(office: Office, contract: Contract, name: str) -> list[Contract]:
    staging = {f"stg_{c.table}.sql": f"source('clean', '{c.table}')" for c in registry().clean}
    made = lineage(registry(), office.settings.dbt_project / "models", staging).parents
    return [
        c
        for c in registry().layer("curated")
        if c.table.startswith("dim_")
        and not c.table.endswith("_history")  # the past was as it was
        and name in c.names
        and naming(c.names, registry().vocabulary)
        and contract.id in made.get(c.id, ())
    ]


def _stored_key(contract: Contract) -> str:
    field = contract.field(contract.row_key)
    return field.becomes or field.name


def _refused(office: Office, request: Request, why: str) -> Request:
    office.record("rectification.refused", purpose="rectification", request_id=request.request_id)
    return office.requests.refuse(request.request_id, why)


def _alert(request: Request, correction: Correction) -> Alert:
    """To the dataset's owner: which field, and never whose or what."""
    contract = registry().get(correction.dataset)
    facts = {"request": request.request_id, "dataset": contract.id, "field": correction.field, "owner": contract.owner}
    return Alert(
        severity="warning",
        summary=f"a person wants {contract.id} put right",
        key=f"privacy-request-{request.request_id}",
        facts=facts | {"due": request.due_at.isoformat(timespec="minutes")},
        next_move=f"the owner reads the request on the topic {OTHERS} and corrects the source; {RUNBOOK} says how we see it",
    )
