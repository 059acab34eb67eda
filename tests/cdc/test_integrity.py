"""May capturing go on? A table of what can have happened, and what is done about it."""

from dataclasses import replace

import pytest

from collectors.cdc.integrity import judge, running
from collectors.cdc.ledger import Standing
from collectors.cdc.source import Sighting, Slot
from collectors.cdc.watch import warnings

SLOT = Slot(True, 900, 1_000, "reserved", "", 100)
SEEN = Sighting("77", 1, 2_000, SLOT)
STANDING = Standing(5, "77", 1, "s", 1, 500, 600, frozenset({"users", "exams"}), True, 1_500, None)
TABLES = ("users", "exams")


@pytest.mark.parametrize(
    ("standing", "sighting", "offset", "action", "kind", "is_gap"),
    [
        (STANDING, SEEN, 1_400, "resume", "", False),
        (None, SEEN, None, "epoch", "", False),
        (STANDING, replace(SEEN, system_identifier="78"), 1_400, "epoch", "another_cluster", True),
        (STANDING, replace(SEEN, timeline=2), 1_400, "epoch", "another_timeline", True),
        (STANDING, replace(SEEN, wal_lsn=1_499), 1_400, "epoch", "log_went_back", True),
        (STANDING, replace(SEEN, slot=None), 1_400, "epoch", "slot_missing", True),
        (STANDING, replace(SEEN, slot=replace(SLOT, wal_status="lost")), 1_400, "epoch", "slot_lost", True),
        (STANDING, replace(SEEN, slot=replace(SLOT, restart_lsn=None)), 1_400, "epoch", "slot_lost", True),
        (STANDING, replace(SEEN, slot=replace(SLOT, confirmed_lsn=1_501)), 1_400, "epoch", "slot_moved", True),
        (STANDING, SEEN, 1_501, "epoch", "ledger_behind", True),
        (STANDING, SEEN, None, "snapshot", "offsets_lost", False),
        (replace(STANDING, is_complete=False), SEEN, None, "snapshot", "snapshot_cut_off", False),
        (replace(STANDING, is_complete=False), replace(SEEN, slot=None), None, "snapshot", "snapshot_cut_off", False),
        (replace(STANDING, tables=frozenset({"users"})), SEEN, 1_400, "snapshot", "tables_added", False),
        (replace(STANDING, wished="asked for"), SEEN, 1_400, "snapshot", "snapshot_wished", False),
    ],
)
def test_judge(standing: Standing | None, sighting: Sighting, offset: int | None, action: str, kind: str, is_gap: bool) -> None:
    verdict = judge(standing, sighting, offset, TABLES)
    assert (verdict.action, verdict.kind, verdict.is_gap) == (action, kind, is_gap)


def test_a_running_snapshot_needs_no_slot_yet() -> None:
    assert running(replace(STANDING, is_complete=False), replace(SEEN, slot=None)).action == "resume"
    assert running(STANDING, replace(SEEN, slot=None)).kind == "slot_missing"


@pytest.mark.parametrize(
    ("slot", "kinds"),
    [
        (SLOT, []),
        (replace(SLOT, retained_bytes=2_000), ["wal_growing"]),
        (replace(SLOT, wal_status="unreserved"), ["wal_unreserved"]),
        (replace(SLOT, is_active=False), ["slot_inactive"]),
        (None, []),
    ],
)
def test_warnings(slot: Slot | None, kinds: list[str]) -> None:
    assert [w.kind for w in warnings(replace(SEEN, slot=slot), 1_000, should_be_active=True)] == kinds
