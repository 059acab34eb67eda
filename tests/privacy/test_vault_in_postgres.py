"""The vault in a real PostgreSQL, where many work at once: nobody is doubled, brought back or left without a key, and nobody waits in a circle."""

import multiprocessing
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from lakehouse.errors import SettingsError
from lakehouse.privacy import rotation
from lakehouse.privacy.key_file import KeyFile
from lakehouse.privacy.vault import SqlVault
from lakehouse.storage.protocols import Tombstone
from lakehouse.storage.sql import create_tables, postgres_engine
from source_database.server import Server
from tests.own_schema import own_schema

processes = multiprocessing.get_context("fork")
NOW = datetime(2026, 3, 2, 3, 4, 5, tzinfo=UTC)
PEOPLE = [f"user-{n}" for n in range(40)]


@dataclass(frozen=True)
class At:
    """Where a vault is; `open` is what one more process would do."""

    url: str
    key: Path

    def open(self) -> SqlVault:
        return SqlVault(postgres_engine(self.url, poolclass=sa.NullPool), KeyFile(self.key))


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Nobody cleans up in it but we."""
    with Server(tmp_path_factory.mktemp("postgres"), fsync="off", autovacuum="off") as server:
        yield server


@pytest.fixture
def at(postgres: Server, tmp_path: Path) -> Iterator[At]:
    with own_schema(postgres) as url:
        yield At(url, tmp_path / "master.key")


def together(*works: Callable) -> list:
    """What each answers; all of them begin at once. Raises what any of them raises."""
    ready = threading.Barrier(len(works))
    with ThreadPoolExecutor(len(works)) as pool:
        return [one.result(30) for one in [pool.submit(lambda work=work: (ready.wait(), work())[1]) for work in works]]


def halting(vault: SqlVault, after: str) -> tuple[threading.Event, threading.Event]:
    """The first statement of this vault's that begins so is the last before `go`; (it has come so far, go)."""
    came, go = threading.Event(), threading.Event()

    def halt(connection, cursor, statement, *_) -> None:
        if statement.startswith(after) and not came.is_set():
            came.set()
            go.wait(20)

    sa.event.listen(vault.engine, "after_cursor_execute", halt)
    return came, go


def meeting(*places: tuple[sa.Engine, str]) -> None:
    """Each of these waits for the others before the first statement that begins so; from there on they run side by side."""
    ready = threading.Barrier(len(places))
    for engine, before in places:

        def wait(connection, cursor, statement, *_, before=before, came=[]) -> None:  # noqa: B006 - of each its own
            if statement.lstrip().startswith(before) and not came:
                came.append(True)
                ready.wait(20)

        sa.event.listen(engine, "before_cursor_execute", wait)


def until_they_wait(at: At, count: int) -> None:
    """For somebody else's row, so many of them; or for 20 seconds."""
    asked, until = sa.text("select count(*) from pg_stat_activity where wait_event_type = 'Lock'"), time.monotonic() + 20
    while time.monotonic() < until:
        with sa.create_engine(at.url, poolclass=sa.NullPool).connect() as db:  # of one transaction the answer stays the same
            if db.scalar(asked) >= count:
                return
        time.sleep(0.01)


def rotated(vault: SqlVault) -> rotation.Rotated:
    return rotation.rotate(vault.keyring, lambda *_, **__: None)


# ------------------------------------------------------------------------------------------------------- people are made


def _meets(at: At, seed: int, answers) -> None:
    vault, found = at.open(), {}
    shuffled = random.Random(seed).sample(PEOPLE, len(PEOPLE))
    for start in range(0, len(shuffled), 8):
        found |= vault.subjects(shuffled[start : start + 8])
    answers.send((found, vault.column_key(), vault.key_for("requests")))


def test_processes_that_open_a_new_vault_and_meet_the_same_people_agree(at: At) -> None:
    pipes = [processes.Pipe(duplex=False) for _ in range(4)]
    running = [processes.Process(target=_meets, args=(at, seed, sends)) for seed, (_, sends) in enumerate(pipes)]
    for process in running:
        process.start()
    answers = [receives.recv() if receives.poll(60) else None for receives, _ in pipes]
    for process in running:
        process.join(60)
    vault = at.open()
    everybody = vault.find(PEOPLE)
    assert answers == [(everybody, vault.column_key(), vault.key_for("requests"))] * 4
    assert len({one.pid for one in everybody.values()}) == len({one.key for one in everybody.values()}) == len(PEOPLE)
    with vault.engine.connect() as db:
        assert db.scalar(sa.text("select count(*) from data_key")) == len(PEOPLE) + 2, "no key is nobody's"


