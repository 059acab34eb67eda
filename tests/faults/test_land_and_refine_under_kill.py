"""Kill -9 of land and of refine at any moment, and then a rerun: nothing lost, nothing doubled, every count right.

The vault is the same in every round, so that pseudonyms and encrypted values are equal and clean can be compared row by row.
"""

import json
import shutil
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random

import duckdb
import pytest

from lakehouse import places
from lakehouse.contracts import registry
from lakehouse.door import Admitted, Door
from lakehouse.envelope import pack
from lakehouse.places import Home
from lakehouse.storage.delta import DeltaTables
from lakehouse.storage.local import LocalBus
from tests.beam.payloads import NOW, good
from tests.faults import dying

pytestmark = pytest.mark.slow(200)

CONTRACTS = ("exam.events", "auth.login.events", "source.users")
EVENTS = 150  # of each contract


@dataclass(frozen=True)
class Outcome:
    """What a lake holds in the end. Dead letters by what is not random in them."""

    clean: dict[str, list[tuple]]
    raw_rows: dict[str, int]
    dead_letters: Counter
    counts: Counter
    waiting: int


def outcome(home: Path) -> Outcome:
    lake, clean, raw_rows, letters, counts = Home(home).lake, {}, {}, Counter(), Counter()
    tables = DeltaTables(str(lake), Home(home).locks)
    for contract_id in CONTRACTS:
        c = registry().get(contract_id)
        files = tables.files(places.clean_table(c.domain, c.table))
        with duckdb.connect() as database:
            database.execute("SET TimeZone = 'UTC'")
            clean[contract_id] = database.execute("SELECT * FROM read_parquet(?) ORDER BY event_id", [files]).fetchall()
            for file in (lake / places.dead_letter_dir(c.domain, c.table)).glob("*.parquet"):
                told = "event_id, contract, received_at, failed_step, error_code, error_field, octet_length(payload)"
                told = f"SELECT {told} FROM read_parquet(?)".replace("received_at", "if(failed_step = 'land', NULL, received_at)")
                letters.update(database.execute(told, [str(file)]).fetchall())
        for commit in (lake / places.raw_commit_dir(c.domain, c.table)).glob("*.json"):
            raw_rows[contract_id] = raw_rows.get(contract_id, 0) + sum(f["rows"] for f in json.loads(commit.read_bytes())["files"])
        for marker in (lake / places.refined_dir(c.domain, c.table)).glob("*.json"):
            counts.update({(contract_id, name): n for name, n in json.loads(marker.read_bytes()).items() if isinstance(n, int)})
    bus = LocalBus(Home(home).bus)
    waiting = sum(len(bus.pull(topic, "land", 10_000, 0)) for topic in CONTRACTS)
    bus.close()
    return Outcome(clean, raw_rows, letters, counts, waiting)


