"""A CSV and a mapping in a folder of their own, run through the real door onto a bus in memory."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from collectors.backfill import mapping as mappings
from collectors.backfill.filling import Backfill, Outcome
from lakehouse import envelope
from lakehouse.contracts import registry
from lakehouse.storage.memory import MemoryBus

MAPPING = """\
name: mocks
zone_id: univprep
org_id: 17
time_zone: Asia/Seoul
outputs:
  - contract: exam.events
    event_type: attempt_finished
    id: [sitting]
    fields:
      user_id: {copy: student}
      attempt_id: {template: "mock-{sitting}"}
      exam_id: {copy: exam}
      occurred_at: {timestamp: taken}
      started_at: {timestamp: taken}
      score: {copy: points}
      time_spent_ms: {constant: 0}
"""
ROWS = """\
sitting,student,exam,taken,points
1,minji,mock-1,2024-03-02T10:00:00,80
2,haru,mock-1,2024-03-02T10:00:00,55.5
"""


@dataclass
class Filled:
    """What came of a run: its counts, and what is on the bus."""

    outcome: Outcome
    envelopes: list[envelope.Envelope]

    @property
    def payloads(self) -> list[dict]:
        return [json.loads(bytes(e.payload)) for e in self.envelopes]


class Desk:
    """A folder with files to backfill."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("file.csv", ROWS)
        self.write("mapping.yaml", MAPPING)

    def write(self, name: str, text: str, encoding: str = "utf-8") -> Path:
        path = self.folder / name
        path.write_text(text, encoding=encoding)
        return path

    def mapping(self) -> mappings.Mapping:
        return mappings.read(self.folder / "mapping.yaml", self.folder / "file.csv", registry())

    def fill(self) -> Filled:
        bus = MemoryBus()
        outcome = Backfill(self.mapping()).run(bus, lambda rows: None)
        found = []
        for contract in registry().ingested:
            for message in bus.pull(contract.topic, "test", 1_000, 0):
                found += envelope.read(message.data)
        return Filled(outcome, found)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def edited(desk: Desk) -> Callable[[str, str], Desk]:
    """The desk, after one piece of its mapping was replaced."""

    def edit(old: str, new: str) -> Desk:
        assert old in MAPPING
        desk.write("mapping.yaml", MAPPING.replace(old, new, 1))
        return desk

    return edit