def test_two_who_meet_the_same_people_do_not_wait_for_each_other(at: At) -> None:
    """Somebody else is about to make one of them, until both are as far as they come."""
    vault, other = at.open(), at.open()
    middle = sorted(map(vault.digest, PEOPLE))[len(PEOPLE) // 2]
    with ThreadPoolExecutor(2) as pool:
        with at.open().engine.connect() as db:
            db.execute(sa.text("insert into subject (digest) values (:middle)"), {"middle": middle})
            works = [pool.submit(one.subjects, PEOPLE) for one in (vault, other)]
            until_they_wait(at, 2)
            db.rollback()
        assert works[0].result(20) == works[1].result(20) == at.open().find(PEOPLE)


def test_tables_that_lack_are_made_by_whoever_comes_first(at: At) -> None:
    engines = [postgres_engine(at.url, poolclass=sa.NullPool) for _ in range(3)]
    table = sa.Table("made_once", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True))
    meeting(*((engine, "CREATE TABLE") for engine in engines))
    together(*(partial(create_tables, engine, table.metadata) for engine in engines))
    assert all(sa.inspect(engine).has_table("made_once") for engine in engines)


def test_a_vault_has_one_region_whoever_comes_first(at: At) -> None:
    def settle(region: str) -> str | None:
        try:
            at.open().settle(region)
            return region
        except SettingsError:
            return None

    at.open()
    settled = together(*(lambda region=region: settle(region) for region in ("seoul", "tokyo") * 3))
    assert len(set(settled) - {None}) == 1 and settled.count(None) == 3


def test_columns_that_lack_are_added_by_whoever_comes_first(at: At) -> None:
    with at.open().engine.begin() as db:
        db.execute(sa.text("alter table data_key drop column generation"))
        db.execute(sa.text("alter table master_key drop column digest_key"))
    vaults = together(*[at.open] * 4)
    kim = vaults[0].subjects(["kim"])["kim"]
    assert all(vault.find(["kim"]) == {"kim": kim} for vault in vaults)


# ------------------------------------------------------------------------------------------------------- and forgotten


def test_whoever_is_forgotten_while_others_meet_them_stays_forgotten(at: At) -> None:
    """Met and forgotten many at a time, in every order, by processes that know nothing of each other."""
    met: list[dict] = []

    def meet(seed: int) -> None:
        vault, chance = at.open(), random.Random(seed)
        for _ in range(12):
            met.append(vault.subjects(chance.sample(PEOPLE, 12)))

    def forget(seed: int) -> None:
        vault, chance = at.open(), random.Random(seed)
        for _ in range(4):
            vault.forget(chance.sample(PEOPLE[:20], 8), NOW)

    at.open()
    together(*(lambda seed=seed: meet(seed) for seed in range(3)), *(lambda seed=seed: forget(seed) for seed in range(3)))
    vault = at.open()
    gone = vault.forgotten(PEOPLE)
    assert len(gone) > 10 and gone <= set(PEOPLE[:20])
    known = vault.subjects(PEOPLE)
    assert set(known) == set(PEOPLE) - gone
    assert all(one.get(user, known[user]) == known[user] for one in met for user in known), "whoever stays was always the same"
    once = {key for one in met for user, key in one.items() if user in gone}
    assert (
        len({key.pid for key in once}) <= len(gone)
        and vault.people([key.pid for key in once]) == vault.keys([k.key_id for k in once]) == {}
    )


def test_tombstones_in_any_order_do_not_wait_for_each_other(at: At) -> None:
    """Two vaults that bury the same two people, each the other one first; the first has buried one when the second begins."""
    vault, other = at.open(), at.open()
    vault.subjects(["kim", "lee"])
    stones = [Tombstone(vault.digest(user), None, NOW) for user in ("kim", "lee")]
    came, go = halting(vault, "DELETE FROM data_key")
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(vault.bury, stones)
        assert came.wait(20)
        second = pool.submit(other.bury, stones[::-1])
        threading.Timer(0.3, go.set).start()  # by then the second has what it can get
        lacked = [first.result(20), second.result(20)]
    assert lacked == [2, 0] and vault.forgotten(["kim", "lee"]) == {"kim", "lee"}


def test_tombstones_of_people_who_were_never_met_do_not_either(at: At) -> None:
    vault, other = at.open(), at.open()
    stones = [Tombstone(vault.digest(f"stranger-{n}"), None, NOW) for n in range(400)]
    meeting((vault.engine, "INSERT INTO subject"), (other.engine, "INSERT INTO subject"))
    assert sorted(together(lambda: vault.bury(stones), lambda: other.bury(stones[::-1]))) == [0, 400]


# ------------------------------------------------------------------------------------------------------- keys are rotated


