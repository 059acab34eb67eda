"""`lakehouse backfill` as a person uses it: dry run, rejects beside the counts, strict, exit codes."""

import csv
import json
from pathlib import Path

import pytest

from lakehouse.places import Home
from lakehouse.storage.local import LocalBus
from tests.commands import Done, lakehouse

BROKEN = "3,somebody else,mock-1,2024-03-02T10:00:00,80\n"


@pytest.fixture
def cli(desk, home: Path):
    desk.write("file.csv", (desk.folder / "file.csv").read_text() + BROKEN)

    def run(*options: str) -> Done:
        return lakehouse("backfill", str(desk.folder / "file.csv"), "--mapping", str(desk.folder / "mapping.yaml"), *options)

    return run


def published(home: Path) -> int:
    bus = LocalBus(Home(home).bus)
    try:
        return len(bus.pull("exam.events", "test", 100, 0.05))
    finally:
        bus.close()


def test_a_dry_run_shows_everything_and_publishes_nothing(cli, home: Path):
    ended = cli("--dry-run")
    assert ended.returncode == 0, ended.stderr
    assert '"attempt_id": "mock-1"' in ended.stdout and "dry run, nothing published" in ended.stdout
    assert "file.csv:4: bad_format (user_id)" in ended.stdout
    assert published(home) == 0


def test_what_is_rejected_lies_in_a_file_with_its_reason(cli, home: Path):
    ended = cli("--json")
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert told["published"] == {"exam.events attempt_finished": 2} and told["rejected"] == 1
    path = Home(home).backfill / "mocks.rejects.csv"
    assert told["rejects_file"] == str(path) and path.stat().st_mode & 0o777 == 0o600
    with path.open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["line"] == "4" and row["reason"].startswith("bad_format (user_id)") and row["student"] == "somebody else"
    assert published(home) == 1


def test_strict_publishes_all_or_nothing(cli, home: Path, desk):
    ended = cli("--strict")
    assert ended.returncode == 11 and "1 rows were rejected, so nothing was published" in " ".join(ended.stderr.split())
    assert published(home) == 0
    desk.write("file.csv", (desk.folder / "file.csv").read_text().replace(BROKEN, ""))
    assert cli("--strict").returncode == 0
    assert published(home) == 1
    assert not (Home(home).backfill / "mocks.rejects.csv").exists()


def test_a_wrong_mapping_ends_with_11(cli, desk):
    desk.write("mapping.yaml", (desk.folder / "mapping.yaml").read_text().replace("copy: points", "copy: marks"))
    ended = cli()
    assert ended.returncode == 11
    assert "mapping.yaml:15: no column `marks`" in ended.stderr and "there are: sitting, student, exam, taken, points" in " ".join(
        ended.stderr.split()
    )
