"""The table of terms: what is kept where, for how many days, counted from when. Derived; nobody keeps a list.

    contract.raw_retention_days ─▶ raw, dead letters, media objects, keys of days
    a row that names a person, or is restricted ─▶ 3 years; contract.retention_days where it says so
    monitoring ─▶ 1 year, like every log
    entries of disclosures to third parties ─▶ 5 years

A day is whole when it goes: what is counted from a day goes when that day lies more than the term's days back.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from lakehouse.contracts.model import Contract
from lakehouse.contracts.project import clean_fields, restricted
from lakehouse.contracts.registry import Registry
from lakehouse.places import INTERMEDIATE_SCHEMA, clean_table, dead_letter_dir, media_dir, pipeline_runs_dir, raw_dir
from lakehouse.privacy.naming import naming, naming_in_clean

PERSONAL_DAYS = 3 * 365
LOG_DAYS = 365
DISCLOSURE_DAYS = 5 * 365 + 2
"""At least five years: no five have more than two leap days. The other terms are at most what they say."""


@dataclass(frozen=True, slots=True)
class Rule:
    """`kind` says who carries it out; `place` is a folder of the lake, a table or a file; `since` is what its days are counted from."""

    kind: str
    place: str
    days: int
    since: str
    why: str
    contract: str | None = None

    def last_day(self, as_of: date) -> date:
        """The oldest day that stays."""
        return as_of - timedelta(days=self.days)


def rules(contracts: Registry) -> list[Rule]:
    """All of them, in the order in which they are carried out: what is made from others after them, keys last."""
    return [*_sealed(contracts), *_rows(contracts), *_logs(contracts), _disclosures(), _keys(contracts)]


def rule_of(contracts: Registry, kind: str, contract: str) -> Rule:
    return next(r for r in rules(contracts) if (r.kind, r.contract) == (kind, contract))


def _sealed(contracts: Registry) -> Iterator[Rule]:
    for c in contracts.ingested:
        at, why = (c.domain, c.table), "raw holds what people sent as they sent it"
        yield Rule("raw", raw_dir(*at), c.raw_retention_days, "the day it was received on", why, c.id)
        yield Rule("dead_letters", dead_letter_dir(*at), c.raw_retention_days, "the day it failed on", "as raw", c.id)
        if c.media_kinds:
            yield Rule("media", media_dir(c.domain), c.raw_retention_days, "the day it was received on", "faces, voices, motion", c.id)


def _rows(contracts: Registry) -> Iterator[Rule]:
    for c in contracts.clean:
        if naming_in_clean(c, contracts.vocabulary) or restricted_there(c, contracts) or c.retention_days:
            since = "the day of the change; the newest of a key stays" if c.layer == "table" else "the day it happened on"
            yield Rule("clean", clean_table(c.domain, c.table), _days(c), since, "rows name people", c.id)
    for c in contracts.layer("curated", "features"):
        if c.event_time and (naming(c.names, contracts.vocabulary) or c.retention_days):
            yield Rule("warehouse", f"{c.layer}.{c.table}", _days(c), f"{c.event_time}", "rows name people", c.id)
    yield Rule("steps", INTERMEDIATE_SCHEMA, PERSONAL_DAYS, "the day of the fact that it leads to", "rows name people")


def _logs(contracts: Registry) -> Iterator[Rule]:
    for c in contracts.layer("monitoring"):
        when = next(f.name for f in c.fields if f.type in ("date", "timestamp"))
        yield Rule("warehouse", f"monitoring.{c.table}", c.retention_days or LOG_DAYS, when, "a log", c.id)
    yield Rule("runs", pipeline_runs_dir(), LOG_DAYS, "the day it began on", "a log")
    for folder in ("logs", "lineage"):
        yield Rule("files", folder, LOG_DAYS, "the last time it was written to", "a log")
    yield Rule("files", "backfill", max(c.raw_retention_days for c in contracts.ingested), "the last time it was written to", "as raw")
    yield Rule("audit", "audit log", LOG_DAYS, "the moment of the record", "who looked at what")


def _disclosures() -> Rule:
    return Rule("disclosures", "disclosures", DISCLOSURE_DAYS, "the day of the disclosure", "to answer for who was given people's data")


def _keys(contracts: Registry) -> Rule:
    days = max(c.raw_retention_days for c in contracts.ingested)
    return Rule("day_keys", "vault", days, "the day of the key", "nothing that it sealed is left")


def restricted_there(contract: Contract, contracts: Registry) -> bool:
    return bool(contract.layer != "derived" and restricted(contract, contracts.vocabulary))


def _days(contract: Contract) -> int:
    return contract.retention_days or PERSONAL_DAYS


def columns_of(contract: Contract, contracts: Registry) -> list[str]:
    return [f.name for f in clean_fields(contract, contracts.vocabulary)]