def test_a_master_key_waits_for_whoever_is_making_keys_by_it(at: At) -> None:
    vault, other, writer = at.open(), at.open(), at.open()
    vault.subjects(PEOPLE)
    came, go = halting(writer, "SELECT master_key.id")
    with ThreadPoolExecutor(2) as pool:
        late = pool.submit(writer.subjects, ["late"])
        assert came.wait(20), "the new key is written, and not committed"
        vault.keyring.begin(2, vault.keyring.wrapper.make())
        assert vault.keyring.rewrap(1_000) == len(PEOPLE) + 1
        forgotten = pool.submit(vault.keyring.forget)
        threading.Timer(0.3, go.set).start()
        assert forgotten.result(20) is False, "something is wrapped by the old one still"
        made = late.result(20)
    assert at.open().find(["late"]) == made
    assert vault.keyring.rewrap(1_000) == 1 and vault.keyring.forget()
    assert at.open().find(["late"]) == other.find(["late"]) == made


def test_whoever_makes_a_key_by_a_master_key_that_goes_makes_it_again_by_the_new_one(at: At) -> None:
    vault, writer = at.open(), at.open()
    came, go = halting(writer, "INSERT INTO data_key")
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(writer.subjects, ["late"])
        assert came.wait(20)
        rotated(vault)
        go.set()
        made = late.result(20)
    assert at.open().find(["late"]) == made


def test_rotations_beside_those_who_meet_and_forget(at: At, monkeypatch) -> None:
    monkeypatch.setattr(rotation, "AT_ONCE", 7)
    stopped, met = threading.Event(), []

    def meet(number: int) -> int:
        vault, count = at.open(), 0
        while not stopped.is_set():
            met.append(vault.subjects([f"met-{number}-{count}", f"shared-{count}"]))
            count += 1
        return count

    def forget() -> None:
        vault = at.open()
        for start in range(0, 24, 8):
            vault.forget(PEOPLE[start : start + 8], NOW)

    def rotate() -> None:
        for _ in range(2):
            rotated(at.open())
        stopped.set()

    before = at.open().subjects(PEOPLE)
    *counts, _, _ = together(lambda: meet(0), lambda: meet(1), forget, rotate)
    everybody = {user: key for some in met for user, key in some.items()}
    vault = at.open()
    assert min(counts) > 0 and vault.find(everybody) == everybody and vault.keyring.newest == 3
    assert vault.find(PEOPLE) == {user: before[user] for user in PEOPLE[24:]}


def test_many_are_forgotten_while_their_keys_are_wrapped_anew(at: At) -> None:
    """Somebody holds the key in the middle until both are as far as they come; then each goes on where the other was."""
    vault, other = at.open(), at.open()
    middle = sorted(one.key_id for one in vault.subjects(PEOPLE).values())[len(PEOPLE) // 2]
    vault.keyring.begin(2, vault.keyring.wrapper.make())
    with ThreadPoolExecutor(2) as pool:
        with at.open().engine.begin() as db:
            db.execute(sa.text("select from data_key where key_id = :middle for update"), {"middle": middle})
            works = pool.submit(vault.keyring.rewrap, 1_000), pool.submit(other.forget, PEOPLE, NOW)
            until_they_wait(at, 2)
        assert works[0].result(20) == len(PEOPLE) + 1 and len(works[1].result(20)) == len(PEOPLE)
    assert vault.find(PEOPLE) == {} and vault.keyring.waiting() == 0


# ------------------------------------------------------------------------------------------------------- what is left of it


def test_no_page_of_a_table_holds_what_was_deleted(at: At) -> None:
    """PostgreSQL keeps deleted rows in their pages, and in the old place what was changed, until somebody cleans up. What it then does not
    overwrite is a page's last row, in its free space; so the first is taken here, and `lapses` owns up to the rest."""
    vault = at.open()
    users = {key.pid: user for user, key in vault.subjects(PEOPLE).items()}
    with vault.engine.connect() as db:
        pid, wrapped = db.execute(sa.text("select pid, wrapped from data_key where pid <> key_id order by ctid limit 1")).one()
    assert _pages(vault, "data_key").count(wrapped) == 1 and pid.encode() in _pages(vault, "subject")
    vault.forget([users[pid]], NOW)
    assert wrapped not in _pages(vault, "data_key")
    assert pid.encode() not in _pages(vault, "data_key") + _pages(vault, "subject")


def test_an_exception_tells_no_values(at: At) -> None:
    vault = at.open()
    kim = vault.subjects(["kim"])["kim"]
    with pytest.raises(sa.exc.DBAPIError, match="division by zero") as told, vault.engine.connect() as db:
        db.execute(sa.text("select 1 / 0 from data_key where pid = :pid"), {"pid": kim.pid})
    assert kim.pid not in str(told.value)


def _pages(vault: SqlVault, table: str) -> bytes:
    """As they are on the disk."""
    with vault.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
        db.exec_driver_sql("checkpoint")
        return bytes(db.scalar(sa.text("select pg_read_binary_file(pg_relation_filepath(cast(:table as regclass)))"), {"table": table}))
