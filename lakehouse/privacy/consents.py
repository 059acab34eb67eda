"""Who allowed what: the newest decision of a person about a purpose holds, wherever it was made; and who decided nothing allowed nothing.

    clean/privacy/consent_events (granted, withdrawn) ─┐
    current/user_consents (is_granted, decided_at)     ┴▶ newest a person and purpose ─▶ standing() ─▶ agreed(purpose)

Of two decisions of the same moment the refusal holds. It is read from clean, not from the warehouse, so that a withdrawal counts as soon as
it is refined. Whoever is hidden has agreed to nothing.
"""

from dataclasses import dataclass
from datetime import datetime

import duckdb

from lakehouse.contracts import registry
from lakehouse.errors import BadInputError
from lakehouse.places import clean_table, current_table
from lakehouse.privacy.hidden import hidden_people
from lakehouse.settings import Settings
from lakehouse.storage.open import open_files, open_tables

TRAINING = "ai_training"


@dataclass(frozen=True, slots=True)
class Consent:
    """One person's standing decision about one purpose. `decided_in`: the contract of the record that says so."""

    pid: str
    purpose: str
    is_granted: bool
    decided_at: datetime
    policy_version: str | None
    decided_in: str


def purposes() -> tuple[str, ...]:
    return registry().word("consent_purpose").values


def standing(settings: Settings, pid: str | None = None) -> list[Consent]:
    """Of one person, or of everybody who ever decided."""
    tables, selects, listed = open_tables(settings), [], {}
    events, rows = registry().get("consent.events"), registry().get("source.user_consents")
    of = {
        "events": (events, clean_table(events.domain, events.table), "event_type = 'consent_granted'", "occurred_at"),
        "rows": (rows, current_table(rows.domain, rows.table), "is_granted", "decided_at"),
    }
    for name, (contract, table, granted, at) in of.items():
        if files := tables.files(table):
            listed[name] = list(files)
            source = f"read_parquet(${name}, union_by_name = true, hive_partitioning = false)"
            selects.append(
                f"select user_pid as pid, consent_purpose as purpose, {granted} as is_granted, {at} as decided_at, policy_version,"
                f" '{contract.id}' as decided_in from {source} where user_pid is not null"
            )
    if not selects:
        return []
    one = " where pid = $pid" if pid is not None else ""
    sql = f"""
        select pid, purpose, is_granted, decided_at, policy_version, decided_in from ({" union all ".join(selects)}){one}
        qualify row_number() over (partition by pid, purpose order by decided_at desc, is_granted, decided_in, policy_version) = 1
        order by pid, purpose"""
    with duckdb.connect() as database:
        database.execute("set TimeZone = 'UTC'")
        found = database.execute(sql, listed | ({"pid": pid} if pid is not None else {})).to_arrow_table().to_pylist()
    return [Consent(**row) for row in found]


def agreed(settings: Settings, purpose: str) -> frozenset[str]:
    """Pseudonyms of those whose standing decision allows it. Raises BadInputError."""
    if purpose not in purposes():
        raise BadInputError("no such purpose", hint=f"one of {', '.join(purposes())}")
    granted = {one.pid for one in standing(settings) if one.purpose == purpose and one.is_granted}
    return frozenset(granted - hidden_people(open_files(settings)))
