"""An erasure reaches the feature store: at once online, and with the purge in the exported history; in SQLite and in Redis."""

import pytest

from feature_repo import serving
from feature_repo.copies import Features
from feature_repo.store import open_store
from lakehouse.contracts import registry
from lakehouse.places import Home
from lakehouse.privacy.erasure.scan import scan
from lakehouse.privacy.requests import Whom
from lakehouse.settings import settings

GONE, STAYS = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"
WHOM, OTHER = Whom("the account", pid=GONE), Whom("another", pid=STAYS)


@pytest.fixture
def served(home, online_store, write_features):
    from feature_rows import FIRST

    for contract in registry().layer("features"):
        own = {name: "algebra" for name in contract.keys if name != "user_pid"}
        write_features(contract.table, [{"user_pid": pid, contract.event_time: FIRST} | own for pid in (GONE, STAYS)])
    serving.serve(settings())
    return home, write_features, own


def online(pid: str) -> bool:
    store = open_store(settings())
    found = [
        row for c in registry().layer("features") for row in serving.online(store, c, serving.entities_of(settings(), c, [pid], "user_pid"))
    ]
    return any(row.get("feature_at") for row in found)


def counted(place: Features, whom: Whom) -> dict[str, int]:
    return {one.place: one.rows[whom.pid] for one in place.left([whom]) if whom.pid in one.rows}


def test_at_once_online_and_with_the_purge_in_the_history(served) -> None:
    home, write_features, _ = served
    place = Features(settings())
    before = counted(place, OTHER)
    assert online(GONE) and len(counted(place, WHOM)) == len(registry().layer("features")) + 1
    place.close([WHOM])
    assert not online(GONE) and online(STAYS)
    assert "features online" not in counted(place, WHOM) and len(counted(place, WHOM)) == len(registry().layer("features"))
    for contract in registry().layer("features"):  # as the warehouse's purge leaves it
        own = {name: "algebra" for name in contract.keys if name != "user_pid"}
        from feature_rows import FIRST

        write_features(contract.table, [{"user_pid": STAYS, contract.event_time: FIRST} | own])
    place.purge([WHOM], lambda _: None)
    assert counted(place, WHOM) == {} and counted(place, OTHER) == before
    assert not scan(Home(home).feature_store, [GONE.encode()])[0] and not scan(Home(home).lake, [GONE.encode()])[0]
    assert scan(Home(home).lake, [STAYS.encode()])[0]


def test_where_nothing_was_served_there_is_nothing_to_do(home) -> None:
    place = Features(settings())
    place.close([WHOM])
    assert place.purge([WHOM], lambda _: None) == place.left([WHOM]) == []
    assert not Home(home).feature_store.exists()
