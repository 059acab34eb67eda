"""Whatever comes, however often and in whatever order, Redis holds the recount."""

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakehouse.contracts import registry
from lakehouse.envelope import pack
from lakehouse.settings import Settings
from lakehouse.storage.memory import MemoryBus, MemoryVault
from lakehouse.storage.open import open_vault
from live import keys
from live.fold import View, fold, record
from live.metrics import CounterMetrics
from live.redis_server import redis_url
from live.store import LiveStore, connect
from tests.live import town as t


def test_the_counter_gives_the_recount(town: Path, client: redis.Redis) -> None:
    events = t.sittings(Random(1), 200) + t.sittings(Random(9), 30, orgs=(None,))
    t.publish(town, events)
    t.count_all(town)
    right = t.expected(events, open_vault(Settings(home=town)))
    assert all(right.values())
    assert t.shown(client, right) == right


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_shuffled_split_and_repeated_deliveries_give_the_recount(town: Path, client: redis.Redis, data: st.DataObject) -> None:
    """Several counters one after the other, too: what the first one did not acknowledge, the second one gets again."""
    client.flushall()
    events = t.sittings(Random(data.draw(st.integers(0, 99))), data.draw(st.integers(1, 40)))
    lines, bus, vault = t.lines(events), MemoryBus(ack_deadline_s=0), MemoryVault()
    delivered = data.draw(st.permutations(lines + data.draw(st.lists(st.sampled_from(lines), max_size=10))))
    while delivered:
        size = data.draw(st.integers(1, 12))
        bus.publish(t.TOPIC, pack(delivered[:size]))
        delivered = delivered[size:]
        if data.draw(st.booleans()):
            t.counter(town, bus, vault).run_until_idle()
        if data.draw(st.booleans()):
            bus.kept.acked.clear()
    t.counter(town, bus, vault).run_until_idle()
    right = t.expected(events, vault)
    assert t.shown(client, right) == right


def test_events_of_a_clock_that_is_behind_count_in_the_minute_of_ours(town: Path, client: redis.Redis) -> None:
    behind, events = timedelta(minutes=20), t.sittings(Random(6), 40)
    by_its_clock = [e | {"payload": e["payload"] | {"occurred_at": e["payload"]["occurred_at"] - behind}} for e in events]
    t.publish(town, by_its_clock, skew_ms=int(behind.total_seconds() * 1_000))
    t.count_all(town)
    right = t.expected(events, open_vault(Settings(home=town)))
    assert t.shown(client, right) == right


def test_a_resent_event_counts_once_although_its_time_was_corrected(town: Path, client: redis.Redis) -> None:
    """An event_id is the event: what comes second under it does not count, in whatever minute it claims to be."""
    first = t.sittings(Random(3), 1)[0]
    again = first | {"payload": first["payload"] | {"occurred_at": first["payload"]["occurred_at"] - timedelta(minutes=7)}}
    for event in (first, again):
        t.publish(town, [event])
        t.count_all(town)
    right = t.expected([first], open_vault(Settings(home=town)))
    assert t.shown(client, right) == right


def test_what_is_too_old_or_invalid_or_unreadable_is_counted_as_such_and_acknowledged(town: Path, client: redis.Redis) -> None:
    bus, vault, metrics = MemoryBus(), MemoryVault(), CounterMetrics()
    good = t.sittings(Random(4), 5)
    old = [
        e | {"event_id": f"{e['event_id']}-old", "payload": e["payload"] | {"occurred_at": datetime.now(UTC) - timedelta(minutes=61)}}
        for e in good
    ]
    broken = [line.replace(b'"exam_id"', b'"exam_di"').replace(b'"event_id":"', b'"event_id":"broken-') for line in t.lines(good)]
    bus.publish(t.TOPIC, [*pack(t.lines(good)), *pack(t.lines(old)), *pack(broken), b"no envelope", b"\x28\xb5\x2f\xfd damaged"])
    t.counter(town, bus, vault, metrics=metrics).run_until_idle()
    right = t.expected(good, vault)
    assert t.shown(client, right) == right
    assert not bus.pull(t.TOPIC, "live", 100, 0)
    count = lambda outcome: metrics.registry.get_sample_value("live_events_total", {"contract": t.TOPIC, "outcome": outcome})  # noqa: E731
    assert (count("counted"), count("invalid"), count("too_old"), count("unreadable")) == (len(good), len(broken), len(old), 2)


