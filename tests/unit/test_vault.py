"""The vault on disk: nobody's name is in it, its keys are useless without the master key, and processes agree."""

import hashlib
import json
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from lakehouse.errors import CorruptError, SettingsError
from lakehouse.privacy.key_file import KeyFile
from lakehouse.privacy.vault import SqlVault
from lakehouse.settings import Settings
from lakehouse.storage.open import open_vault
from lakehouse.storage.sql import sqlite_engine

NOW = datetime(2026, 3, 2, 3, 4, 5, tzinfo=UTC)
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


def test_who_was_forgotten_is_in_no_byte_of_it(tmp_path, engine):
    """Keys, pseudonyms and what ties them go from the write-ahead log too; keyed digests stay, which name nobody."""
    vault = SqlVault(engine, KeyFile(tmp_path / "master.key"))
    people = vault.subjects([f"user-{n}" for n in range(40)])
    kim, wrapped = people["user-7"], _wrapped(engine)
    on_disk = lambda: b"".join(p.read_bytes() for p in sorted(tmp_path.glob("vault.sqlite*")))  # noqa: E731
    marks = [kim.pid.encode(), kim.key_id.encode(), wrapped[kim.pid]]
    assert all(mark in on_disk() for mark in marks)
    vault.forget(["user-7"], NOW)
    assert not any(mark in on_disk() for mark in marks)
    other = people["user-8"]
    assert all(mark in on_disk() for mark in (other.pid.encode(), wrapped[other.pid]))


def test_a_vault_from_a_backup_takes_the_tombstones(tmp_path, engine):
    vault = SqlVault(engine, KeyFile(tmp_path / "master.key"))
    vault.subjects(["kim", "lee"])
    with engine.connect() as db:
        db.exec_driver_sql("VACUUM INTO ?", (str(tmp_path / "backup.sqlite"),))
    stones = vault.forget(["kim", "park"], NOW)
    restored = SqlVault(sqlite_engine(tmp_path / "backup.sqlite"), KeyFile(tmp_path / "master.key"))
    assert restored.find(["kim"]) and not restored.forgotten(["kim", "park"])
    assert restored.bury(stones) == 2 and restored.bury(stones) == 0
    assert set(restored.subjects(["kim", "lee", "park"])) == {"lee"}


def _wrapped(engine: sa.Engine) -> dict[str, bytes]:
    with engine.connect() as db:
        return dict(db.execute(sa.text("select pid, wrapped from data_key")).tuples().all())


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
