"""What the source's log costs, and what is wrong: a sighting into figures and warnings. Pure.

lag         written, and not yet on the bus            retained    kept by the server for the slot's sake
wal_status  reserved ─▶ extended ─▶ unreserved (the next checkpoint may give it away) ─▶ lost (it did: a gap)
"""

from dataclasses import dataclass

from collectors.cdc import integrity
from collectors.cdc.source import Sighting


@dataclass(frozen=True)
class Concern:
    """Something a person should see to. `kind` is the alert's name in docs/on_call/cdc.md."""

    kind: str
    detail: str


def warnings(sighting: Sighting, wal_alert_bytes: int, should_be_active: bool) -> list[Concern]:
    """`should_be_active`: an engine has been running for a while."""
    slot, found = sighting.slot, []
    if slot is None:
        return found  # integrity.py has its say about that
    if slot.wal_status == integrity.UNRESERVED:
        found.append(Concern("wal_unreserved", "the server will give the slot's log away at its next checkpoint"))
    if slot.retained_bytes > wal_alert_bytes:
        found.append(Concern("wal_growing", f"{slot.retained_bytes >> 20} MiB of log are kept for the slot"))
    if should_be_active and not slot.is_active:
        found.append(Concern("slot_inactive", "an engine runs, and nobody reads the slot"))
    return found
