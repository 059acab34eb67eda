"""From a message on the bus to records that views can count, with the eyes of land and the strictness of refine.

message ─▶ EnvelopeReader ─▶ envelopes ─▶ Judge ─▶ pseudonyms ─▶ Record
               └─ unreadable               └─ invalid   └─ forgotten       each counted; landing and refinement keep them
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from lakehouse.contracts.model import Contract
from lakehouse.contracts.registry import Registry
from lakehouse.envelope import Envelope
from lakehouse.envelope_reader import EnvelopeReader
from lakehouse.judge import Judge
from lakehouse.storage.protocols import Vault
from lakehouse.verdicts import Rejection
from live.fold import Record, record, views_of


@dataclass(slots=True)
class Read:
    """Records, and how many pieces were none."""

    records: list[Record] = field(default_factory=list)
    unreadable: int = 0
    invalid: int = 0
    too_old: int = 0
    forgotten: int = 0


class RecordReader:
    """One stream, as far as its views look at it."""

    def __init__(self, contracts: Registry, contract: Contract, vault: Vault) -> None:
        self.contract = contract
        self.views = views_of(contracts, contract.id)
        self._vault = vault
        self._envelopes = EnvelopeReader(contracts, contract)
        self._judge = Judge(contract)
        wanted = {n for v in self.views for n in _names(v.contract)}
        self._kept = [f.name for f in contract.fields if f.treatment == "keep" and f.name in wanted and f.name != "event_type"]
        self._times = [name for name in self._kept if contract.field(name).type == "timestamp"]
        self._people = [(f.name, f.becomes) for f in contract.fields if f.treatment == "pseudonymise"]

    def envelopes(self, messages: Iterable[bytes]) -> tuple[list[Envelope], int]:
        """Envelopes, and the number of pieces that are none."""
        read, unreadable = self._envelopes.read(messages)
        return read, len(unreadable)

    def records(self, envelopes: Sequence[Envelope], oldest_minute: int) -> Read:
        """What of these counts, from `oldest_minute` on."""
        read, good = Read(), []
        for e in envelopes:
            payload = self._judge.judge(e.payload, e.received_at, e.clock_skew_ms)
            if isinstance(payload, Rejection):
                read.invalid += 1
            elif self._time(e, payload).timestamp() < oldest_minute * 60:
                read.too_old += 1
            else:
                good.append((e, payload))
        named = {n for _, payload in good for name, _ in self._people if (n := getattr(payload, name)) is not None}
        pids = {user: known.pid for user, known in self._vault.subjects(named).items()} if named else {}
        for e, payload in good:
            values = self._values(e, payload)
            about = {becomes: (getattr(payload, name), pids.get(getattr(payload, name))) for name, becomes in self._people}
            if any(user is not None and pid is None for user, pid in about.values()):
                read.forgotten += 1  # the vault answers for nobody who was erased
                continue
            values |= {becomes: pid for becomes, (_, pid) in about.items()}
            read.records.append(record(e.event_id, self._time(e, payload), values))
        return read

    def _time(self, e: Envelope, payload: Any) -> datetime:
        """When it happened, corrected as refine corrects it."""
        return self._judge.time_of(payload) + timedelta(milliseconds=e.clock_skew_ms or 0)

    def _values(self, e: Envelope, payload: Any) -> dict[str, Any]:
        """event_type is the tag of its struct, and not an attribute."""
        values = {name: getattr(payload, name) for name in self._kept}
        values |= {name: values[name].astimezone(UTC) for name in self._times if values[name] is not None}
        if self.contract.event_time in values:
            values[self.contract.event_time] = self._time(e, payload).astimezone(UTC)
        return values | {"zone_id": e.zone_id, "org_id": e.org_id, "event_type": payload.__struct_config__.tag}


def _names(contract: Contract) -> set[str]:
    live = contract.live
    return {*contract.primary_key, *(m.of for m in live.measures if m.of), *(n for m in live.measures for n, _ in m.when)}
