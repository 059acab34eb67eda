"""Of a person who was taken out of a Delta table no byte stays, once it is freed: not in a file, a dictionary, or the log."""

import threading
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from lakehouse.privacy.erasure.scan import scan
from lakehouse.storage.delta import DeltaTables
from lakehouse.storage.tiers import TIERS

TABLE = "exams/clean/events"
DAYS = [date(2026, 1, day) for day in range(5, 9)]
ANN = b"0f00ba5e0f00ba5e0f00ba5e0f00ba5e"
ZOE = b"ffffffffffffffffffffffffffffffff"  # the greatest of all: statistics of texts would hold just this one


@pytest.fixture
def tables(tmp_path: Path) -> DeltaTables:
    return DeltaTables(str(tmp_path / "lake"), tmp_path / "locks")


def append(tables: DeltaTables, batch: str, people: list[bytes]) -> None:
    names = [name.decode() for name in people for _ in DAYS]
    columns = {
        "event_key": pa.array(range(len(names)), pa.int64()),
        "user_pid": pa.array(names),
        "dt": pa.array(DAYS * len(people), pa.date32()),
    }
    tables.append(TABLE, pa.table(columns), batch, {})


def somebody(number: int) -> bytes:
    return b"%032x" % (number * 2**100)


@pytest.mark.parametrize("prepare", ["as it was appended", "compacted", "settled", "with a checkpoint"])
def test_no_byte_stays(tables: DeltaTables, tmp_path: Path, prepare: str) -> None:
    for batch in range(3):
        append(tables, f"b{batch}", [ANN, ZOE, *map(somebody, range(1, 30))])
    if prepare == "compacted":
        tables.compact(TABLE, 2, date(2027, 1, 1), keep_hours=24)
    if prepare == "settled":
        tables.settle(TABLE, ("event_key",), TIERS, date(2026, 12, 1), keep_hours=24)
    if prepare == "with a checkpoint":
        tables.compact(TABLE, 99, DAYS[0], keep_hours=24)
    hits, _ = scan(tmp_path / "lake", [ANN, ZOE])
    assert {hit.needle for hit in hits} == {ANN, ZOE}, "the scanner sees them"
    done = tables.forget(TABLE, {"user_pid": True}, {ANN.decode(), ZOE.decode()})
    assert done.rows == 2 * 3 * len(DAYS) and done.bytes_written <= done.bytes_held
    assert scan(tmp_path / "lake", [ANN, ZOE])[0], "what was replaced still lies there"
    assert tables.free(TABLE) == done.files + {"compacted": 12, "settled": 12}.get(prepare, 0)
    hits, looked_at = scan(tmp_path / "lake", [ANN, ZOE])
    assert not hits and looked_at > 10_000
    assert len({hit.path for hit in scan(tmp_path / "lake", [somebody(7)])[0]}) == len(tables.files(TABLE)), "and the others are there"


def test_files_that_name_nobody_stay_byte_for_byte(tables: DeltaTables) -> None:
    append(tables, "b1", [ANN, somebody(1)])
    append(tables, "b2", [somebody(2)])
    before = {path: Path(path).read_bytes() for path in tables.files(TABLE) if path.endswith("/b2.parquet")}
    done = tables.forget(TABLE, {"user_pid": True}, {ANN.decode()})
    assert done.files == len(DAYS)
    assert {path: Path(path).read_bytes() for path in tables.files(TABLE) if path.endswith("/b2.parquet")} == before


def test_whoever_appends_meanwhile_loses_nothing_and_hides_nobody(tables: DeltaTables, tmp_path: Path) -> None:
    append(tables, "first", [ANN, *map(somebody, range(1, 40))])

    def others() -> None:
        mine = DeltaTables(str(tmp_path / "lake"), tmp_path / "locks")
        for batch in range(12):
            append(mine, f"later-{batch}", [ANN, somebody(100 + batch)] if batch < 11 else [somebody(111)])

    writer = threading.Thread(target=others)
    writer.start()
    while writer.is_alive():
        tables.forget(TABLE, {"user_pid": True}, {ANN.decode()})
    writer.join()
    tables.forget(TABLE, {"user_pid": True}, {ANN.decode()})
    tables.free(TABLE)
    assert not scan(tmp_path / "lake", [ANN])[0]
    assert tables.count(TABLE) == (39 + 12) * len(DAYS)