def _publish(home: Path) -> None:
    """Good ones, doubles, ones that refine must reject, and ones that are no envelopes; in messages of eight."""
    door, random, bus = Door(registry(), "test", layers=("stream", "table")), Random(3), LocalBus(Home(home).bus)
    for contract_id in CONTRACTS:
        lines = []
        for number in range(EVENTS):
            payload = good(registry().get(contract_id), random)
            if "user_id" in payload:
                payload["user_id"] = f"student-{random.randrange(40)}"
            event = {"event_id": f"{contract_id}-{number:05d}", "contract": contract_id, "org_id": 7, "payload": payload}
            admitted = door.admit(json.dumps(event).encode(), "univprep", NOW - timedelta(hours=random.randrange(40)))
            if isinstance(admitted, Admitted):
                lines.append(admitted.line)
        assert len(lines) > EVENTS / 2
        twice = b'"payload":{"%s":17,' % registry().get(contract_id).event_time.encode()  # a name twice is no JSON for us
        broken = [line.replace(b'"payload":{', twice).replace(b'"event_id":"', b'"event_id":"broken-') for line in lines[:9]]
        lines += random.sample(lines, 20) + broken
        random.shuffle(lines)
        messages = [pack(lines[at : at + 8])[0] for at in range(0, len(lines), 8)]
        bus.publish(contract_id, [*messages[:10], b"no envelope", *messages[10:], b'{"event_id": "x"}'])
    bus.close()


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    """A lake in three stages: `sent` (nothing landed; the vault knows everybody and has its keys), `landed`, and `refined`, the
    reference."""
    folder = tmp_path_factory.mktemp("kill")
    _publish(folder / "sent")
    shutil.copytree(folder / "sent", folder / "landed")
    dying.run("land", folder / "landed")
    shutil.copytree(folder / "landed", folder / "refined")
    dying.run("refine", folder / "refined")
    for stage in ("sent", "landed"):
        shutil.copytree(folder / "refined" / "vault", folder / stage / "vault", dirs_exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def expected(base: Path) -> Outcome:
    reference = outcome(base / "refined")
    for contract_id in CONTRACTS:
        count = {name: n for (of, name), n in reference.counts.items() if of == contract_id}
        assert (
            count["rows"]
            == count["valid"] + count["duplicates"] + count["rejected"] + count["forgotten"]
            == reference.raw_rows[contract_id]
        )
        assert count["valid"] == len(reference.clean[contract_id]) and count["duplicates"] == 20 and count["rejected"] == 9
    assert Counter(letter[3] for letter in reference.dead_letters.elements()) == {"refine": 27, "land": 6}
    assert reference.waiting == 0
    return reference


def _survives(step: str, stage: Path, moment: int, folder: Path, expected: Outcome) -> tuple[int, int]:
    """Returns how many rows are lost and doubled in clean; all else is the same, or this fails."""
    home = folder / f"{step}-{moment}"
    shutil.copytree(stage, home)
    dying.run(step, home, die_at=moment)
    dying.run("land", home)
    dying.run("refine", home)
    found = outcome(home)
    there, wanted = (Counter(row[0] for rows in o.clean.values() for row in rows) for o in (found, expected))
    lost, doubled = (wanted - there).total(), (there - wanted).total()
    assert lost or doubled or found == expected, f"killed at moment {moment} of {step}"
    shutil.rmtree(home)
    return lost, doubled


def _moments(step: str, stage: Path, folder: Path) -> list[str]:
    shutil.copytree(stage, folder / "counting")
    return dying.run(step, folder / "counting")


STEPS = [
    ("land", "sent", {"in_hand", "dead_letters", "raw", "_waiting", "_commits", ".offsets"}),
    ("refine", "landed", {"dead_letters", "in_hand", "clean", "_refined", "_waiting", "current"}),
]


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("step, stage, kinds", STEPS)
def test_a_rerun_after_a_kill_leaves_the_same(
    step: str, stage: str, kinds: set, base: Path, expected: Outcome, tmp_path: Path, fault, rounds: int, is_full: bool
) -> None:
    """Once before each kind of file gets its name, that is, after the one before it did; and anywhere. The short form takes
    one of the kinds."""
    moments, random = _moments(step, base / stage, tmp_path), Random(5)
    assert {kind for kind in moments if kind} == kinds
    chosen = [
        random.choice([at for at, kind in enumerate(moments) if kind == wanted])
        for wanted in (sorted(kinds) if is_full else random.sample(sorted(kinds), 1))
    ]
    anywhere = random.sample(range(len(moments)), min(len(moments), max(1, rounds - len(chosen))))
    struck = [_survives(step, base / stage, moment, tmp_path, expected) for moment in dict.fromkeys([*chosen, *anywhere])]
    sent = len(struck) * sum(expected.raw_rows.values())
    lost, doubled = (sum(numbers) for numbers in zip(*struck))
    fault(f"kill -9 of {step} at a chosen durable step", rounds=len(struck), sent=sent, lost=lost, doubled=doubled)
