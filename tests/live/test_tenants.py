"""Nobody sees a tenant or a person that is not theirs: every view, asked for by every caller, of every tenant.

What each caller may see is worked out here anew, from the recount; it is compared with what the server shows by GET and
by WebSocket, in snapshots and in deltas.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import httpx
import pyarrow as pa
import pytest
from pyarrow import parquet

from lakehouse import places
from lakehouse.access.caller import Caller, Role, Scope
from lakehouse.contracts import registry
from lakehouse.errors import DeniedError
from lakehouse.settings import Settings
from lakehouse.storage.open import open_audit, open_files, open_vault
from live.app import Live
from live.asking import asked
from live.looks import Looks
from tests.live import town as t
from tests.live.processes import Subscriber, serving

READ = frozenset({Scope.LIVE_READ})
CALLERS = {
    "everything": Caller("k1", READ),
    "one zone": Caller("k2", READ, zones=frozenset({"univprep"})),
    "one org everywhere": Caller("k3", READ, orgs=frozenset({1})),
    "one org of a zone": Caller("k4", READ, zones=frozenset({"skillprep"}), orgs=frozenset({2})),
    "another zone": Caller("k5", READ, zones=frozenset({"mediprep"}), orgs=frozenset({1, 2})),
    "no org": Caller("k6", READ, orgs=frozenset()),
    "no scope": Caller("k7", frozenset({Scope.EVENTS_WRITE, Scope.MEDIA_WRITE})),
    "student": Caller("t1", READ, user_id="student-1"),
    "student of one org": Caller("t2", READ, zones=frozenset({"univprep"}), orgs=frozenset({1}), user_id="student-1"),
    "parent of another": Caller("t3", READ, user_id="student-2"),
    "nobody's": Caller("t4", READ, user_id="student-who-never-came"),
}
VIEWS = [c.id for c in registry().layer("live")]


class KnownByName:
    """A gate that knows CALLERS."""

    is_open = False

    def caller(self, authorization: str | None) -> Caller:
        name = (authorization or "").removeprefix("Bearer ")
        if name not in CALLERS:
            raise DeniedError("not known", is_known=False)
        return CALLERS[name]

    def known(self, authorization: str | None) -> Caller | None:
        return None

    def remembers(self, authorization: str | None) -> bool:
        return False

    def close(self) -> None: ...


def _looks(settings: Settings) -> Looks:
    return Looks(open_audit(settings), open_files(settings))


@pytest.fixture
def served(town: Path, redis_at: str) -> Iterator[tuple[httpx.Client, dict[str, list[dict]], dict[str, str], Path]]:
    events = t.sittings(Random(4), 250) + t.sittings(Random(5), 40, orgs=(None,))
    t.publish(town, events)
    t.count_all(town)
    settings = Settings(home=town, live_push_ms=20)
    vault = open_vault(settings)
    right = json.loads(json.dumps(t.expected(events, vault), default=lambda at: at.isoformat().replace("+00:00", "Z")))
    pids = {user: found.pid for user, found in vault.subjects(["student-1", "student-2"]).items()}
    with (
        serving(Live(settings, registry(), KnownByName(), vault, _looks(settings), redis_at)) as address,
        httpx.Client(base_url=address, timeout=30) as client,
    ):
        yield client, right, pids, town


def _allowed(caller: Caller, view: str, row: dict, pids: dict[str, str]) -> bool:
    if Scope.LIVE_READ not in caller.scopes:
        return False
    is_persons = "user_pid" in registry().get(view).live.partition
    if is_persons != (caller.user_id is not None) or (is_persons and row["user_pid"] != pids.get(caller.user_id)):
        return False
    return (caller.zones is None or row["zone_id"] in caller.zones) and (caller.orgs is None or row["org_id"] in caller.orgs)


def _partitions(view: str, rows: list[dict], most: int) -> list[dict]:
    """Some of those there are, of every tenant."""
    names = registry().get(view).live.partition
    there = sorted({tuple((n, row[n]) for n in names) for row in rows}, key=str)
    return [dict(p) for p in Random(8).sample(there, min(most, len(there)))]


def _canonical(rows: list[dict]) -> set[str]:
    return {json.dumps(row, sort_keys=True) for row in rows}


def test_a_caller_sees_what_is_his_and_nothing_else(served) -> None:
    client, right, pids, _ = served
    for name in CALLERS:
        _by_get(name, client, right, pids)


def _by_get(name: str, client: httpx.Client, right: dict, pids: dict) -> None:
    header, caller, seen_any = {"Authorization": f"Bearer {name}"}, CALLERS[name], False
    for view in VIEWS:
        is_persons = "user_pid" in registry().get(view).live.partition
        partitions = [{}] if is_persons and caller.user_id else _partitions(view, right[view], 6)
        shown: list[dict] = []
        for partition in partitions:
            answer = client.get(f"/v1/live/{view}", params={k: v for k, v in partition.items() if v is not None}, headers=header)
            assert answer.status_code in (200, 400, 403), answer.text
            shown += answer.json()["rows"] if answer.status_code == 200 else []
        asked = [row for row in right[view] if not partitions[0] or any(p.items() <= row.items() for p in partitions)]
        may = [row for row in asked if _allowed(caller, view, row, pids)]
        assert _canonical(shown) == _canonical(may), f"{name} asked for {view}"
        seen_any = seen_any or bool(shown)
    assert seen_any == (name not in ("another zone", "no org", "no scope", "nobody's"))


def test_the_same_holds_by_websocket_and_for_what_comes_later(served) -> None:
    client, right, pids, home = served
    for seed, name in enumerate(n for n in CALLERS if n != "no scope"):
        _by_websocket(name, seed, client, right, pids, home)


def _by_websocket(name: str, seed: int, client: httpx.Client, right: dict, pids: dict, home: Path) -> None:
    caller, names, shown = CALLERS[name], {}, []
    watcher = Subscriber(_socket(client), f"Bearer {name}")
    for view in VIEWS:
        is_persons = "user_pid" in registry().get(view).live.partition
        for place, partition in enumerate([{}] if is_persons and caller.user_id else _partitions(view, right[view], 4)):
            if watcher.subscribe(view, f"{view} {place}", **partition)["type"] == "snapshot":
                names[f"{view} {place}"] = view
    t.publish(home, t.sittings(Random(60 + seed), 60) + t.sittings(Random(90 + seed), 20, orgs=(None,)))
    t.count_all(home)
    time.sleep(0.3)  # some turns of the push
    watcher.say(unsubscribe="the end")
    watcher.until(lambda m: m["type"] == "unsubscribed")
    watcher.close()
    for message in watcher.messages:
        shown += [(names[message["id"]], row) for row in message.get("rows", ())]
    assert not [row for view, row in shown if not _allowed(caller, view, row, pids)], name
    assert bool(shown) == (name not in ("another zone", "no org", "nobody's"))
    later = [m for m in watcher.messages if m["type"] == "delta"]
    assert later or not shown or caller.user_id


def _socket(client: httpx.Client) -> str:
    return str(client.base_url).replace("http", "ws").rstrip("/") + "/v1/live"


def test_whoever_is_not_known_gets_nothing(served) -> None:
    client = served[0]
    assert client.get("/v1/live/exam_minutes", params={"zone_id": "univprep", "org_id": 1}).status_code == 401
    subscription = {"subscribe": "exam_minutes", "keys": {"zone_id": "univprep", "org_id": 1}}
    for first, code in (({"authorization": "Bearer nobody"}, 4401), (subscription, 4401), ({"authorization": "Bearer no scope"}, 4403)):
        stranger = Subscriber(_socket(client))
        stranger.say(**first)
        assert stranger.closed_with() == code
        assert not stranger.messages


def test_a_browser_says_who_it_is_in_its_first_message(served) -> None:
    browser = Subscriber(_socket(served[0]))
    browser.say(authorization="Bearer student")
    assert browser.until(lambda m: True)["views"] == {"live.person_attempts": ["user_pid"]}
    browser.close()


def test_whoever_is_hidden_is_gone_within_seconds_and_every_look_is_recorded(served) -> None:
    client, right, pids, home = served
    header, kim = {"Authorization": "Bearer everything"}, pids["student-1"]
    row = next(row for row in right["live.exam_sittings"] if row["user_pid"] == kim and row["org_id"] is not None)
    keys = {name: row[name] for name in ("zone_id", "org_id", "exam_id")}

    def shown() -> set[str]:
        return {r["user_pid"] for r in client.get("/v1/live/exam_sittings", params=keys, headers=header).json()["rows"]}

    before, watcher = shown(), Subscriber(_socket(client), "Bearer everything")
    assert kim in before and watcher.subscribe("exam_sittings", "sittings", **keys)["type"] == "snapshot"
    sink = pa.BufferOutputStream()
    parquet.write_table(pa.table({"pid": [kim]}), sink)
    open_files(Settings(home=home)).put(places.hidden_people(), sink.getvalue().to_pybytes())
    deadline = time.monotonic() + 20
    while kim in shown() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert shown() == before - {kim}
    assert watcher.closed_with() == 1012  # come back, for a snapshot without them
    assert client.get("/v1/live/person_attempts", headers={"Authorization": "Bearer student"}).status_code == 403

    records = list(open_audit(Settings(home=home)).records(action="live.read"))
    told = {(r.actor, r.dataset, r.outcome) for r in records}
    assert told == {("k1", "live.exam_sittings", "allowed"), ("t1", "live.person_attempts", "denied")}
    assert len(records) == 2 and kim not in repr(records)


@pytest.mark.parametrize(
    ("role", "bound", "is_let_in"),
    [
        (None, {}, True),
        (Role.TEACHER, {"orgs": frozenset({1})}, True),
        (Role.TEACHER, {}, False),
        (Role.ZONE_ADMIN, {"zones": frozenset({"univprep"})}, True),
        (Role.ZONE_ADMIN, {}, False),
        (Role.ANALYST, {}, False),
        (Role.DATA_ENGINEER, {}, False),
        (Role.STUDENT, {}, False),
    ],
)
def test_a_role_must_have_a_purpose_for_live_figures(role: Role | None, bound: dict, is_let_in: bool) -> None:
    caller, keys = Caller("k", READ, role=role, **bound), {"zone_id": "univprep", "org_id": 1}
    if is_let_in:
        assert asked(registry(), caller, "exam_minutes", keys, lambda user: None).values == ("univprep", 1)
        return
    with pytest.raises(DeniedError):
        asked(registry(), caller, "exam_minutes", keys, lambda user: None)
