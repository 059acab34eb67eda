"""What a vault promises: the same person is always the same pseudonym and key, and no two are."""

import re
from datetime import UTC, date, datetime, timedelta

from lakehouse.storage.protocols import Tombstone

NOW = datetime(2026, 3, 2, 3, 4, 5, tzinfo=UTC)


def test_a_subject_keeps_its_pseudonym_and_key(vault, reopen_vault):
    first = vault.subjects(["kim", "lee"])
    assert reopen_vault().subjects(["lee", "kim", "park"]) | first == reopen_vault().subjects(["kim", "lee", "park"])


def test_pseudonyms_are_random_and_keys_are_full(vault):
    people = vault.subjects([f"user-{n}" for n in range(500)])
    assert len({p.pid for p in people.values()}) == len({p.key for p in people.values()}) == 500
    assert all(re.fullmatch("[0-9a-f]{32}", p.pid) and len(p.key) == 32 for p in people.values())


def test_another_vault_gives_other_pseudonyms(vault, tmp_path):
    from lakehouse.privacy.key_file import KeyFile
    from lakehouse.privacy.vault import SqlVault
    from lakehouse.storage.sql import sqlite_engine

    other = SqlVault(sqlite_engine(tmp_path / "other" / "vault.sqlite"), KeyFile(tmp_path / "other" / "master.key"))
    assert other.subjects(["kim"])["kim"].pid != vault.subjects(["kim"])["kim"].pid
    other.close()


def test_subjects_are_told_apart_exactly(vault):
    subjects = ["kim", "Kim", "kim ", "", "김", "kim\0"]
    assert len({p.pid for p in vault.subjects(subjects).values()}) == len(subjects)


def test_nobody_is_no_error(vault):
    assert vault.subjects([]) == vault.keys([]) == vault.people([]) == {} and vault.forget([], NOW) == []


def test_keys_by_their_names_and_by_pseudonym(vault, reopen_vault):
    kim, day = vault.subjects(["kim"])["kim"], vault.day_key(date(2026, 1, 31))
    assert len({kim.pid, kim.key_id}) == 2  # neither follows from the other
    assert reopen_vault().keys([kim.key_id, kim.pid, day.key_id, "0" * 32, "day:1999-01-01"]) == {kim.key_id: kim, day.key_id: day}
    assert reopen_vault().people([kim.key_id, kim.pid, "0" * 32]) == {kim.pid: kim}


def test_to_look_for_somebody_makes_nobody(vault):
    assert vault.find(["kim"]) == {}
    kim = vault.subjects(["kim"])["kim"]
    assert vault.find(["kim", "lee"]) == {"kim": kim}


def test_who_was_forgotten_has_no_key_and_gets_none(vault, reopen_vault):
    people = vault.subjects(["kim", "lee"])
    kim, lee = people["kim"], people["lee"]
    vault.forget(["kim"], NOW)
    for later in (vault, reopen_vault()):
        assert later.subjects(["kim", "lee"]) == later.find(["kim", "lee"]) == {"lee": lee}
        assert later.keys([kim.key_id, lee.key_id]) == {lee.key_id: lee} and later.people([kim.pid, lee.pid]) == {lee.pid: lee}
        assert later.forgotten(["kim", "lee", "park"]) == {"kim"} and later.forgotten_pids([kim.pid, lee.pid]) == {kim.pid}


def test_who_was_never_met_is_refused_once_forgotten(vault, reopen_vault):
    [stone] = vault.forget(["kim"], NOW)
    assert stone.pid_digest is None and stone.subject_digest == vault.digest("kim") != vault.digest("lee")
    assert reopen_vault().subjects(["kim"]) == {} and vault.forgotten(["kim"]) == {"kim"}


def test_to_forget_again_changes_nothing(vault):
    vault.subjects(["kim"])
    first = vault.forget(["kim"], NOW)
    again = vault.forget(["kim"], NOW + timedelta(days=1))
    assert [s.forgotten_at for s in again] == [s.forgotten_at for s in first] == [NOW]


def test_tombstones_bury_again(vault, reopen_vault):
    """As in a vault that was restored from before they were set."""
    stones = [Tombstone(vault.digest("kim"), None, NOW)]
    vault.subjects(["kim", "lee"])
    assert vault.bury(stones) == 1 and vault.bury(stones) == 0
    assert set(reopen_vault().subjects(["kim", "lee"])) == {"lee"}


def test_a_day_has_one_key(vault, reopen_vault):
    first = vault.day_key(date(2026, 1, 31))
    assert first.pid == "day:2026-01-31" and len(first.key) == 32
    assert reopen_vault().day_key(date(2026, 1, 31)) == first
    assert reopen_vault().day_key(date(2026, 2, 1)).key != first.key


def test_more_subjects_than_a_statement_holds(vault):
    subjects = [f"user-{n}" for n in range(12_000)]
    some = vault.subjects(subjects[3_000:7_000])
    everyone = vault.subjects(subjects)
    assert everyone | some == everyone
    assert vault.people([p.pid for p in everyone.values()]) == {p.pid: p for p in everyone.values()}


def test_keys_of_columns_and_days_are_named_kept_and_destroyed(vault, reopen_vault):
    day, column, compared = vault.day_key(date(2026, 1, 31)), vault.column_key(), vault.column_key(is_compared=True)
    kim = vault.subjects(["kim"])["kim"]
    assert vault.column_key() == column and reopen_vault().column_key(is_compared=True) == compared != column
    assert vault.named("day:") == [day.key_id] and vault.named("column:") == sorted([column.key_id, compared.key_id])
    assert vault.destroy([day.key_id, day.key_id, "day:1999-01-01", kim.key_id]) == 1, "nobody's, and nobody else's"
    assert reopen_vault().keys([day.key_id, kim.key_id]) == {kim.key_id: kim} and vault.named("day:") == []
    assert vault.day_key(date(2026, 1, 31)) != day
