"""`lakehouse media`: references without objects and objects without references are told, and nothing that is as it should be."""

import json
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest
from uploading import USER, all_records, tone

from lakehouse.places import Home
from lakehouse.settings import settings
from lakehouse.storage.open import open_vault
from tests.commands import lakehouse


def told(*arguments: str) -> tuple[int, dict]:
    done = lakehouse("media", "check", "--json", *arguments)
    assert done.stdout, done.stderr
    found = {f.pop("contract"): f for f in json.loads(done.stdout)["found"]}
    return done.returncode, {name: n for name, n in found["kzone.voice.events"].items() if name != "examples"}


@pytest.fixture
def day(collect, home: Path) -> Path:
    """Clips 0 and 1 with their events (another person's has the name of clip 0, and no event), clip 2 without one, and an event of a clip 3 that never came."""
    collector = collect()
    for n in range(3):
        assert collector.put(f"media-{n:04d}", tone(seed=n)).status_code == 201
    assert collector.put("media-0000", tone(seed=9), user="somebody.else").status_code == 201
    events = [
        {
            "event_id": str(uuid.uuid4()),
            "contract": "kzone.voice.events",
            "org_id": 17,
            "payload": {
                "event_type": "recording_uploaded",
                "occurred_at": datetime.now(UTC).isoformat(),
                "user_id": USER,
                "practice_id": f"practice-{n}",
                "media_id": f"media-{n:04d}",
                "duration_ms": 1_000,
            },
        }
        for n in (0, 1, 3)
    ]
    assert collector.client.post("/v1/events", json=events).status_code == 202
    collector.process.terminate()
    collector.process.wait()
    for command in ("land", "refine"):
        assert lakehouse(command).returncode == 0
    return home


def test_what_belongs_together_and_what_does_not(day: Path) -> None:
    assert told() == (0, {"matched": 2, "waiting": 3})
    assert told("--grace-minutes", "0") == (20, {"matched": 2, "missing": 1, "unreferenced": 2})

    record = next(
        r for r in all_records() if r.subject != max((r.subject for r in all_records()), key=[r.subject for r in all_records()].count)
    )
    shown = lakehouse("media", "show", record.media_pid)
    assert shown.returncode == 0 and json.loads(shown.stdout)["path"] == record.path
    assert lakehouse("media", "show", "nothing").returncode == 11
    (listed,) = json.loads(lakehouse("media", "list", "--json").stdout)
    assert (listed["objects"], listed["kind"], listed["plain_bytes"]) == (4, "speech", 4 * len(tone()))

    lake = Home(day).lake
    (lake / record.path).unlink()
    assert told() == (20, {"matched": 2, "waiting": 2, "lost": 1})

    torn = lake / "kzone" / "raw" / "media" / "dt=2026-01-31" / "0123456789abcdef-torn"
    torn.parent.mkdir(parents=True)
    torn.write_bytes(b"never confirmed to anybody")
    done = lakehouse("media", "check", "--tidy")
    assert "removed 1 objects" in done.stdout and not torn.exists()

    # The learner is erased: then there is nothing to miss.
    open_vault(settings()).forget([USER, "somebody.else"], datetime.now(UTC))
    assert told("--grace-minutes", "0") == (0, {"forgotten": 3 + 4})
