"""Draining 200,000 changes: from Debezium onto the durable bus, against what Debezium alone delivers to an empty consumer.

one database, a slot each ─▶ a home as after its snapshot ─▶ 100,000 rows in one transaction, 100,000 in small ones
then in turn: ours, alone, alone, ours (bench/cdc_drain.py), each from its own slot, through the same log
"""

import json
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import mean

import psycopg

from bench import Row
from collectors.cdc.jvm import HEAP_MB
from collectors.cdc.ledger import Ledger
from collectors.cdc.source import Source
from lakehouse.settings import child_environment
from source_database.server import Server

BIG, SMALL, SMALL_SIZE = 100_000, 100_000, 10
_TURNS = ("ours", "alone", "alone", "ours")
SCHEMA = """
create table responses (response_id text primary key, attempt_id text not null, item_id text not null, user_id text not null,
    response_index integer not null, is_correct boolean not null, response_time_ms bigint, responded_at timestamptz not null,
    zone_id text not null, org_id integer, updated_at timestamptz not null);
create publication megacity_cdc for table responses;
"""
_INSERT = """
insert into responses select 'r-' || n, 'attempt-' || n / 20, 'item-' || n %% 500, 'user-' || n %% 3000, 1 + n %% 50, n %% 3 = 0, n %% 60000,
    '2025-11-21T10:00:00Z'::timestamptz + n * interval '1 ms', 'univprep', 1 + n %% 40, '2025-11-21T10:00:01Z' from generate_series(%s::int, %s::int) n
"""


def rows() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="bench-cdc-") as folder, Server(Path(folder) / "source") as server:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute(SCHEMA)
        homes = [_captured(server, Path(folder), n) for n, _ in enumerate(_TURNS)]
        _change(server)
        drains = [(mode, _drain(environment, mode)) for mode, environment in zip(_TURNS, homes)]
    per_s = {mode: mean(d["rows"] / d["seconds"] for m, d in drains if m == mode) for mode in set(_TURNS)}
    once, ten_times = (mean(d["rss"][n] for m, d in drains if m == "ours") / 1e6 for n in (0, 1))
    note = f"{per_s['ours']:,.0f} rows/s onto the bus; the engine alone delivers {per_s['alone']:,.0f}"
    return [
        Row("drain of 200,000 changes: engine to durable bus over the engine alone", per_s["ours"] / per_s["alone"], 0.8, note=note),
        Row(
            "engine and its JVM: RSS at 10x the changes over 1x",
            ten_times / once,
            1.5,
            at_most=True,
            note=f"{once:.0f} and {ten_times:.0f} MB; the heap may take {HEAP_MB} MB",
        ),
    ]


def _captured(server: Server, folder: Path, number: int) -> dict[str, str]:
    """A home as it is once a snapshot of empty tables is through, with a slot of its own; returns the environment to go on in."""
    home, slot = folder / f"home-{number}", f"bench_{number}"
    with psycopg.connect(server.url(), autocommit=True) as connection:
        made = "select (lsn - '0/0')::bigint from pg_create_logical_replication_slot(%s, 'pgoutput')"
        (lsn,) = connection.execute(made, [slot]).fetchone()
    sighting = Source(server.url(), slot, "megacity_cdc").sighting()
    ledger = Ledger(home / "cdc")
    epoch = ledger.begin_epoch(sighting.system_identifier, sighting.timeline, slot, "bench")
    ledger.complete_generation(ledger.begin_generation(epoch, lsn, ["responses"], "bench"))
    ledger.close()
    (home / "cdc" / "offsets.dat").write_bytes(_offsets(lsn))
    return child_environment(LAKEHOUSE_HOME=str(home), LAKEHOUSE_SOURCE_URL=server.url(), LAKEHOUSE_CDC_SLOT=slot)


def _offsets(lsn: int) -> bytes:
    """A java.util.HashMap of one entry of two byte arrays, serialised: what Kafka Connect's file store reads."""
    key = b'["megacity",{"server":"megacity"}]'
    value = b'{"lsn_proc":%d,"messageType":"COMMIT","lsn_commit":%d,"lsn":%d,"txId":1,"ts_usec":0}' % (lsn, lsn, lsn)
    head = bytes.fromhex("aced0005737200116a6176612e7574696c2e486173684d61700507dac1c31660d103000246000a6c6f6164466163746f724900097468726573686f6c6478703f4000000000000c7708000000100000000175720002")  # fmt: skip
    array = b"[B" + bytes.fromhex("acf317f8060854e00200007870")
    return head + array + struct.pack(">I", len(key)) + key + b"uq\0~\0\x02" + struct.pack(">I", len(value)) + value + b"x"


def _change(server: Server) -> None:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(_INSERT, [1, BIG])
        for first in range(BIG + 1, BIG + SMALL, SMALL_SIZE):
            connection.execute(_INSERT, [first, first + SMALL_SIZE - 1])


def _drain(environment: dict[str, str], mode: str) -> dict:
    words = [sys.executable, "-m", "bench.cdc_drain", mode, str(BIG + SMALL)]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{mode} did not drain: {done.stderr[-500:]}")
    return json.loads(done.stdout.splitlines()[-1])
