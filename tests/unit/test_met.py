"""What is remembered of the vault's answers is what the vault would answer."""

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lakehouse.privacy.key_file import KeyFile
from lakehouse.privacy.met import Met
from lakehouse.privacy.vault import SqlVault
from lakehouse.storage.memory import MemoryVault
from lakehouse.storage.protocols import Tombstone
from lakehouse.storage.sql import sqlite_engine

NOW = datetime(2026, 3, 2, tzinfo=UTC)
PEOPLE = [f"account-{n}" for n in range(10)]


def opened(folder: Path) -> SqlVault:
    return SqlVault(sqlite_engine(folder / "vault.sqlite"), KeyFile(folder / "master.key"))


@pytest.fixture(params=["memory", "sql"])
def vault(request, tmp_path: Path):
    return MemoryVault() if request.param == "memory" else opened(tmp_path)


class Counting:
    """A vault that tells how many people it was asked for."""

    def __init__(self, vault) -> None:
        self._vault, self.asked = vault, 0
        self.forgettings = vault.forgettings

    def subjects(self, subjects):
        self.asked += len(subjects)
        return self._vault.subjects(subjects)


def test_who_was_met_is_not_asked_for_again(vault) -> None:
    counting = Counting(vault)
    met = Met(counting)
    assert met.subjects(PEOPLE[:6]) == vault.find(PEOPLE[:6]) and counting.asked == 6
    assert met.subjects(PEOPLE) == vault.find(PEOPLE) and counting.asked == 10
    assert met.subjects(PEOPLE[3:5]) == vault.find(PEOPLE[3:5]) and counting.asked == 10
    assert met.subjects([]) == {}


def test_who_is_forgotten_is_so_with_the_next_batch(vault) -> None:
    met = Met(vault)
    before = met.subjects(PEOPLE)
    vault.forget(PEOPLE[:1], NOW)
    assert met.subjects(PEOPLE) == {person: known for person, known in before.items() if person != PEOPLE[0]}
    assert met.subjects(PEOPLE[:1]) == {}
    vault.forget(["never met"], NOW)
    assert met.subjects(["never met"]) == {}


def test_also_by_another_process_and_out_of_the_audit_log(tmp_path: Path) -> None:
    met, other = Met(opened(tmp_path)), opened(tmp_path)
    assert len(met.subjects(PEOPLE)) == 10
    other.forget(PEOPLE[:1], NOW)
    assert PEOPLE[0] not in met.subjects(PEOPLE)
    stones = [Tombstone(other.digest(person), None, NOW) for person in PEOPLE[:2]]
    assert other.bury(stones) == 1 and met.subjects(PEOPLE).keys() == set(PEOPLE[2:])


def test_memory_is_bounded(vault) -> None:
    counting = Counting(vault)
    met = Met(counting, most=6)
    for start in range(0, 8, 4):
        assert met.subjects(PEOPLE[start : start + 4]) == vault.find(PEOPLE[start : start + 4])
    assert met.subjects(PEOPLE[:4]) == vault.find(PEOPLE[:4])
    assert counting.asked == 12 and len(met._known) <= 6


def test_many_threads_get_the_same(vault) -> None:
    met, answers = Met(vault), []
    threads = [threading.Thread(target=lambda: answers.append(met.subjects(PEOPLE))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8 and all(answer == answers[0] for answer in answers)
