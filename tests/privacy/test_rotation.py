"""New keys in the place of old ones: what was readable stays readable, old copies of the vault open nothing, and a kill leaves no doubt."""

import json
import multiprocessing
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from lakehouse.errors import CorruptError
from lakehouse.places import Home
from lakehouse.privacy import rotation
from lakehouse.privacy.key_file import KeyFile
from lakehouse.privacy.keyring import data_key
from lakehouse.privacy.seal import new_key, seal
from lakehouse.privacy.vault import SqlVault
from lakehouse.settings import Settings, settings
from lakehouse.storage.open import open_audit, open_vault
from lakehouse.storage.sql import sqlite_engine
from tests.commands import lakehouse, succeeds

processes = multiprocessing.get_context("fork")
PEOPLE = [f"user-{n}" for n in range(37)]
DAY = date(2026, 3, 2)


def opened(folder: Path) -> SqlVault:
    return SqlVault(sqlite_engine(folder / "vault.sqlite"), KeyFile(folder / "master.key"))


def everything(vault: SqlVault) -> tuple:
    """Whatever the vault has keys for."""
    return (
        vault.find(PEOPLE),
        vault.day_key(DAY),
        vault.keys(["column:1", "column:compared"]),
        [vault.key_for(purpose) for purpose in ("requests", "receipts")],
        vault.digest("user-3"),
    )


def filled(folder: Path) -> SqlVault:
    vault = opened(folder)
    vault.subjects(PEOPLE)
    vault.column_key(), vault.column_key(is_compared=True)
    return vault


def rotated(vault: SqlVault) -> rotation.Rotated:
    return rotation.rotate(vault.keyring, lambda *_, **__: None)


def test_everything_opens_as_before_for_who_was_there_before_and_who_comes_now(tmp_path) -> None:
    vault = filled(tmp_path)
    before, idle = everything(vault), opened(tmp_path)
    for generation in (2, 3):
        done = rotated(opened(tmp_path))
        assert (done.generation, done.rewrapped) == (generation, len(PEOPLE) + 5)
        assert everything(opened(tmp_path)) == everything(vault) == before
    assert everything(idle) == before, "opened before both, and used for the first time after"
    assert os.listdir(tmp_path).count("master.3.key") == 1 and not {"master.key", "master.2.key"} & set(os.listdir(tmp_path))


def test_who_makes_keys_across_a_rotation_makes_them_by_the_new_one(tmp_path) -> None:
    vault = filled(tmp_path)
    rotated(opened(tmp_path))
    fresh = vault.subjects(["late-1", "late-2"])
    later = vault.day_key(date(2026, 3, 3))
    assert opened(tmp_path).find(["late-1", "late-2"]) == fresh and opened(tmp_path).keys([later.key_id])
    assert vault.column_key().key_id == "column:2" and vault.column_key(is_compared=True).key_id == "column:compared"


