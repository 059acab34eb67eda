"""API keys in SQLite and in a real PostgreSQL: the same promises."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from lakehouse.access.caller import RateLimit, Scope
from lakehouse.access.gate import AWAY_S, ClosedGate
from lakehouse.access.keys import PREFIX, Key, KeyStore
from lakehouse.errors import BadInputError, DeniedError, UnavailableError
from lakehouse.storage.sql import sqlite_engine
from source_database.server import Server

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    if request.param == "sqlite":
        one = sqlite_engine(tmp_path / "access" / "keys.sqlite")
    else:
        one = sa.create_engine(request.getfixturevalue("postgres").url().replace("postgresql:", "postgresql+psycopg:"))
    yield one
    with one.begin() as db:
        db.execute(sa.text("DROP TABLE access_key"))
    one.dispose()


@pytest.fixture
def keys(engine: sa.Engine) -> KeyStore:
    return KeyStore(engine)


def key(**changes: object) -> Key:
    known = {"scopes": frozenset({Scope.EVENTS_WRITE}), "zones": frozenset({"univprep"}), "orgs": frozenset({17, 18})}
    known |= {"limit": RateLimit(2.5, 1e6, 10), "created_at": NOW, "expires_at": NOW + DAY}
    return Key("", "exam app", **known | changes)


def test_a_key_is_found_by_what_its_holder_shows(keys: KeyStore) -> None:
    shown = keys.create(key())
    found = keys.find(shown, NOW)
    assert shown == f"{PREFIX}{found.key_id}_{shown[-43:]}"
    assert (found.caller.key_id, found.caller.orgs) == (found.key_id, {17, 18})
    assert (found.purpose, found.scopes, found.zones, found.limit) == ("exam app", {"events:write"}, {"univprep"}, RateLimit(2.5, 1e6, 10))
    assert (found.created_at, found.expires_at, found.revoked_at) == (NOW, NOW + DAY, None)
    assert keys.get(shown) == keys.get(found.key_id) == found  # whoever has only the key itself may name that


def test_everywhere_is_not_nowhere(keys: KeyStore) -> None:
    everywhere = keys.find(keys.create(key(zones=None, orgs=None)), NOW)
    nowhere = keys.find(keys.create(key(zones=frozenset(), orgs=frozenset())), NOW)
    assert (everywhere.zones, everywhere.orgs, nowhere.zones, nowhere.orgs) == (None, None, frozenset(), frozenset())


def test_the_secret_is_nowhere_in_the_store(keys: KeyStore, engine: sa.Engine) -> None:
    shown = keys.create(key())
    with engine.connect() as db:
        row = db.execute(sa.text("SELECT * FROM access_key")).one()
    assert shown[-43:] not in repr(tuple(row))
    assert shown[-43:] not in repr(keys.all())


def test_nothing_but_the_whole_key_opens(keys: KeyStore) -> None:
    shown, other = keys.create(key()), keys.create(key())
    forged = shown[: -len("x") * 43] + other[-43:]
    for guess in (
        shown[:-1],
        shown + "x",
        shown.swapcase(),
        forged,
        PREFIX,
        "",
        f"{PREFIX}x' OR 1=1 --",
        shown.replace("_", "", 1),
        "\0",
        "é",
    ):
        assert keys.find(guess, NOW) is None
    assert len({keys.create(key()) for _ in range(100)}) == 100


def test_a_revoked_or_expired_key_opens_nothing(keys: KeyStore) -> None:
    shown = keys.create(key())
    assert keys.find(shown, NOW + DAY - timedelta(seconds=1))
    assert keys.find(shown, NOW + DAY) is None
    first = keys.revoke(shown, NOW)
    assert keys.find(shown, NOW) is None
    assert keys.revoke(first.key_id, NOW + DAY).revoked_at == NOW  # the first time counts
    with pytest.raises(BadInputError) as unknown:
        keys.revoke(f"{PREFIX}nobody_secret", NOW)
    assert "secret" not in str(unknown.value)


def test_a_rotated_key_overlaps_its_successor(keys: KeyStore) -> None:
    shown = keys.create(key(expires_at=NOW + 30 * DAY))
    new = keys.rotate(shown, NOW, 90 * DAY, timedelta(hours=24))
    old_key, new_key = keys.find(shown, NOW), keys.find(new, NOW)
    assert (new_key.scopes, new_key.zones, new_key.orgs, new_key.limit) == (old_key.scopes, old_key.zones, old_key.orgs, old_key.limit)
    assert (new_key.replaces, new_key.expires_at, old_key.expires_at) == (old_key.key_id, NOW + 90 * DAY, NOW + DAY)
    assert keys.find(shown, NOW + DAY) is None and keys.find(new, NOW + DAY)
    keys.rotate(new, NOW, DAY, 900 * DAY)
    assert keys.get(new).expires_at == NOW + 90 * DAY  # an overlap never lengthens a life
    with pytest.raises(BadInputError, match="expired"):
        keys.rotate(shown, NOW + 2 * DAY, DAY, DAY)


def test_several_processes_may_open_a_new_store_at_once(engine: sa.Engine) -> None:
    errors: list[BaseException] = []

    def opened() -> None:
        try:
            KeyStore(engine)
        except BaseException as error:  # noqa: BLE001 - told to the test
            errors.append(error)

    threads = [threading.Thread(target=opened) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert KeyStore(engine).all() == []


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gate(keys: KeyStore, clock: Clock) -> ClosedGate:
    return ClosedGate(keys, None, 5.0, clock)


def bearer(shown: str) -> str:
    return f"Bearer {shown}"


def test_who_was_here_lately_is_known_without_a_look_up(keys: KeyStore, gate: ClosedGate, clock: Clock, engine: sa.Engine) -> None:
    shown = bearer(keys.create(key()))
    statements: list[str] = []
    sa.event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    assert gate.known(shown) is None
    caller = gate.caller(shown)
    assert len(statements) == 1
    clock.now += 4.9
    assert gate.known(shown) is caller
    assert len(statements) == 1
    clock.now += 0.2
    assert gate.known(shown) is None and gate.remembers(shown)


def test_a_revocation_is_seen_within_seconds(keys: KeyStore, gate: ClosedGate, clock: Clock) -> None:
    shown = keys.create(key())
    gate.caller(bearer(shown))
    keys.revoke(shown, datetime.now(UTC))
    clock.now += 5.1
    assert gate.known(bearer(shown)) is None
    with pytest.raises(DeniedError) as denied:
        gate.caller(bearer(shown))
    assert not denied.value.is_known
    assert not gate.remembers(bearer(shown))


def test_a_key_that_ends_is_not_remembered_beyond_its_end(keys: KeyStore, gate: ClosedGate, clock: Clock) -> None:
    shown = bearer(keys.create(key(expires_at=datetime.now(UTC) + timedelta(seconds=2))))
    gate.caller(shown)
    clock.now += 2.1
    assert gate.known(shown) is None


@pytest.mark.parametrize(
    "shown", [None, "", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "mck_x_y", "Bearer mck_0_0", "Bearer a.b.c", "Bearer \xff"]
)
def test_nobody_else_comes_in(gate: ClosedGate, shown: str | None) -> None:
    assert gate.known(shown) is None
    with pytest.raises(DeniedError) as denied:
        gate.caller(shown)
    assert not denied.value.is_known


@pytest.fixture
def away(engine: sa.Engine) -> Callable[[bool], None]:
    """away(True) renames the table, so that every look-up fails as it does in a database that is restored."""

    def switch(is_away: bool) -> None:
        names = ("access_key", "aside") if is_away else ("aside", "access_key")
        with engine.begin() as db:
            db.execute(sa.text("ALTER TABLE {} RENAME TO {}".format(*names)))

    return switch


def test_while_the_store_is_away_who_was_here_lately_still_comes_in(
    keys: KeyStore, gate: ClosedGate, clock: Clock, away: Callable[[bool], None]
) -> None:
    shown, stranger = bearer(keys.create(key())), bearer(keys.create(key()))
    caller = gate.caller(shown)
    away(True)
    for _ in range(100):
        clock.now += 8.0
        assert gate.caller(shown) is caller and gate.known(shown) is caller
    with pytest.raises(UnavailableError):
        gate.caller(stranger)
    clock.now += AWAY_S - 800
    with pytest.raises(UnavailableError):  # not for ever: a revocation may wait in the store
        gate.caller(shown)
    away(False)
    assert gate.caller(shown) and gate.caller(stranger)


def test_what_is_remembered_is_bounded(gate: ClosedGate, keys: KeyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lakehouse.access.gate.MOST_REMEMBERED", 40)
    shown = keys.create(key())
    for blanks in range(1, 200):  # every spelling of the header is remembered by itself
        gate.caller(f"Bearer {' ' * blanks}{shown}")
        assert len(gate._seen) <= 40
    assert gate.known(f"Bearer {' ' * 199}{shown}")
