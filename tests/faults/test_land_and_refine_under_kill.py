"""kill -9 of `lakehouse land` and `lakehouse refine` in mid-work, then a rerun: the same clean rows, byte for byte.

    one home with a full bus ─▶ copy ─▶ land, refine                         ─▶ rows, dead letters, counts ─┐
                            └─▶ copy ─▶ land †, land †, … refine †, refine † ─▶ rows, dead letters, counts ─┴▶ equal

The vault is filled before it is copied, so that a person has the same pseudonym in both. A kill comes when the lake has
grown by a random number of files, so it falls into work and not into start-up.
"""

import hashlib
import io
import json
import random
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from lakehouse.contracts import registry
from lakehouse.door import Admitted, Door
from lakehouse.envelope import pack
from lakehouse.places import clean_table, dead_letter_dir, refined_dir
from lakehouse.settings import child_environment, settings
from lakehouse.storage.open import open_bus, open_files, open_tables, open_vault
from tests.beam.payloads import good

NOW = datetime(2026, 3, 2, 3, 4, 5, tzinfo=UTC)
EVENTS = 400
LAKEHOUSE = Path(sys.executable).with_name("lakehouse")
# Small pieces: many files to be killed between. A group of refine holds at most this many rows.
PIECES = {"LAKEHOUSE_LAND_BATCH_EVENTS": "100", "LAKEHOUSE_REFINE_BATCH_ROWS": "150"}


@pytest.fixture(scope="module")
def full_bus(tmp_path_factory) -> Path:
    """A home in which nothing has landed: every contract's events, one in ten delivered twice, some that refine rejects."""
    home = tmp_path_factory.mktemp("faults") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAKEHOUSE_HOME", str(home))
        settings.cache_clear()
        door, rng, bus, people = Door(registry(), "test", layers=("stream", "table")), random.Random(7), open_bus(settings()), set()
        for contract in registry().ingested:
            lines = []
            for number in range(EVENTS):
                payload = good(contract, rng) | ({contract.subject: f"student-{number % 50}"} if contract.subject else {})
                people |= {str(payload[f.name]) for f in contract.fields if f.treatment == "pseudonymise" and payload.get(f.name)}
                event = {"event_id": f"event-{contract.table}-{number}", "contract": contract.id, "org_id": 7, "payload": payload}
                admitted = door.admit(json.dumps(event).encode(), "univprep", NOW)
                assert isinstance(admitted, Admitted), admitted
                lines += [admitted.line] * (2 if number % 10 == 0 else 1)
                if number % 50 == 0:
                    lines.append(admitted.line.replace(b'"payload":{', b'"payload":{"%s":[],' % contract.event_time.encode()))
            rng.shuffle(lines)
            for start in range(0, len(lines), 20):
                bus.publish(contract.topic, pack(lines[start : start + 20]))
        bus.close()
        open_vault(settings()).subjects(sorted(people))
    settings.cache_clear()
    return home


def environment(home: Path) -> dict[str, str]:
    return child_environment(LAKEHOUSE_HOME=str(home), **PIECES)


