"""However the data of a forgotten person comes again, they stay forgotten."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from beam_pipelines import stores as opened_stores
from lakehouse.privacy.erasure.close import close
from lakehouse.privacy.erasure.prove import prove, to_prove
from lakehouse.privacy.erasure.purge import purge, to_purge
from lakehouse.privacy.erasure.scan import scan
from lakehouse.storage.open import open_bus
from tests.beam.conftest import Lake
from tests.commands import lakehouse, succeeds
from tests.erasure.conftest import (
    ANN,
    BOB,
    EXAM,
    LOGIN,
    MAIL,
    account,
    ask,
    current_users,
    exam,
    forget,
    login,
    pack_envelopes,
    rows_of,
    send,
)


@pytest.fixture
def traces(pids) -> list[bytes]:
    return [text.encode() for text in (ANN, MAIL, pids[ANN])]


def nothing_of_ann(town: Lake, office, traces: list[bytes]) -> None:
    """Not in a byte of the home, once what waits on the bus has been landed; and Bob is there as before."""
    town.land()
    town.refine()
    bus = open_bus(town.settings)
    for topic in bus.topics():
        bus.trim(topic)
    bus.close()
    assert scan(town.settings.home, traces)[0] == []
    assert office.vault.find([ANN]) == {} and office.vault.find([BOB])
    assert rows_of(town, EXAM, [office.vault.find([BOB])[BOB].pid]) >= 20


def replayed(town: Lake) -> None:
    succeeds("replay", "--from", "2026-01-01")


def rebuilt(town: Lake) -> None:
    succeeds("replay", "--from", "2026-01-01", "--into", "after")


def redriven(town: Lake) -> None:
    """Her letters, after a fix that would have let them pass."""
    town.publish(LOGIN, [b"no envelope at all"])
    town.land()
    succeeds("replay", "--errors")


def late_events(town: Lake) -> None:
    send(town, exam(700, ANN), login(700, ANN), exam(701, BOB))


def the_same_events_again(town: Lake) -> None:
    send(town, *(exam(n, ANN) for n in range(0, 60, 3)))


def snapshot_of_the_source(town: Lake) -> None:
    send(town, account(ANN, op="r", lsn=9), account(BOB, op="r", lsn=9))


def change_of_the_source(town: Lake) -> None:
    send(town, account(ANN, op="u", lsn=10))


def backfill(town: Lake) -> None:
    folder = town.settings.home.parent
    (folder / "past.csv").write_text(f"sitting,student,taken,points\n1,{ANN},02.03.2025,60\n2,{BOB},02.03.2025,70\n")
    (folder / "past.yaml").write_text(
        "name: past\nzone_id: univprep\norg_id: 7\ntime_zone: Asia/Seoul\noutputs:\n- contract: exam.events\n"
        "  event_type: attempt_finished\n  id: [sitting]\n  fields:\n    user_id: {copy: student}\n    attempt_id: {template: 'p-{sitting}'}\n"
        "    exam_id: {constant: e-1}\n    occurred_at: {timestamp: taken, format: '%d.%m.%Y'}\n"
        "    started_at: {timestamp: taken, format: '%d.%m.%Y'}\n    score: {number: points}\n    time_spent_ms: {constant: 0}\n"
    )
    succeeds("backfill", str(folder / "past.csv"), "--mapping", str(folder / "past.yaml"))


@pytest.mark.parametrize(
    "again",
    [replayed, rebuilt, redriven, late_events, the_same_events_again, snapshot_of_the_source, change_of_the_source, backfill],
    ids=lambda way: way.__name__,
)
def test_nobody_comes_back(town: Lake, office, pids, traces, again: Callable[[Lake], None]) -> None:
    forget(office, ANN)
    again(town)
    nothing_of_ann(town, office, traces)
    assert pids[ANN] not in current_users(town)


def test_what_waited_on_the_bus_when_it_was_asked_for(town: Lake, office, pids, traces) -> None:
    town.publish(EXAM, pack_envelopes([exam(800, ANN), exam(801, BOB)]))
    forget(office, ANN)
    nothing_of_ann(town, office, traces)
    assert any(row["attempt_id"] == "a-801" for row in town.clean(EXAM)), "and Bob's event was not lost with hers"


def test_what_was_being_refined_when_it_was_asked_for(town: Lake, office, pids, traces) -> None:
    """A batch that knew her pseudonym before it was destroyed, and is committed after: the purge comes after that."""
    send(town, exam(810, ANN), refine=False)
    known = office.vault.find([ANN])
    close(office, [ask(office, ANN, MAIL)])
    with pytest.MonkeyPatch.context() as patch:
        really = type(town.at.vault).subjects
        patch.setattr(type(town.at.vault), "subjects", lambda self, asked: really(self, asked) | {s: known[s] for s in asked if s in known})
        patch.setattr(type(town.at.vault), "keys", lambda self, ids: {k.key_id: k for k in known.values() if k.key_id in ids})
        town.refine()
    assert rows_of(town, EXAM, [pids[ANN]]) == 21
    purge(office, to_purge(office))
    assert len(prove(office, to_prove(office))) == 1
    nothing_of_ann(town, office, traces)


def copied(town: Lake, folder: str) -> Path:
    backup = town.settings.home.parent / "backup"
    shutil.copytree(town.settings.home / folder, backup)
    return backup


def put_back(town: Lake, backup: Path, folder: str) -> None:
    shutil.rmtree(town.settings.home / folder)
    shutil.copytree(backup, town.settings.home / folder)
    opened_stores.stores.cache_clear()


def test_a_vault_from_a_backup_opens_nothing_of_hers(town: Lake, office, pids, traces) -> None:
    backup = copied(town, "vault")
    forget(office, ANN)
    office.vault.close()
    put_back(town, backup, "vault")
    assert town.at.vault.find([ANN]) == {} and town.at.vault.people([pids[ANN]]) == {} and town.at.vault.forgotten([ANN]) == {ANN}
    late_events(town)
    assert rows_of(town, EXAM, [pids[ANN]]) == 0 and len(town.clean(EXAM)) == 41


def test_clean_from_a_backup_is_rid_of_her_by_the_next_purge(town: Lake, office, pids, traces) -> None:
    backup = copied(town, "lake/exams/clean")
    forget(office, ANN)
    put_back(town, backup, "lake/exams/clean")
    assert rows_of(town, EXAM, [pids[ANN]]) == 20
    done = lakehouse("privacy", "purge")
    assert done.returncode == 0 and "exams/clean/exam_events" in done.stdout, done.stdout + done.stderr
    opened_stores.stores.cache_clear()
    assert rows_of(town, EXAM, [pids[ANN]]) == 0
    shutil.rmtree(backup)
    nothing_of_ann(town, office, traces)


def test_raw_from_a_backup_is_as_unreadable(town: Lake, office, pids, traces) -> None:
    backup = copied(town, "lake/exams/raw")
    forget(office, ANN)
    put_back(town, backup, "lake/exams/raw")
    replayed(town)
    nothing_of_ann(town, office, traces)


def test_a_request_by_another_name_is_another_person(town: Lake, office, pids) -> None:
    """Who is forgotten is who was named, exactly."""
    forget(office, ANN.upper(), f"{ANN} ")
    assert rows_of(town, EXAM, [pids[ANN]]) == 20
