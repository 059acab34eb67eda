"""The register of requests and the list of holds, in SQLite and in a real PostgreSQL: the same promises, whoever works at once."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from lakehouse.errors import BadInputError, CorruptError
from lakehouse.privacy import rotation
from lakehouse.privacy.key_file import KeyFile
from lakehouse.privacy.requests import Kind, Request, Requests, Whom, due_at
from lakehouse.privacy.retention.holds import Hold, Holds, Of
from lakehouse.privacy.vault import SqlVault
from lakehouse.storage.sql import postgres_engine, sqlite_engine
from source_database.server import Server
from tests.own_schema import own_schema

NOW = datetime(2026, 3, 2, 3, 4, 5, 678_901, tzinfo=UTC)
ANN = Whom("ann.account.1", ("ann@example.com", "김안"))
Opened = Callable[[], SqlVault]


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("postgres"), fsync="off") as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    """The vault once more, as one more process would open it."""
    if request.param == "sqlite":
        yield lambda: SqlVault(sqlite_engine(tmp_path / "vault.sqlite"), KeyFile(tmp_path / "master.key"))
    else:
        with own_schema(request.getfixturevalue("postgres")) as url:
            yield lambda: SqlVault(postgres_engine(url, poolclass=sa.NullPool), KeyFile(tmp_path / "master.key"))


def asked(vault: SqlVault, request_id: str, kind: Kind = Kind.ERASURE, received_at: datetime = NOW) -> Request:
    digest = vault.digest(ANN.subject)
    return Request(request_id, kind, digest, "app", "self", "pipa", received_at, due_at(received_at, "pipa", kind), received_at, "tests")


def together(*works: Callable) -> list:
    """What each answers; all of them begin at once."""
    ready = threading.Barrier(len(works))
    with ThreadPoolExecutor(len(works)) as pool:
        return [one.result(30) for one in [pool.submit(lambda work=work: (ready.wait(), work())[1]) for work in works]]


def test_a_request_from_the_first_day_to_the_last(opened: Opened) -> None:
    vault = opened()
    requests, later = Requests(vault), asked(vault, "r-2", Kind.RECTIFICATION, NOW + timedelta(days=1))
    first = asked(vault, "r" * 64)
    assert requests.add(first, ANN) and requests.add(later, ANN)
    elsewhere = Requests(opened())
    assert elsewhere.get(first.request_id) == first and elsewhere.all() == [first, later] == elsewhere.of(first.subject_digest)
    assert elsewhere.known([first.request_id, "r-3"]) == {first.request_id} and elsewhere.whom(first.request_id) == ANN
    assert requests.waiting(Kind.ERASURE, "verified", "closed") == [first] and requests.waiting(Kind.ERASURE, "closed", "purged") == []
    assert requests.overdue(first.due_at, timedelta()) == [first]
    noted = Whom(ANN.subject, ANN.identifiers, pid="0" * 32)
    requests.note(first.request_id, noted)
    assert elsewhere.whom(first.request_id) == noted
    assert requests.reach(first.request_id, "closed", NOW, closed_ms=3).closed_at == NOW
    assert elsewhere.reach(first.request_id, "closed", NOW + timedelta(hours=1)).closed_at == NOW and elsewhere.progress("r-2") == {}
    assert elsewhere.progress(first.request_id) == {"closed_ms": 3} and elsewhere.waiting(Kind.ERASURE, "closed", "purged")
    refused = requests.reach("r-2", "refused", NOW, by="the person was erased")
    assert (refused.state, refused.refused_because, refused.is_open) == ("refused", "the person was erased", False)
    assert elsewhere.overdue(later.due_at, timedelta()) == [requests.get(first.request_id)]


def test_a_request_that_two_take_up_at_once_is_there_once(opened: Opened) -> None:
    registers = [Requests(opened()) for _ in range(4)]
    whom = [Whom(f"account.{n}") for n in range(4)]
    for number in range(3):
        request = asked(opened(), f"r-{number}")
        added = together(*(partial(register.add, request, one) for one, register in zip(whom, registers)))
        assert added.count(True) == 1
        assert registers[0].whom(request.request_id) == whom[added.index(True)]


def test_what_two_add_to_the_progress_at_once_is_all_there(opened: Opened) -> None:
    registers = [Requests(opened()) for _ in range(4)]
    registers[0].add(asked(opened(), "r-1"), ANN)
    works = [
        lambda n=n, one=one: [one.reach("r-1", "closed", NOW, **{f"{n}-{at}": at}) for at in range(5)] for n, one in enumerate(registers)
    ]
    together(*works)
    assert registers[0].progress("r-1") == {f"{n}-{at}": at for n in range(4) for at in range(5)}


@pytest.mark.parametrize("state", ["proved", "answered", "refused"])
def test_nothing_is_known_of_the_person_with_the_last_state(opened: Opened, state: str) -> None:
    """Nor to whoever has an older copy of the database, once the keys were rotated."""
    vault = opened()
    requests = Requests(vault)
    requests.add(asked(vault, "r-1"), ANN), requests.add(asked(vault, "r-2"), ANN)
    copy = {name: _rows(vault, name, key) for name, key in (("privacy_request", "request_id"), ("data_key", "key_id"))}
    requests.reach("r-1", state, NOW)
    with pytest.raises(BadInputError, match="nothing is known"):
        requests.whom("r-1")
    assert len(vault.named("request:")) == 2, "killed here, the key goes with the next one"
    requests.let_go()
    assert len(vault.named("request:")) == 1 and requests.whom("r-2") == ANN

    sealed = next(row["whom"] for row in copy["privacy_request"] if row["request_id"] == "r-1")
    with vault.engine.begin() as db:
        db.execute(sa.text("update privacy_request set whom = :whom where request_id = 'r-1'"), {"whom": sealed})
    with pytest.raises(BadInputError, match="nothing is known"):
        requests.whom("r-1")
    rotation.rotate(vault.keyring, lambda *_, **__: None)
    today = opened()
    (old,) = (row for row in copy["data_key"] if row["key_id"].startswith("request:") and row["key_id"] not in today.named("request:"))
    for generation in (1, 2):
        with pytest.raises(CorruptError):
            today.keyring.unwrap([(old["pid"], old["key_id"], bytes(old["wrapped"]), generation)])
    assert Requests(today).whom("r-2") == ANN


def _rows(vault: SqlVault, table: str, key: str) -> list[dict]:
    with vault.engine.connect() as db:
        return [dict(row) for row in db.execute(sa.text(f"select * from {table} order by {key}")).mappings()]


def test_holds_are_put_down_and_let_go(opened: Opened) -> None:
    vault = opened()
    ann = vault.subjects([ANN.subject])[ANN.subject]
    holds, digest = Holds(vault), vault.digest(ANN.subject)
    placed = [
        Hold("h-1", Of.PERSON, digest.hex(), "case 17/2026", "tests", NOW),
        Hold("h-2", Of.ZONE, "kzone", "case 18/2026", "tests", NOW + timedelta(seconds=1)),
        Hold("h-3", Of.ORG, "7", "case 19/2026", "tests", NOW + timedelta(seconds=2)),
    ]
    for hold in placed:
        holds.add(hold)
    elsewhere = Holds(opened())
    assert elsewhere.all() == placed == elsewhere.in_force() and elsewhere.on_person(digest) == placed[:1]
    held = elsewhere.held()
    assert (held.pids, held.key_ids, held.zones, held.orgs) == ({ann.pid}, {ann.key_id}, {"kzone"}, {7})
    released = together(*[lambda: _released(elsewhere, "h-1")] * 3)
    assert sorted(released, key=str) == [None, None, "tests"], "by one of them"
    assert [hold.hold_id for hold in holds.in_force()] == ["h-2", "h-3"] and holds.on_person(digest) == []
    with pytest.raises(BadInputError, match="names somebody"):
        holds.add(Hold("h-4", Of.ZONE, "kzone", "ask kim@example.com", "tests", NOW))


def _released(holds: Holds, hold_id: str) -> str | None:
    try:
        return holds.release(hold_id, "tests").released_by
    except BadInputError:
        return None