def test_nothing_in_redis_names_a_person_and_everything_expires(town: Path, client: redis.Redis) -> None:
    events = t.sittings(Random(5), 60)
    t.publish(town, events)
    t.count_all(town)
    forever = {keys.EPOCH.encode()}
    for key in client.scan_iter(count=1000):
        kind = client.type(key)
        held = {b"hash": client.hgetall, b"set": client.smembers, b"zset": lambda k: client.zrange(k, 0, -1)}[kind](key)
        assert b"student-" not in key + repr(held).encode()
        assert key in forever or 0 < client.ttl(key) <= (t.WINDOW + 30) * 60 * 2


def test_a_forgotten_person_is_gone_and_stays_gone(town: Path, client: redis.Redis) -> None:
    vault, store = open_vault(Settings(home=town)), LiveStore(connect(redis_url(Settings(home=town))), t.WINDOW)
    events = t.sittings(Random(6), 120)
    t.publish(town, events)
    t.count_all(town)
    user = events[0]["payload"]["user_id"]
    pid = vault.subjects([user])[user].pid
    attempts = {e["payload"]["attempt_id"] for e in events if e["payload"]["user_id"] == user}
    sums = t.board(client, registry().get("live.exam_minutes"), (events[0]["zone_id"], events[0]["org_id"])).rows
    assert store.forget(pid) > 0
    held = b"".join(key + repr(client.hgetall(key)).encode() for key in client.scan_iter(f"{keys.CELL}*", count=1000))
    assert pid.encode() not in held and not any(a.encode() in held for a in attempts)
    assert sums == t.board(client, registry().get("live.exam_minutes"), (events[0]["zone_id"], events[0]["org_id"])).rows
    # A batch that was read before the key was destroyed, and is counted after.
    views = [View(c) for c in registry().layer("live") if c.live.source == t.TOPIC]
    late = record(
        "late-event",
        datetime.now(UTC),
        {
            "event_type": "attempt_started",
            "occurred_at": datetime.now(UTC),
            "user_pid": pid,
            "attempt_id": "a",
            "exam_id": "x",
            "zone_id": "univprep",
            "org_id": 1,
        },
    )
    assert fold(views, [late]).about
    assert store.count(views, [late]).forgotten == 1
    assert not client.exists(keys.ABOUT + pid)
    assert store.forget(pid) == 0


def test_redis_that_evicts_is_refused(town: Path, client: redis.Redis) -> None:
    """It would throw figures away to make room, and nobody would know."""
    from lakehouse.errors import SettingsError

    client.config_set("maxmemory", "100mb")
    client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        t.counter(town, MemoryBus(), MemoryVault()).run_until_idle()
        raise AssertionError("not refused")
    except SettingsError as error:
        assert "noeviction" in error.hint
    finally:
        client.config_set("maxmemory", "0")
        client.config_set("maxmemory-policy", "noeviction")


def test_event_ids_are_remembered_over_the_generations(town: Path, client: redis.Redis) -> None:
    bus, vault = MemoryBus(), MemoryVault()
    events = t.sittings(Random(8), 10)
    bus.publish(t.TOPIC, pack(t.lines(events)))
    for generation in range(3):
        t.counter(town, bus, vault).run_until_idle()
        client.hset(keys.EPOCH, "generation_since", int(time.time()) - 4_000)  # the youngest is old enough
        bus.kept.acked.clear()
        bus.publish(t.TOPIC, pack(t.lines([e | {"event_id": f"{generation}-{e['event_id']}"} for e in events[:1]])))
    t.counter(town, bus, vault).run_until_idle()
    assert client.exists(*(f"{keys.SEEN}{n}" for n in range(1, 5))) == 4
    more = [events[0] | {"event_id": f"{generation}-{events[0]['event_id']}"} for generation in range(3)]
    right = t.expected(events + more, vault)
    assert t.shown(client, right) == right
    assert json.dumps(right["live.exam_minutes"], default=str)
