"""May capturing go on where it stopped? A pure answer from three things: the ledger, the source as it is, Debezium's offsets.

    Standing, Sighting, offset ─▶ judge ─▶ Verdict:  resume
                                                     snapshot   the positions stay comparable: another generation, same epoch
                                                     epoch      they do not, or changes may be missing: a new epoch, a new snapshot

A snapshot ends with floors, so whatever vanished while nobody looked vanishes downstream too (decision 9).
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from collectors.cdc.ledger import Standing
from collectors.cdc.source import Sighting

LOST = "lost"
UNRESERVED = "unreserved"


@dataclass(frozen=True)
class Verdict:
    """What to do, and why. `kind` is the alert's name; empty where nothing is wrong. `is_gap`: changes may be missing from the bus
    until the snapshot is through."""

    action: Literal["resume", "snapshot", "epoch"]
    kind: str = ""
    reason: str = ""
    is_gap: bool = False


RESUME = Verdict("resume")


def judge(standing: Standing | None, sighting: Sighting, offset_lsn: int | None, tables: Collection[str]) -> Verdict:
    """`offset_lsn`: where Debezium would go on; None where it has no readable offsets. `tables`: those to capture."""
    if standing is None:
        return Verdict("epoch", reason="first start")
    return _other_source(standing, sighting) or _broken_slot(standing, sighting) or _unready(standing, offset_lsn, tables) or RESUME


def running(standing: Standing, sighting: Sighting) -> Verdict:
    """The same while an engine runs: its offsets are its own affair then, and its slot may not be there before its snapshot is."""
    return _other_source(standing, sighting) or (_broken_slot(standing, sighting) if standing.is_complete else None) or RESUME


def _other_source(standing: Standing, sighting: Sighting) -> Verdict | None:
    if sighting.system_identifier != standing.system_identifier:
        return Verdict("epoch", "another_cluster", "another cluster answers: failed over, restored or migrated", is_gap=True)
    if sighting.timeline != standing.timeline:
        return Verdict("epoch", "another_timeline", f"timeline {standing.timeline} became {sighting.timeline}: a standby was promoted, or a backup restored", is_gap=True)  # fmt: skip
    if sighting.wal_lsn < standing.seen_lsn:
        return Verdict(
            "epoch", "log_went_back", "the source's log ends before what was published: an older copy was put in place", is_gap=True
        )
    return None


def _broken_slot(standing: Standing, sighting: Sighting) -> Verdict | None:
    slot = sighting.slot
    if not standing.is_complete:
        return None  # the slot of a snapshot that was cut off is not used again
    if slot is None:
        return Verdict("epoch", "slot_missing", "the replication slot is gone", is_gap=True)
    if slot.wal_status == LOST or slot.restart_lsn is None or slot.confirmed_lsn is None:
        return Verdict("epoch", "slot_lost", f"the server gave the slot's log away ({slot.invalidation_reason or slot.wal_status})", is_gap=True)  # fmt: skip
    if slot.confirmed_lsn > standing.seen_lsn:
        return Verdict("epoch", "slot_moved", "the slot is ahead of what was published: somebody advanced it, or made it anew", is_gap=True)
    return None


def _unready(standing: Standing, offset_lsn: int | None, tables: Collection[str]) -> Verdict | None:
    if not standing.is_complete:
        return Verdict("snapshot", "snapshot_cut_off", "the last snapshot did not come to its end")
    if standing.wished:
        return Verdict("snapshot", "snapshot_wished", standing.wished)
    if offset_lsn is None:
        return Verdict("snapshot", "offsets_lost", "Debezium's offsets are gone")
    if offset_lsn > standing.seen_lsn:
        return Verdict("epoch", "ledger_behind", "the offsets are ahead of the ledger: an older ledger was put in place", is_gap=True)
    if added := sorted(set(tables) - standing.tables):
        return Verdict("snapshot", "tables_added", f"captured from now on: {', '.join(added)}")
    return None
