"""Kill -9 of ingest, and of it as the CDC writer, at every kind of durable moment and at random ones: zero lost, zero doubled.

the same messages (twice, shuffled) ─▶ ingest, killed at a moment ─▶ ingest ─▶ as if never killed
"""

import json
import shutil
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import duckdb
import pytest

from beam_pipelines import folding
from lakehouse import places
from lakehouse.contracts import registry
from lakehouse.door import Admitted, Door
from lakehouse.places import Home
from lakehouse.storage.delta import DeltaTables
from lakehouse.storage.local import LocalBus
from tests.beam.test_current import slowly
from tests.faults import dying
from tests.faults.test_land_and_refine_under_kill import CONTRACTS, Outcome, _publish, outcome

pytestmark = pytest.mark.slow(150)

KEYS, CHANGES = 12, 120
START = datetime(2026, 3, 1, tzinfo=UTC)


def _struck(step: str, kinds: tuple[str, ...], stage: Path, folder: Path, rounds: int, is_full: bool, seed: int) -> list[tuple[Path, int]]:
    """A lake a round, killed at one moment, and then left alone. At least one round for each kind of file, before the last of
    them gets its name: nothing comes after it that would make up for what was left undone. In the short form for the first
    third of the kinds; as many more, at any moment, as there are rounds."""
    shutil.copytree(stage, folder / "counting")
    moments, random = dying.run(step, folder / "counting"), Random(seed)
    assert set(kinds) <= set(moments)
    wanted = kinds if is_full else kinds[: (len(kinds) + 2) // 3]
    chosen = [max(at for at, kind in enumerate(moments) if kind == one) for one in wanted]
    chosen += [random.randrange(len(moments)) for _ in range(max(0, rounds - len(chosen)))]
    homes = []
    for number, moment in enumerate(chosen):
        home = folder / f"round-{number}"
        shutil.copytree(stage, home)
        dying.run(step, home, die_at=moment)
        dying.run(step, home)
        homes.append((home, moment))
    return homes


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ingest")
    _publish(folder / "sent")
    shutil.copytree(folder / "sent", folder / "done")
    dying.run("ingest", folder / "done")
    shutil.copytree(folder / "done" / "vault", folder / "sent" / "vault")  # so that pseudonyms are the same
    return folder


def test_ingest_that_is_killed_loses_and_doubles_nothing(base: Path, tmp_path: Path, fault, rounds: int, is_full: bool) -> None:
    expected = outcome(base / "done")
    assert expected.waiting == 0 and all(expected.clean[c] for c in CONTRACTS)
    kinds = ("_refined", "current", ".offsets", "in_hand", "dead_letters", "raw", "_waiting", "_commits", "clean")
    lost = doubled = sent = 0
    homes = _struck("ingest", kinds, base / "sent", tmp_path, rounds, is_full, seed=4)
    for home, moment in homes:
        found = outcome(home)
        there, wanted = _ids(found), _ids(expected)
        sent, lost, doubled = sent + wanted.total(), lost + (wanted - there).total(), doubled + (there - wanted).total()
        assert found == expected, f"killed at moment {moment}"
    fault("kill -9 of ingest at a durable moment", rounds=len(homes), sent=sent, lost=lost, doubled=doubled)


def _ids(found: Outcome) -> Counter:
    return Counter((contract, row[0]) for contract, rows in found.clean.items() for row in rows)


def _changes(random: Random) -> tuple[list[dict], list[tuple[int, int]]]:
    """Several changes a position, two incarnations of the source, and values that did not travel."""
    made = []
    for number in range(CHANGES):
        op = random.choice("rcuuud")
        at = START + timedelta(seconds=number)
        unchanged = ["item_count"] if op == "u" and random.random() < 0.4 else None
        place = {"op": op, "changed_at": at, "source_lsn": 8 * (number // 4), "source_epoch": random.choice([1, 1, 2])}
        values = {"exam_title": f"title {number}", "exam_type": "mock", "item_count": None if unchanged else number}
        own = {"exam_id": f"exam-{random.randrange(KEYS)}", "unchanged_fields": unchanged}
        made.append({"event_id": f"change-{number:05d}"} | place | values | own)
    return made, [(1, 8 * 10), (1, 8 * 20), (2, 8 * 6)]


def _publish_changes(home: Path, changes: list[dict], floors: list[tuple[int, int]]) -> None:
    """Everything twice and shuffled, a message a change, as a CDC producer sends them; the newest last, so that the last batch
    has a say in the current state."""
    door, random, bus, now = Door(registry(), "test", layers=("stream", "table")), Random(6), LocalBus(Home(home).bus), datetime.now(UTC)

    def line(contract: str, event_id: str, payload: dict) -> bytes:
        plain = {k: v.isoformat() if isinstance(v, datetime) else v for k, v in payload.items() if v is not None}
        admitted = door.admit(json.dumps({"event_id": event_id, "contract": contract, "payload": plain}).encode(), "univprep", now)
        assert isinstance(admitted, Admitted), admitted
        return admitted.line

    in_order = sorted(changes, key=folding.position)
    lines = [line("source.exams", c["event_id"], {k: v for k, v in c.items() if k != "event_id"}) for c in in_order]
    below = [
        {"op": "c", "changed_at": START, "source_epoch": e, "source_lsn": n, "table_name": "exams", "floor_reason": "truncate"}
        for e, n in floors
    ]
    for part in (lines[:-KEYS], lines[-KEYS:]):
        bus.publish("source.exams", random.sample(part * 2, 2 * len(part)))
    bus.publish("source.table_floors", [line("source.table_floors", f"floor-{n:04d}", b) for n, b in enumerate(below)] * 2)
    bus.close()


def _read(home: Path, table: str) -> list[dict]:
    files = DeltaTables(str(Home(home).lake), Home(home).locks).files(table)
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'UTC'")
        return database.execute("SELECT * FROM read_parquet(?, union_by_name = true)", [files]).to_arrow_table().to_pylist()


def test_the_cdc_writer_that_is_killed_loses_and_doubles_nothing(tmp_path: Path, fault, rounds: int, is_full: bool) -> None:
    changes, floors = _changes(Random(7))
    sent_home = tmp_path / "sent"
    _publish_changes(sent_home, changes, floors)
    everything = {c["event_id"] for c in changes}
    expected = {key: _told(row) for key, row in slowly(changes, floors).items()}
    assert {row["is_deleted"] for row in expected.values()} == {True, False}
    lost = doubled = 0
    homes = _struck("ingest", ("_refined", "current", "clean", "_commits"), sent_home, tmp_path, rounds, is_full, seed=8)
    for home, moment in homes:
        history = _read(home, places.clean_table("source", "exams"))
        ids = Counter(row["event_id"] for row in history)
        lost += len(everything - ids.keys())
        doubled += sum(n - 1 for n in ids.values())
        current = _read(home, places.current_table("source", "exams"))
        told = {row["exam_id"]: _told(row) for row in current}
        lost += sum(told.get(key) != row for key, row in expected.items())
        doubled += len(current) - len(told)
        wrong = {key: (told.get(key), row) for key, row in expected.items() if told.get(key) != row}
        assert not wrong, f"killed at moment {moment}: {wrong}"
        newest = {row["exam_id"]: row["op"] for row in sorted(history, key=folding.position)}
        live = {key for key, row in told.items() if not row["is_deleted"]}
        assert live == {key for key, op in newest.items() if op != "d"}, (
            f"killed at moment {moment}: the history does not end what a floor ended"
        )
    name = "kill -9 of the CDC writer, also between history and current; changes share LSNs, all delivered twice and out of order"
    fault(name, rounds=len(homes), sent=2 * CHANGES * len(homes), lost=lost, doubled=doubled)


def _told(row: dict) -> dict:
    names = ("exam_title", "exam_type", "item_count", "source_epoch", "source_lsn", "op", "is_deleted")
    return {name: row.get(name) for name in names}
