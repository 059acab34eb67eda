"""The ledger survives its processes, counts, and knows when a link of its chain is missing."""

from collections import Counter
from pathlib import Path

import pytest
import sqlalchemy as sa

from collectors.cdc.ledger import Entry, Ledger
from collectors.cdc.ledger_tables import BATCH
from collectors.cdc.offsets import Offsets

WHOLE = b'\xac\xed\x00\x05sr\x00\x11java.util.HashMap ["megacity",{"server":"megacity"}]uq\x00~{"lsn_proc":7,"lsn":7,"txId":765}x'


def entry(first: int, last: int, seen: int, **changes) -> Entry:
    counts = Counter({("users", "kzone", 3, "c"): 2, ("users", "kzone", None, "d"): 1})
    values = {"counts": counts, "table_lsns": {"users": last}, "drift": Counter({("users", "nickname"): 2})} | changes
    return Entry(first, last, 3, seen, b"c" * 32, **values)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    ledger = Ledger(tmp_path)
    epoch = ledger.begin_epoch("77", 1, "slot", "first start")
    ledger.begin_generation(epoch, 100, ["users"], "first start")
    return ledger


def test_it_stands_where_it_stood_for_the_next_process(ledger: Ledger, tmp_path: Path) -> None:
    before = ledger.standing()
    ledger.enter(before.epoch, before.generation, entry(110, 120, 125))
    ledger.enter(before.epoch, before.generation, entry(105, 115, 118))  # delivered again after a restart
    ledger.complete_generation(before.generation)
    after = Ledger(tmp_path).standing()
    assert (after.is_complete, after.seen_lsn, after.floor_lsn, after.tables) == (True, 125, 100, frozenset({"users"}))
    assert Ledger(tmp_path).secret == ledger.secret
    assert {(c["org_id"], c["op"]): c["rows"] for c in ledger.rows("row_count")} == {(3, "c"): 4, (0, "d"): 2}
    assert ledger.rows("drift")[0]["rows"] == 4


def test_epochs_grow_and_a_shorter_log_begins_anew(ledger: Ledger) -> None:
    first = ledger.standing()
    ledger.enter(first.epoch, first.generation, entry(110, 120, 125))
    epoch = ledger.begin_epoch("78", 1, "slot", "another cluster")
    ledger.begin_generation(epoch, 20, ["users"], "another cluster")
    assert epoch > first.epoch and ledger.standing().seen_lsn == 20


@pytest.mark.parametrize("spoil", [BATCH.delete().where(BATCH.c.number == 2), BATCH.update().where(BATCH.c.number == 3).values(rows=4)])
def test_a_missing_or_changed_link_is_found(ledger: Ledger, tmp_path: Path, spoil: sa.Delete) -> None:
    standing = ledger.standing()
    for n in range(4):
        ledger.enter(standing.epoch, standing.generation, entry(110 + n, 120 + n, 125 + n))
    assert ledger.broken_links() == []
    with sa.create_engine(f"sqlite:///{tmp_path / 'ledger.sqlite'}").begin() as db:
        db.execute(spoil)
    assert ledger.broken_links() == [3]


def test_half_an_offsets_file_gives_way_to_its_copy(tmp_path: Path) -> None:
    offsets = Offsets(tmp_path)
    assert (offsets.lsn(), offsets.repair()) == (None, False)
    offsets.path.write_bytes(WHOLE)
    offsets.keep()
    for length in range(len(WHOLE)):
        offsets.path.write_bytes(WHOLE[:length])
        assert Offsets(tmp_path).lsn() == 7
        assert Offsets(tmp_path).repair() and offsets.path.read_bytes() == WHOLE
    offsets.discard()
    assert offsets.lsn() is None
    offsets.path.write_bytes(WHOLE.replace(b'"txId":765', b'"snapshot":"INITIAL"'))
    assert offsets.lsn() is None
