"""The vault on disk: nobody's name is in it, its keys are useless without the master key, and processes agree."""

import hashlib
import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from lakehouse.errors import CorruptError, SettingsError
from lakehouse.privacy.vault import KeyFile, SqlVault
from lakehouse.settings import Settings
from lakehouse.storage.open import open_vault
from lakehouse.storage.sql import sqlite_engine

MAKE_PEOPLE = """
import hashlib, json, sys
from pathlib import Path
from lakehouse.settings import Settings
from lakehouse.storage.open import open_vault
offset = int(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
vault = open_vault(Settings(home=Path(sys.argv[1])))
people = {}
for start in range(0, 3000, 500):
    people |= vault.subjects([f"user-{(offset + n) % 3000}" for n in range(start, start + 500)])
print(hashlib.sha256(json.dumps(sorted((s, p.pid, p.key.hex()) for s, p in people.items())).encode()).hexdigest())
"""


def test_processes_that_meet_the_same_people_at_once_agree(tmp_path):
    commands = [[sys.executable, "-c", MAKE_PEOPLE, str(tmp_path), str(offset)] for offset in (0, 1000, 1777, 2500)]
    processes = [subprocess.Popen(c, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for c in commands]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:  # a vault that does not exist yet, opened by four at once
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = {process.communicate(timeout=120)[0] for process in processes}
    assert [p.returncode for p in processes] == [0] * 4
    people = open_vault(Settings(home=tmp_path)).subjects([f"user-{n}" for n in range(3000)])
    expected = hashlib.sha256(json.dumps(sorted((s, p.pid, p.key.hex()) for s, p in people.items())).encode()).hexdigest()
    assert answers == {expected + "\n"}
    with sqlite_engine(tmp_path / "vault" / "vault.sqlite").connect() as db:  # who came second left no key of nobody's behind
        assert db.execute(sa.text("select (select count(*) from subject), (select count(*) from data_key)")).one() == (3000, 3000)


def test_nothing_on_disk_says_who_it_is_or_opens_a_seal(tmp_path):
    vault = open_vault(Settings(home=tmp_path))
    subjects = [f"kim.number.{n}@example.com" for n in range(300)]
    people = vault.subjects(subjects)
    on_disk = {path: path.read_bytes() for path in (tmp_path / "vault").rglob("*") if path.is_file()}
    assert any(path.name.endswith("-wal") and data for path, data in on_disk.items())
    master = on_disk[tmp_path / "vault" / "master.key"]
    for subject in subjects:
        # Not in clear, not as a hash that a list of addresses would undo, and not under the key that lies beside it.
        plain = subject.encode()
        for hidden in (plain, hashlib.sha256(plain).digest(), hashlib.sha256(plain).hexdigest().encode(), people[subject].key):
            assert not any(hidden in data for data in on_disk.values())
        pid = people[subject].pid
        assert any(pid.encode() in data for data in on_disk.values())
        assert not any(bytes.fromhex(pid) in data for data in on_disk.values())  # nor does it follow from the digest
    assert not any(master in data for path, data in on_disk.items() if path.name != "master.key")


def test_only_its_owner_reads_the_master_key(tmp_path):
    open_vault(Settings(home=tmp_path))
    assert stat.S_IMODE((tmp_path / "vault" / "master.key").stat().st_mode) == 0o600


def test_another_master_key_does_not_open_the_vault(tmp_path):
    vault = open_vault(Settings(home=tmp_path))
    vault.subjects(["kim"])
    key = tmp_path / "vault" / "master.key"
    kept = key.read_bytes()
    key.unlink()
    with pytest.raises(CorruptError) as error:
        open_vault(Settings(home=tmp_path))
    assert str(key) in error.value.hint
    key.write_bytes(kept)
    assert open_vault(Settings(home=tmp_path)).subjects(["kim"]) == vault.subjects(["kim"])


def test_a_truncated_master_key_is_noticed(tmp_path):
    open_vault(Settings(home=tmp_path))
    (tmp_path / "vault" / "master.key").write_bytes(b"short")
    with pytest.raises(CorruptError):
        open_vault(Settings(home=tmp_path))


@pytest.fixture
def engine(tmp_path: Path) -> sa.Engine:
    return sqlite_engine(tmp_path / "vault.sqlite")


def test_who_lost_the_key_is_absent_and_does_not_come_back(tmp_path, engine):
    """The tombstone: the row in `subject` stays, so that a replay makes no new key for someone who was forgotten."""
    vault = SqlVault(engine, KeyFile(tmp_path / "master.key"))
    people = vault.subjects(["kim", "lee"])
    with engine.begin() as db:
        db.execute(sa.text("delete from data_key where pid = :pid"), {"pid": people["kim"].pid})
    assert vault.subjects(["kim", "lee"]) == {"lee": people["lee"]}
    assert vault.keys([p.pid for p in people.values()]) == {people["lee"].pid: people["lee"].key}


def test_a_key_moved_to_another_person_does_not_open(tmp_path, engine):
    vault = SqlVault(engine, KeyFile(tmp_path / "master.key"))
    people = vault.subjects(["kim", "lee"])
    with engine.begin() as db:
        db.execute(
            sa.text("update data_key set wrapped = (select wrapped from data_key where pid = :lee) where pid = :kim"),
            {"kim": people["kim"].pid, "lee": people["lee"].pid},
        )
    with pytest.raises(CorruptError):
        vault.subjects(["kim"])


def test_every_commit_is_on_disk_before_it_is_answered(engine):
    with engine.connect() as db:
        assert db.execute(sa.text("pragma journal_mode")).scalar() == "wal"
        assert db.execute(sa.text("pragma synchronous")).scalar() == 2  # FULL
        assert db.execute(sa.text("pragma secure_delete")).scalar() == 1


def test_a_database_that_cannot_keep_the_promise_is_refused(tmp_path):
    with pytest.raises(SettingsError):
        SqlVault(sa.create_mock_engine("mysql://", lambda *_: None), KeyFile(tmp_path / "master.key"))
