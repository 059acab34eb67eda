"""The price of refine: events for a CPU-second, as ratios to two yardsticks (`python -m bench.refine`).

    one raw file of a million exam events ─▶ Refine, the transform that `lakehouse refine` runs ─┐
                                        └──▶ duckdb_alone │ naive_beam (refine_yardsticks.py) ───┴─▶ rows, checksum: equal?

The yardsticks read the file unsealed, so Refine is measured on the unsealed file too; what opening the seals adds, which
nobody does without us, is a row of its own. Each is measured in processes of its own, once they are warm: CPU time of all
threads, user and system; the processes take turns, and the best round counts.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from unittest import mock

import duckdb
import msgspec
import pyarrow as pa

from bench import Row
from lakehouse import places
from lakehouse.contracts import registry
from lakehouse.envelope import Envelope, pack_envelopes
from lakehouse.privacy.seal import seal_all, unseal_all
from lakehouse.settings import Settings

EVENTS, SAMPLE, ROUNDS = 1_000_000, 50_000, 2
LANDED = 200_000
_CONTRACT = "exam.events"
_DAY = date(2026, 3, 2)
# 1.5 % come twice, 0.1 % are out of range, one in ten ends an attempt; three days, 20,000 people.
_MADE = """
    WITH number AS (SELECT i, CASE WHEN random() < 0.015 AND i > 1000 THEN i - (random() * 900)::INT ELSE i END AS k FROM range({events}) t(i)),
    event AS (
        SELECT i, k, (hash(k) % 20000)::INT AS person, (hash(k * 7) % 1000000)::INT AS g,
            TIMESTAMPTZ '2026-03-02 00:00:00+00' + to_microseconds((k * 259200000000.0 / {events})::BIGINT) AS moment
        FROM number)
    SELECT md5(k::VARCHAR) AS event_id, 'student-' || person AS subject, moment + to_microseconds(2000000 + i - k) AS received_at,
        json_merge_patch(json_object(
            'event_type', if(g % 10 = 0, 'attempt_finished', 'response_given'), 'occurred_at', strftime(moment, '%Y-%m-%dT%H:%M:%S.%g') || 'Z',
            'user_id', 'student-' || person, 'session_id', md5(person::VARCHAR), 'device_type', ['desktop', 'phone', 'tablet'][1 + g % 3],
            'attempt_id', 'attempt-' || md5((k // 40)::VARCHAR)[:12], 'exam_id', 'exam-' || (g % 200)),
        if(g % 10 = 0, json_object('started_at', strftime(moment, '%Y-%m-%dT%H:%M:%S') || 'Z', 'score', (g % 1000) / 10,
                'theta', (g % 8000) / 1000 - 4, 'standard_error', 0.31, 'item_count', 40, 'time_spent_ms', 600000 + g),
            json_object('item_id', 'item-' || (g % 5000), 'response_index', 1 + g % 50, 'skill', ['algebra', 'geometry', 'reading'][1 + g % 3],
                'is_correct', g % 5 < 3, 'response_time_ms', if(g % 1000 = 1, -1, 500 + g % 80000))))::BLOB AS payload
    FROM event ORDER BY i"""


class Lake:
    """A lake with the events in raw, sealed or not, and the ways to refine them."""

    def __init__(self, folder: Path, events: int = 0) -> None:
        from beam_pipelines.stores import stores

        self.settings = Settings(home=folder / "home")
        self.contracts = registry()
        self.contract = self.contracts.get(_CONTRACT)
        self.at = stores(self.settings)
        self.out = folder / "yardstick"
        self.unsealing_s = 0.0
        if events:
            with duckdb.connect() as database:
                database.execute("SELECT setseed(0.42)")
                self.events = database.execute(_MADE.format(events=events)).to_arrow_table()
        self.people = self.at.vault.subjects({f"student-{n}" for n in range(20_000)})
        self.pids = {subject: known.pid for subject, known in self.people.items()}

    def put(self, batch_id: str, events: int, sealed: bool = False) -> None:
        """The first so many events as one landed batch."""
        from beam_pipelines import sinks

        rows = self.events.slice(0, events)
        subjects, payloads = rows["subject"].to_pylist(), rows["payload"].to_pylist()
        if sealed:
            payloads = seal_all([self.people[s].key for s in subjects], payloads, [e.encode() for e in rows["event_id"].to_pylist()])
        same = {"contract": _CONTRACT, "contract_version": "1.0.0", "source": "http", "zone_id": "univprep", "org_id": 17}
        own = {
            "subject": [self.people[s].key_id for s in subjects],
            "payload": payloads,
            "event_id": rows["event_id"],
            "received_at": rows["received_at"],
        }
        schema = sinks.sealed_schema("platform.envelope")
        data = sinks.parquet(pa.table([own.get(n, [same.get(n)] * events) for n in schema.names], schema=schema))
        where = self.contract.domain, self.contract.table
        path = places.raw_file(*where, _DAY, batch_id)
        named = {"path": path, "rows": events, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        self.at.files.put(path, data)
        commit = {"batch_id": batch_id, "first_received_at": "2026-03-02", "files": [named], "messages": []}
        sinks.commit_raw(self.at.files, self.contract, commit)

    def raw(self, batch_id: str) -> Path:
        return Path(self.at.files.uri(places.raw_file(self.contract.domain, self.contract.table, _DAY, batch_id)))

    def refine(self, batch_id: str) -> None:
        """Everything from the pending batch to the clean table, which is empty before."""
        from beam_pipelines import sources
        from beam_pipelines.refine import Refine
        from beam_pipelines.running import run

        self._forget_clean()
        waiting = [batch for batch in sources.pending(self.at.files, self.contract) if batch.batch_id == batch_id]
        groups = [(_CONTRACT, group) for group in sources.groups(self.contract, waiting, EVENTS)]
        with mock.patch.object(sources, "unseal_all", self._unsealed if batch_id == "sealed" else lambda keys, sealed, aads: sealed):
            run(groups, Refine(self.settings))

    def _unsealed(self, *args) -> list[bytes | None]:
        began = time.process_time()
        try:
            return unseal_all(*args)
        finally:
            self.unsealing_s = time.process_time() - began

    def _forget_clean(self) -> None:
        from beam_pipelines.stores import stores

        for folder in (places.clean_table, places.refined_dir, places.dead_letter_dir):
            shutil.rmtree(self.at.files.uri(folder(self.contract.domain, self.contract.table)), ignore_errors=True)
        shutil.rmtree(places.Home(self.settings.home).index, ignore_errors=True)
        self.at.files.delete(places.waiting_list_begun(self.contract.domain, self.contract.table))
        stores.cache_clear()
        self.at = stores(self.settings)

    def land(self, is_sealed: bool) -> None:
        """The events as messages of a thousand, as the collector packs them."""
        from beam_pipelines import sinks
        from beam_pipelines.land import Land
        from beam_pipelines.landing import Pulled
        from beam_pipelines.running import run

        as_they_are = mock.patch.object(sinks, "seal_all", lambda keys, plaintexts, aads: list(map(bytes, plaintexts)))
        with nullcontext() if is_sealed else as_they_are:
            run([Pulled(_CONTRACT, "landed", datetime.now(UTC), self.messages)], Land(self.settings))

    @cached_property
    def messages(self) -> dict[str, bytes]:
        rows = self.events.slice(0, LANDED).to_pylist()
        envelopes = [
            Envelope(r["event_id"], _CONTRACT, "1.0.0", "http", "univprep", r["received_at"], msgspec.Raw(r["payload"]), 17, r["subject"])
            for r in rows
        ]
        return {str(at): pack_envelopes(envelopes[at : at + 1000])[0] for at in range(0, LANDED, 1000)}

    def refined(self) -> list[str]:
        """The clean table's files, as the process that was measured last left them."""
        from beam_pipelines.stores import stores

        stores.cache_clear()
        self.at = stores(self.settings)
        return self.at.tables.files(places.clean_table(self.contract.domain, self.contract.table))

    def yardstick(self, program: Callable, raw: Path) -> None:
        shutil.rmtree(self.out, ignore_errors=True)
        program(self.contracts, self.contract, raw, self.pids, self.out)


def rows() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="refine") as folder:
        lake = Lake(Path(folder), EVENTS)
        for batch_id, events in (("first", 100), ("sample", SAMPLE), ("open", EVENTS)):
            lake.put(batch_id, events)
        lake.put("sealed", EVENTS, sealed=True)
        [naive, _] = _measured(lake, [("naive", "sample"), ("ours", "sample")], "naive Beam")
        [duck, ours] = _measured(lake, [("duck", "open"), ("ours", "open")], "DuckDB alone")
        [sealed] = _measured(lake, [("ours", "sealed")], "DuckDB alone")
        landed, landed_open = _cpu_seconds([lambda: lake.land(True), lambda: lake.land(False)])
    speed = {n: number / m["cpu_s"] for n, number, m in (("ours", EVENTS, ours), ("duck", EVENTS, duck), ("naive", SAMPLE, naive))}
    unsealing_s, sealed_s = sealed["unsealing_s"], sealed["cpu_s"]
    note = "{:,.0f} over {:,.0f} events a CPU second, on {:,} events"
    return [
        Row("refine over DuckDB alone", speed["ours"] / speed["duck"], 0.7, note=note.format(speed["ours"], speed["duck"], EVENTS)),
        Row(
            "refine over naive Beam + pydantic", speed["ours"] / speed["naive"], 8, note=note.format(speed["ours"], speed["naive"], SAMPLE)
        ),
        Row(
            "refine of sealed raw over DuckDB alone, unsealed",
            duck["cpu_s"] / sealed_s,
            note=f"{EVENTS / sealed_s:,.0f} events a CPU second",
        ),
        Row("opening the seals, share of refine", unsealing_s / sealed_s, note=f"{unsealing_s / EVENTS * 1e6:.2f} µs an event"),
        Row("land, sealed over unsealed", landed_open / landed, note=note.format(LANDED / landed, LANDED / landed_open, LANDED)),
    ]


def _measured(lake: Lake, programs: Sequence[tuple[str, str]], name: str) -> list[dict]:
    """Each program, `ours` last, in fresh processes that take turns; the best of each. Both must leave the same rows."""
    found: list[list[dict]] = [[] for _ in programs]
    for _ in range(ROUNDS):
        for at, program in enumerate(programs):
            command = [sys.executable, "-m", "bench.refine", str(lake.out.parent), *program]
            said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            found[at].append(json.loads(said.splitlines()[-1]))
    require_equal(lake, name)
    return [min(rounds, key=lambda m: m["cpu_s"]) for rounds in found]


def _measure(folder: Path, program: str, batch_id: str) -> dict:
    """In the process that is measured. Start-up (importing Beam, making models) is no part of it: a hundred events first."""
    from bench.refine_yardsticks import duckdb_alone, naive_beam

    lake = Lake(folder)
    yardstick = {"duck": duckdb_alone, "naive": naive_beam}.get(program)

    def go(batch: str) -> None:
        lake.refine(batch) if yardstick is None else lake.yardstick(yardstick, lake.raw(batch))

    go("first")
    [cpu_s] = _cpu_seconds([lambda: go(batch_id)])
    return {"cpu_s": cpu_s, "unsealing_s": lake.unsealing_s}


def _cpu_seconds(programs: Sequence[Callable], rounds: int = ROUNDS) -> list[float]:
    """The least CPU time of each, all threads: noise only ever adds to it. They take turns."""
    least = [float("inf")] * len(programs)
    for _ in range(rounds):
        for at, program in enumerate(programs):
            began = time.process_time()
            program()
            least[at] = min(least[at], time.process_time() - began)
    return least


def require_equal(lake: Lake, name: str) -> None:
    """Speed is compared only between programs that leave the same rows."""
    ours, theirs = (_checksum(files) for files in (lake.refined(), sorted(map(str, lake.out.rglob("*.parquet")))))
    if ours != theirs:
        raise AssertionError(f"refine left {ours[0]:,} rows, {name} {theirs[0]:,}; checksums {ours[1]} and {theirs[1]}")


def _checksum(files: Sequence[str]) -> tuple[int, int]:
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'UTC'")
        names = sorted(name for name, *_ in database.execute("DESCRIBE SELECT * FROM read_parquet(?)", [files]).fetchall())
        one = "epoch_us({0}::TIMESTAMP)"  # DuckDB's COPY leaves out the zone that ours says
        told = ", ".join(one.format(n) if n.endswith("_at") else n for n in names)
        return database.execute(f"SELECT count(*), sum(hash({told})::HUGEINT) FROM read_parquet(?)", [files]).fetchone()


if __name__ == "__main__":
    if len(sys.argv) == 4:
        print(json.dumps(_measure(Path(sys.argv[1]), sys.argv[2], sys.argv[3])))
    else:
        for row in rows():
            print(f"{row.name}: {row.value:.3g}{'' if row.target is None else f' (target {row.target:g})'}  {row.note}")
