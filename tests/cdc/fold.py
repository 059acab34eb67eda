"""Decision 9 as a fold, slow and obvious: the envelopes on the bus, in any order and any number, become the rows that live.

envelopes ─ by event_id ─▶ history ─ newest of each key ─▶ no deletion, and not below a floor of its table ─▶ rows
"""

import json
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from lakehouse import envelope
from lakehouse.contracts import registry
from lakehouse.storage.local import LocalBus

FLOORS = "source.table_floors"
META = ("op", "changed_at", "source_lsn", "source_epoch", "unchanged_fields")


@dataclass
class Bus:
    """All that was ever published to the topics of source tables. `events`: event_id → (contract, zone, org, subject, payload).
    `contradictions`: ids that were seen with two contents."""

    events: dict[str, tuple] = field(default_factory=dict)
    contradictions: set[str] = field(default_factory=set)
    deliveries: int = 0
    bare: list[bytes] = field(default_factory=list)


def read(home: Path) -> Bus:
    """The bus of a home, from its beginning."""
    bus, found, subscription = LocalBus(home / "bus"), Bus(), f"fold-{time.monotonic_ns()}"
    for contract in registry().layer("table"):
        if not (home / "bus" / contract.topic).is_dir():
            continue
        while messages := bus.pull(contract.topic, subscription, 1_000, 0):
            for line in (line for m in messages for line in envelope.unpack(m.data)):
                add(found, line)
            bus.ack(contract.topic, subscription, messages)
    bus.close()
    return found


def add(found: Bus, line: bytes) -> None:
    try:
        read = envelope.decode(line)
    except ValueError:
        found.bare.append(line)
        return
    found.deliveries += 1
    content = read.contract, read.zone_id, read.org_id, read.subject, bytes(read.payload)
    if found.events.setdefault(read.event_id, content) != content:
        found.contradictions.add(read.event_id)


def live(found: Bus) -> dict[str, dict[str, dict]]:
    """Table → key → the row's fields as published, with zone_id and org_id."""
    floors: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    changes: dict[tuple[str, str], list[tuple]] = defaultdict(list)
    for contract_id, zone, org, _, payload in found.events.values():
        contract, told = registry().get(contract_id), json.loads(payload)
        position = told["source_epoch"], told["source_lsn"]
        if contract_id == FLOORS:
            floors[told["table_name"]] = max(floors[told["table_name"]], position)
            continue
        key = org if contract.row_key == "org_id" else told[contract.row_key]
        # A key that moved within one statement and came back leaves a deletion and a row at one place: the row is the later.
        changes[contract.table, str(key)].append((*position, told["op"] != "d", zone, org, told))
    rows: dict[str, dict[str, dict]] = defaultdict(dict)
    for (table, key), history in changes.items():
        ordered = sorted(history, key=lambda change: change[:3])
        *position, is_row, zone, org, told = ordered[-1]
        if is_row and tuple(position) >= floors[table]:
            fields = {n: v for n, v in told.items() if n not in META}
            fields |= {n: _last_known(ordered, n) for n in told.get("unchanged_fields", ())}
            rows[table][key] = fields | {"zone_id": zone, "org_id": org}
    return rows


def _last_known(ordered: list[tuple], name: str) -> object:
    return next((told.get(name) for *_, told in reversed(ordered) if name not in told.get("unchanged_fields", ())), None)
