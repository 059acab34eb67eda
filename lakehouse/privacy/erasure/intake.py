"""Requests that came as events are taken up: from clean, where they are once, to the register.

    clean/privacy/erasure_requests ┐
    clean/privacy/rights_requests  ┴▶ those that the register does not know ─▶ raw: the sealed record says which account ─▶ register

Clean names the person by pseudonym, which is not enough: what is looked for everywhere in the end is the account. The sealed record
of the very event holds it, and what a field should say that is wrong.
"""

import io
import json
from datetime import UTC, datetime

import duckdb
import pyarrow.parquet as pq

from lakehouse.contracts import registry
from lakehouse.contracts.model import Contract
from lakehouse.log import get_log
from lakehouse.places import clean_table, raw_dir
from lakehouse.privacy.erasure.office import Office
from lakehouse.privacy.request_event import ERASURES, LAW, OTHERS, kind_of
from lakehouse.privacy.requests import Correction, Request, Whom, due_at
from lakehouse.privacy.seal import unseal
from lakehouse.storage.open import open_tables

_log = get_log(__name__)


def take_in(office: Office) -> list[Request]:
    """New requests, verified: whoever may send such events vouches for who asked (the contract's writeScope)."""
    contracts = [registry().get(name) for name in (ERASURES, OTHERS)]
    return [one for contract in contracts for row in _new(office, contract) if (one := _taken(office, contract, row)) is not None]


def _new(office: Office, contract: Contract) -> list[dict]:
    files = open_tables(office.settings).files(clean_table(contract.domain, contract.table))
    if not files:
        return []
    with duckdb.connect() as database:
        database.execute("set TimeZone = 'UTC'")
        wanted = "event_id, event_type, request_id, request_channel, requester_role, received_at"
        sql = f"select {wanted} from read_parquet(?, union_by_name = true) where request_id is not null order by received_at, event_id"
        rows = database.execute(sql, [list(files)]).to_arrow_table().to_pylist()
    known = office.requests.known([row["request_id"] for row in rows])
    first = {row["request_id"]: row for row in reversed(rows) if row["request_id"] not in known}
    return list(reversed(first.values()))


def _taken(office: Office, contract: Contract, row: dict) -> Request | None:
    payload = _payload(office, contract, row)
    if payload is None:
        # It stays in clean, and is looked at again: whoever is on call learns of it, and its term goes on.
        _log.error("request_without_a_person", request_id=row["request_id"], event_id=row["event_id"])
        return None
    kind, whom = kind_of(row["event_type"]), _whom(payload, contract)
    request = Request(
        request_id=row["request_id"],
        kind=kind,
        subject_digest=office.vault.digest(whom.subject),
        request_channel=row["request_channel"],
        requester_role=row["requester_role"],
        law=LAW,
        received_at=row["received_at"],
        due_at=due_at(row["received_at"], LAW, kind),
        verified_at=datetime.now(UTC),
        verified_by="sender",
    )
    office.requests.add(request, whom)
    said = {"request_id": request.request_id, "request_channel": request.request_channel}
    office.record(f"{kind}.received", dataset=contract.id, purpose=kind, **said)
    return request


def _whom(payload: dict, contract: Contract) -> Whom:
    wrong = [payload.get(f"rectified_{name}") for name in ("dataset", "field", "value", "row")]
    correction = Correction(*wrong) if wrong[0] else None
    return Whom(payload[contract.subject], correction=correction, reason=payload.get("restriction_reason"))


def _payload(office: Office, contract: Contract, row: dict) -> dict | None:
    """What was sent, from the sealed record; None where that has expired, or nobody can open it."""
    day = row["received_at"].astimezone(UTC).date()
    for path in office.files.list(f"{raw_dir(contract.domain, contract.table)}/dt={day.isoformat()}/"):
        sealed = pq.read_table(io.BytesIO(office.files.get(path)), columns=["event_id", "subject", "payload"]).to_pylist()
        for record in sealed:
            owner = office.vault.keys([record["subject"]]).get(record["subject"]) if record["event_id"] == row["event_id"] else None
            if owner is not None:
                return json.loads(unseal(owner.key, record["payload"], record["event_id"].encode()))
    return None