def finish(home: Path, command: str) -> None:
    done = subprocess.run([LAKEHOUSE, command], env=environment(home), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def kill_in_mid_work(home: Path, command: str, files: int) -> bool:
    """Start it, and kill it as soon as the lake has `files` more files. False where it was done before that."""
    grown = lambda: sum(1 for _ in (home / "lake").rglob("*") if _.is_file())  # noqa: E731
    before = grown()
    with subprocess.Popen([LAKEHOUSE, command], env=environment(home), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and grown() < before + files:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
    return process.returncode == -signal.SIGKILL


def clean_rows(home: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Contract → digest of its clean rows, ordered, as one Parquet file's bytes."""
    monkeypatch.setenv("LAKEHOUSE_HOME", str(home))
    settings.cache_clear()
    found = {}
    for contract in registry().ingested:
        files = open_tables(settings()).files(clean_table(contract.domain, contract.table))
        assert files, f"nothing of {contract.id} reached clean"
        with duckdb.connect() as con:
            con.execute("set TimeZone = 'UTC'")
            rows = con.execute("select * from read_parquet(?, hive_partitioning = true) order by event_id", [files]).to_arrow_table()
        written = io.BytesIO()
        pq.write_table(rows.combine_chunks(), written)
        found[contract.id] = f"{rows.num_rows} rows, {hashlib.sha256(written.getvalue()).hexdigest()}"
    settings.cache_clear()
    return found


def outcome(home: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, list]:
    """Contract → what the markers counted, and the dead letters (id and reason), sorted."""
    monkeypatch.setenv("LAKEHOUSE_HOME", str(home))
    settings.cache_clear()
    files, found = open_files(settings()), {}
    for contract in registry().ingested:
        markers = [json.loads(files.get(p)) for p in files.list(f"{refined_dir(contract.domain, contract.table)}/")]
        counts = {name: sum(m[name] for m in markers) for name in ("rows", "valid", "duplicates", "rejected")}
        letters = [
            r
            for p in files.list(f"{dead_letter_dir(contract.domain, contract.table)}/")
            for r in pq.read_table(io.BytesIO(files.get(p))).to_pylist()
        ]
        found[contract.id] = [counts, sorted((r["event_id"], r["error_code"], r["error_field"]) for r in letters)]
    settings.cache_clear()
    return found


@pytest.fixture(scope="module")
def undisturbed(full_bus, tmp_path_factory) -> Path:
    home = tmp_path_factory.mktemp("undisturbed") / "home"
    shutil.copytree(full_bus, home)
    finish(home, "land")
    finish(home, "refine")
    return home


@pytest.mark.parametrize("rounds", [2, pytest.param(25, marks=pytest.mark.long)])
def test_the_same_after_any_kill(full_bus, undisturbed, rounds, tmp_path, monkeypatch) -> None:
    home, rng = tmp_path / "home", random.Random(rounds)
    shutil.copytree(full_bus, home)
    killed = 0
    for command, most in (("land", 60), ("refine", 90)):
        for _ in range(rounds):
            killed += kill_in_mid_work(home, command, rng.randint(1, max(1, most // rounds)))
        finish(home, command)
    assert killed >= rounds, "the kills came too late to prove anything"
    assert clean_rows(home, monkeypatch) == clean_rows(undisturbed, monkeypatch)
    assert outcome(home, monkeypatch) == outcome(undisturbed, monkeypatch)
    rows = [counts for counts, _ in outcome(home, monkeypatch).values()]
    assert all(c["valid"] == EVENTS and c["rows"] == c["valid"] + c["duplicates"] + c["rejected"] for c in rows), rows


def test_delivered_again_and_again(undisturbed, full_bus, tmp_path, monkeypatch) -> None:
    """The whole bus once more, in another order, into a lake that has it all: not a row more."""
    home = tmp_path / "home"
    shutil.copytree(undisturbed, home)
    before = clean_rows(home, monkeypatch)
    shutil.rmtree(home / "bus")
    shutil.copytree(full_bus / "bus", home / "bus")
    for topic in (home / "bus").iterdir():
        for segment in topic.glob("*.seg"):
            segment.unlink()
    _publish_shuffled(full_bus, home)
    finish(home, "land")
    finish(home, "refine")
    assert clean_rows(home, monkeypatch) == before


def _publish_shuffled(source: Path, target: Path) -> None:
    from lakehouse.envelope import unpack
    from lakehouse.storage.local import LocalBus

    old, new, rng = LocalBus(source / "bus"), LocalBus(target / "bus"), random.Random(3)
    for contract in registry().ingested:
        lines = [line for m in old.pull(contract.topic, "again", 100_000, 0) for line in unpack(m.data)]
        assert len(lines) > EVENTS
        rng.shuffle(lines)
        new.publish(contract.topic, pack(lines, max_bytes=5_000))
    old.close()
    new.close()
