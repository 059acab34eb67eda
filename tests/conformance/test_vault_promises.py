"""What a vault promises: the same person is always the same pseudonym and key, and no two are."""

import re
from datetime import date


def test_a_subject_keeps_its_pseudonym_and_key(vault, reopen_vault):
    first = vault.subjects(["kim", "lee"])
    assert reopen_vault().subjects(["lee", "kim", "park"]) | first == reopen_vault().subjects(["kim", "lee", "park"])


def test_pseudonyms_are_random_and_keys_are_full(vault):
    people = vault.subjects([f"user-{n}" for n in range(500)])
    assert len({p.pid for p in people.values()}) == len({p.key for p in people.values()}) == 500
    assert all(re.fullmatch("[0-9a-f]{32}", p.pid) and len(p.key) == 32 for p in people.values())


def test_another_vault_gives_other_pseudonyms(vault, tmp_path):
    from lakehouse.privacy.vault import KeyFile, SqlVault
    from lakehouse.storage.sql import sqlite_engine

    other = SqlVault(sqlite_engine(tmp_path / "other" / "vault.sqlite"), KeyFile(tmp_path / "other" / "master.key"))
    assert other.subjects(["kim"])["kim"].pid != vault.subjects(["kim"])["kim"].pid
    other.close()


def test_subjects_are_told_apart_exactly(vault):
    subjects = ["kim", "Kim", "kim ", "", "김", "kim\0"]
    assert len({p.pid for p in vault.subjects(subjects).values()}) == len(subjects)


def test_nobody_is_no_error(vault):
    assert vault.subjects([]) == {} and vault.keys([]) == {}


def test_keys_by_pseudonym(vault, reopen_vault):
    kim = vault.subjects(["kim"])["kim"]
    day = vault.day_key(date(2026, 1, 31))
    assert reopen_vault().keys([kim.pid, day.pid, "0" * 32, "day:1999-01-01"]) == {kim.pid: kim.key, day.pid: day.key}


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
    assert vault.keys([p.pid for p in everyone.values()]) == {p.pid: p.key for p in everyone.values()}