def test_people_who_are_met_while_it_runs_lose_no_key(tmp_path, monkeypatch) -> None:
    """Three threads meet people all along, in vaults of their own; three rotations, a few keys at a time."""
    filled(tmp_path)
    monkeypatch.setattr(rotation, "AT_ONCE", 7)
    met, failures, stopped = [], [], threading.Event()

    def meet(number: int) -> None:
        vault, at = opened(tmp_path), 0
        try:
            while not stopped.is_set():
                met.append(vault.subjects([f"met-{number}-{at}", f"shared-{at}"]))
                at += 1
        except Exception as error:  # noqa: BLE001 - told below, whatever it was
            failures.append(error)

    threads = [threading.Thread(target=meet, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        rotated(opened(tmp_path))
        time.sleep(0.1)
    stopped.set()
    for thread in threads:
        thread.join()
    everybody = {subject: key for some in met for subject, key in some.items()}
    assert not failures and len(everybody) > 12
    assert opened(tmp_path).find(everybody) == everybody


def copied(folder: Path, to: Path) -> Path:
    to.mkdir()
    with sqlite_engine(folder / "vault.sqlite").connect() as db:
        db.exec_driver_sql("VACUUM INTO ?", (str(to / "vault.sqlite"),))
    return to


def test_an_old_copy_of_the_vault_opens_nothing_with_the_new_key(tmp_path) -> None:
    """Nor with the whole of today's vault: the old rows are wrapped by what is in neither."""
    (tmp_path / "vault").mkdir()
    vault = filled(tmp_path / "vault")
    old = copied(tmp_path / "vault", tmp_path / "old")
    vault.forget(["user-5"], datetime.now(UTC))
    rotated(vault)
    vault = opened(tmp_path / "vault")  # who had it open all along knows the old key until it ends
    shutil.copy(tmp_path / "vault" / "master.2.key", old)
    with pytest.raises(CorruptError, match="a version of it that is destroyed"):
        opened(old)
    with sqlite_engine(old / "vault.sqlite").connect() as db:
        rows = db.execute(sa.select(data_key)).mappings().all()
    assert len(rows) == len(PEOPLE) + 2
    for generation in (1, 2):
        for row in rows:
            with pytest.raises(CorruptError):
                vault.keyring.unwrap([(row["pid"], row["key_id"], row["wrapped"], generation)])
    assert open_bytes(tmp_path / "vault", [row["wrapped"] for row in rows]) == 0


def open_bytes(folder: Path, wrapped: list[bytes]) -> int:
    on_disk = b"".join(path.read_bytes() for path in folder.iterdir())
    return sum(one in on_disk for one in wrapped)


def test_a_vault_from_before_there_were_rotations_is_taken_up(tmp_path) -> None:
    """Tables as they were made then; purposes followed from the master key."""
    key, master, pid, person = new_key(), new_key(), "a" * 32, new_key()
    (tmp_path / "master.key").write_bytes(key)
    derive = lambda what: HKDF(SHA256(), 32, None, b"megacity vault: " + what).derive(master)  # noqa: E731
    with sqlite_engine(tmp_path / "vault.sqlite").begin() as db:
        db.exec_driver_sql("create table master_key (id integer primary key, wrapped blob not null)")
        db.exec_driver_sql("create table data_key (key_id varchar(32) primary key, pid varchar(32) not null unique, wrapped blob not null)")
        db.exec_driver_sql("insert into master_key values (1, ?)", (seal(key, master, b"vault master key"),))
        wrapped = seal(derive(b"data key wrapping"), person, f"{pid}:k1".encode())
        db.exec_driver_sql("insert into data_key values ('k1', ?, ?)", (pid, wrapped))
    for generation in (1, 2, 3):
        vault = opened(tmp_path)
        assert vault.people([pid])[pid].key == person and vault.keyring.newest == generation
        assert vault.key_for("requests") == derive(b"requests")
        assert vault.keyring.digest_key == derive(b"subject digest")
        if generation == 1:
            assert rotation.standing(vault.keyring).is_due(datetime.now(UTC)), "nobody knows how old it is"
        rotated(vault)


# ------------------------------------------------------------------------------------------------------------------ killed


def _dies(folder: str, at: int, steps) -> None:
    """A rotation, some keys at a time, that is killed at its n-th commit or change of a file."""
    passed = 0

    def step(*_: object, **__: object) -> None:
        nonlocal passed
        if passed == at:
            os.kill(os.getpid(), signal.SIGKILL)
        passed += 1

    def watched(call: Callable) -> Callable:
        def then(*words, **named):
            step()
            return call(*words, **named)

        return then

    vault = opened(Path(folder))
    rotation.AT_ONCE = 4
    sa.event.listen(vault.engine, "commit", step)
    for name in ("fsync", "link", "unlink"):
        setattr(os, name, watched(getattr(os, name)))
    rotation.rotate(vault.keyring, lambda *_, **__: step())
    steps.send(passed)


def run(folder: Path, at: int) -> int | None:
    receives, sends = processes.Pipe(duplex=False)
    process = processes.Process(target=_dies, args=(str(folder), at, sends))
    process.start()
    sends.close()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL)
    return receives.recv() if process.exitcode == 0 else None


def test_killed_at_every_step_it_goes_on_where_it_was(tmp_path) -> None:
    (tmp_path / "vault").mkdir()
    before = everything(filled(tmp_path / "vault"))
    copies, generations, at = 0, set(), 0
    while True:
        folder = tmp_path / str(at)
        shutil.copytree(tmp_path / "vault", folder)
        steps = run(folder, at)
        vault = opened(folder)
        assert everything(vault) == before, f"after a kill at step {at}"
        generations.add((vault.keyring.newest, rotation.standing(vault.keyring).is_half_done))
        if steps is not None:
            break
        half_done = rotation.standing(vault.keyring).is_half_done
        done = rotated(vault)
        assert (done.generation, done.was_half_done) == (2, half_done), "what was begun is ended, and nothing else begun"
        assert everything(opened(folder)) == before and vault.keyring.waiting() == 0
        assert [name for name in sorted(os.listdir(folder)) if name.startswith("master") and name.endswith(".key")] == ["master.2.key"]
        copies, at = copies + 1, at + 1
        shutil.rmtree(folder)
    assert steps == copies > 20
    assert generations == {(1, False), (2, True), (2, False)}


# --------------------------------------------------------------------------------------------------------------- by command


def made_days_ago(home: Path, days: int) -> None:
    with sqlite_engine(home / "vault" / "vault.sqlite").begin() as db:
        db.execute(
            sa.text("update master_key set made_at = :at"), {"at": str((datetime.now(UTC) - timedelta(days=days)).replace(tzinfo=None))}
        )


def test_status_tells_when_it_is_due_and_fails_when_it_is_overdue(home: Path) -> None:
    open_vault(settings())
    assert "generation 1" in succeeds("vault", "status") and "not due before" in succeeds("vault", "rotate", "--when-due")
    made_days_ago(home, 91)
    done = lakehouse("vault", "status")
    assert done.returncode == 24 and "due to be rotated" in done.stderr
    assert json.loads(succeeds("vault", "rotate", "--when-due", "--json"))["rotated"]
    assert json.loads(succeeds("vault", "status", "--json"))["generation"] == 2
    actions = [(r.action, json.loads(r.details)) for r in open_audit(settings()).records(action="key.")]
    assert [action for action, _ in actions] == ["key.rotated", "key.destroyed"] and actions[1][1] == {"key_version": "master.key"}


def test_a_rotation_that_was_begun_is_told_of_and_ended(home: Path) -> None:
    vault = open_vault(settings())
    vault.subjects(PEOPLE)
    vault.keyring.begin(2, vault.keyring.wrapper.make())
    done = lakehouse("vault", "status")
    assert done.returncode == 24 and "begun and not ended" in done.stderr
    told = json.loads(succeeds("vault", "rotate", "--when-due", "--json"))
    assert told["was_half_done"] and (told["generation"], told["rewrapped"]) == (2, len(PEOPLE) + 1)
    assert lakehouse("vault", "status").returncode == 0


def test_every_vault_of_a_home_is_the_same(home: Path) -> None:
    vault = open_vault(Settings(home=home))
    assert vault.keyring.wrapper.versions() == ["master.key"] and (Home(home).vault / "master.key").exists()
