"""A small town that sits exams now: events as the door admits them, and what the recount needs to know of them."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import redis

from lakehouse.contracts import registry
from lakehouse.contracts.model import Contract
from lakehouse.door import Admitted, door
from lakehouse.envelope import pack
from lakehouse.settings import Settings
from lakehouse.storage.local import LocalBus
from lakehouse.storage.open import open_files, open_vault
from lakehouse.storage.protocols import Bus, Vault
from live import keys
from live.board import Board
from live.counter import Counter
from live.metrics import CounterMetrics
from live.redis_server import redis_url
from live.store import LiveStore, connect
from tests.live.live_recount import Event, recount, window_start

TOPIC = "exam.events"
WINDOW = 60


def sittings(random: Random, count: int, minutes: int = 30, zones=("univprep", "skillprep"), orgs=(1, 2)) -> list[dict]:
    """Events of about `count` responses, over the last `minutes`: {event_id, zone_id, org_id, payload}."""
    now, events = datetime.now(UTC), []
    while len(events) < count:
        student, exam = f"student-{random.randrange(30)}", f"exam {random.randrange(3)}:|x"
        about = {"user_id": student, "attempt_id": f"attempt-{random.getrandbits(40):x}", "exam_id": exam}
        where = {"zone_id": random.choice(zones), "org_id": random.choice(orgs)}
        at = now - timedelta(minutes=random.random() * minutes)
        payloads = [about | {"event_type": "attempt_started", "occurred_at": at}]
        for index in range(1, random.randrange(2, 9)):
            at += timedelta(seconds=random.random() * 20)
            answer = {"item_id": f"item-{random.randrange(9)}", "response_index": index, "is_correct": random.random() < 0.6}
            answer |= {"skill": random.choice(("algebra", "한글", None)), "response_time_ms": random.randrange(90_000)}
            payloads.append(about | answer | {"event_type": "response_given", "occurred_at": at})
        if random.random() < 0.6:
            score = {"score": round(random.uniform(0, 100), random.choice((0, 2, 9))), "started_at": at, "time_spent_ms": 60_000}
            payloads.append(about | score | {"event_type": "attempt_finished", "occurred_at": at})
        events += [where | {"event_id": f"e-{random.getrandbits(64):016x}", "payload": p} for p in payloads]
    return [e for e in events if e["payload"]["occurred_at"] <= now + timedelta(minutes=5)]


def lines(events: list[dict], skew_ms: int | None = None) -> list[bytes]:
    """As the collector would put them on the bus. Raises AssertionError where the door refuses one."""
    made, now = [], datetime.now(UTC)
    for e in events:
        payload = {k: v.isoformat() if isinstance(v, datetime) else v for k, v in e["payload"].items() if v is not None}
        event = {"event_id": e["event_id"], "contract": TOPIC, "org_id": e["org_id"], "payload": payload}
        admitted = door("test").admit(json.dumps({k: v for k, v in event.items() if v is not None}).encode(), e["zone_id"], now, skew_ms)
        assert isinstance(admitted, Admitted), admitted
        made.append(admitted.line)
    return made


def publish(home: Path, events: list[dict], at_once: int = 10, skew_ms: int | None = None) -> None:
    bus = LocalBus(home / "bus")
    made = lines(events, skew_ms)
    bus.publish(TOPIC, [m for start in range(0, len(made), at_once) for m in pack(made[start : start + at_once])])
    bus.close()


def counter(home: Path, bus: Bus, vault: Vault | None = None, metrics: CounterMetrics | None = None) -> Counter:
    settings = Settings(home=home)
    store = LiveStore(connect(redis_url(settings)), WINDOW)
    vault, metrics = vault or open_vault(settings), metrics or CounterMetrics()
    return Counter(bus, open_files(settings), vault, registry(), store, WINDOW, metrics)


def count_all(home: Path) -> None:
    """Count what the bus holds, and leave the subscription to others."""
    bus = LocalBus(home / "bus")
    try:
        counter(home, bus).run_until_idle()
    finally:
        bus.close()


def expected(events: list[dict], vault: Vault, at: datetime | None = None) -> dict[str, list[dict]]:
    """The recount of everything that was accepted."""
    pids = {user: known.pid for user, known in vault.subjects({e["payload"]["user_id"] for e in events}).items()}
    known: list[Event] = [
        {"event_id": e["event_id"], "zone_id": e["zone_id"], "org_id": e["org_id"]}
        | {k: v for k, v in e["payload"].items() if k != "user_id"}
        | {"user_pid": pids[e["payload"]["user_id"]]}
        for e in events
        if e["payload"]["user_id"] in pids
    ]
    return recount(registry(), known, window_start(at or datetime.now(UTC), WINDOW))


def shown(client: redis.Redis, rows: dict[str, list[dict]]) -> dict[str, list[dict]]:
    """What Redis holds in every partition there is, and in every one that `rows` speaks of."""
    found: dict[str, list[dict]] = {}
    for view in registry().layer("live"):
        partitions = {tuple(row[n] for n in view.live.partition) for row in rows[view.id]} | _there(client, view)
        members = [row for values in partitions for row in board(client, view, values).rows.values()]
        found[view.id] = sorted(members, key=lambda row: [str(row[n]) for n in view.primary_key])
    return found


def board(client: redis.Redis, view: Contract, values: tuple) -> Board:
    made = Board(registry(), view, values)
    minutes = made.minutes(int(datetime.now(UTC).timestamp() // 60), WINDOW)
    with client.pipeline(transaction=False) as pipeline:
        for minute in minutes:
            pipeline.hgetall(keys.cell(made.partition, minute))
        made.update(dict(zip(minutes, pipeline.execute())), minutes)
    return made


def lost_and_doubled(right: dict[str, list[dict]], found: dict[str, list[dict]]) -> tuple[int, int]:
    """Of the events of exam_minutes. Raises AssertionError where these agree, and any other figure does not."""
    counts = ("started_count", "finished_count", "response_count")
    of = lambda rows: {(*(r[n] for n in ("zone_id", "org_id", "exam_id", "minute_at")), c): r[c] for r in rows for c in counts}  # noqa: E731
    should, do = of(right["live.exam_minutes"]), of(found["live.exam_minutes"])
    differ = [should.get(at, 0) - do.get(at, 0) for at in should.keys() | do.keys()]
    lost, doubled = sum(d for d in differ if d > 0), -sum(d for d in differ if d < 0)
    assert lost or doubled or found == right, "the counts agree, and another figure does not"
    return lost, doubled


def _there(client: redis.Redis, view: Contract) -> set[tuple]:
    table = view.table if registry().get(view.live.source).layer == "stream" else registry().get(view.live.source).table
    names = {keys.of_cell(key.decode())[0] for key in client.scan_iter(f"{keys.CELL}{table}:*", count=1000)}
    types = [view.field(n).type for n in view.live.partition]
    read = lambda name: tuple(int(v) if t == "integer" and v else v for v, t in zip(keys.parted(name.split(":", 1)[1]), types))  # noqa: E731
    return {read(name) for name in names}
