"""One real Debezium on one real PostgreSQL: every column type, columns that come and go, toasted values, TRUNCATE, what the
commands tell meanwhile, an end by SIGTERM, and a row-by-row repair of a copy that was spoilt."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path

import psycopg
import pytest

from collectors.cdc.comparing import Tenant
from collectors.cdc.copies import key_column
from collectors.cdc.ledger import Ledger
from collectors.cdc.reconcile import Reconciler, copies_values
from collectors.cdc.source import Source, Table
from lakehouse.contracts import registry
from lakehouse.storage.local import LocalBus
from source_database.server import Server
from tests.cdc import fold, town
from tests.cdc.running import Cdc, caught_up, execute

pytestmark = pytest.mark.slow(50)

ALL_TYPES = """
create table ai_requests (ai_request_id text primary key, user_id text, model_name varchar(64), cost_usd numeric(18,6), input_tokens bigint,
    prompt_text text, updated_at timestamptz, zone_id text, org_id int,
    a_date date, a_stamp timestamp, a_time time, a_real real, a_small smallint, a_bool boolean, a_json jsonb, a_list text[], a_uuid uuid,
    a_span interval, some_bytes bytea, a_number numeric, an_address inet);
alter table ai_requests replica identity full;
alter publication megacity_cdc add table ai_requests;
insert into ai_requests values ('q-1', 'u-1', 'm', 0.123456, 9007199254740993, 'why', '2025-11-23 10:00:00.5+09', 'kzone', 3,
    '2025-11-23', '2025-11-23 10:00:00.123456', '10:00', 0.5, 3, true, '{"x": 1}', '{a,b}', '5b0a0c1e-9a53-4c93-b0b5-0a4d3f3d3c11',
    '1 day 2 hours', '\\xdead', 100000000000000000000, '127.0.0.1')
"""


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("capture")
    home = folder / "home"
    home.mkdir()
    with Server(folder / "source") as server:
        url = town.found(server)
        execute(server, ALL_TYPES, f"grant select on all tables in schema public to {town.DEBEZIUM}")
        with psycopg.connect(server.url(), autocommit=True) as connection:
            town.settle(connection)
        with Cdc(home, url, "--metrics-port", "0") as cdc:
            cdc.told()
            assert caught_up(home, server)[:2] == (0, 0)
            yield home, server, cdc


def newest(home: Path, table: str, key: str) -> dict:
    """The newest payload of a row."""
    contract = registry().get(f"source.{table}")
    told = [json.loads(p) for c, *_, p in fold.read(home).events.values() if c == contract.id]
    return max((t for t in told if t.get(contract.row_key) == key), key=lambda t: t["source_lsn"])


def told_by(cdc: Cdc, *words: str) -> tuple[int, str]:
    done = subprocess.run([sys.executable, "-m", "lakehouse.cli", "cdc", *words], env=cdc.env, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_every_column_type(city) -> None:
    home, *_ = city
    payload = newest(home, "ai_requests", "q-1")
    position = {n: payload.pop(n) for n in ("source_lsn", "source_epoch")}
    assert all(isinstance(v, int) for v in position.values())
    assert payload == {
        "op": "r", "changed_at": "2025-11-23T01:00:00.500000Z", "ai_request_id": "q-1", "user_id": "u-1", "model_name": "m",
        "cost_usd": "0.123456", "input_tokens": 9007199254740993, "prompt_text": "why", "a_date": "2025-11-23Z",
        "a_stamp": "2025-11-23T10:00:00.123456Z", "a_time": "10:00:00Z", "a_real": 0.5, "a_small": 3, "a_bool": True, "a_json": '{"x": 1}',
        "a_list": ["a", "b"], "a_uuid": "5b0a0c1e-9a53-4c93-b0b5-0a4d3f3d3c11", "a_span": "P0Y0M1DT2H0M0S", "some_bytes": "3q0=",
        "a_number": "100000000000000000000", "an_address": "127.0.0.1",
    }  # fmt: skip


def test_changes_of_the_schema_toasted_values_and_truncate(city) -> None:
    home, server, _ = city
    random_text = "(select string_agg(gen_random_uuid()::text, '') from generate_series(1, 500))"
    execute(
        server,
        f"update exams set exam_title = {random_text} where exam_id = 'e-1'",
        "update exams set item_count = 31 where exam_id = 'e-1'",  # the title is toasted, and not sent
        "alter table exams add column proctor text",  # no contract knows it: it goes along, and is told
        "insert into exams values ('e-2', 'Final', 'final', 1, 1, null, 'kzone', null, now(), 'somebody')",
        "alter table items drop column skill",
        "alter table items add column skill text default 'reading'",
        "insert into items values ('i-2', 'e-2', 1, 1, 0.2, 'kzone', null, now(), 'writing')",
        "truncate responses",
        "delete from users where user_id = 'u-9'",
    )
    lost, doubled, bus = caught_up(home, server)
    assert (lost, doubled, bus.bare) == (0, 0, [])
    assert newest(home, "exams", "e-1")["unchanged_fields"] == ["exam_title"]
    assert newest(home, "items", "i-2")["skill"] == "writing"
    assert [(d["table"], d["column"]) for d in Ledger(home / "cdc").rows("drift") if d["table"] == "exams"] == [("exams", "proctor")]
    assert not any("u-9" in event_id for event_id in bus.events)


def test_what_the_commands_and_metrics_tell(city) -> None:
    *_, cdc = city
    code, text = told_by(cdc, "status", "--json")
    told = json.loads(text)
    assert code == 0 and told["is_running"] and told["snapshot"]["completed_at"] and told["tables"]["users"]["rows"]["r"] == 20
    assert told["slot"]["wal_status"] == "reserved" and told["broken_links"] == []
    assert told_by(cdc, "check") == (0, "")
    address = f"http://127.0.0.1:{json.loads(cdc.ready.read_text())['metrics_port']}/metrics"
    metrics = urllib.request.urlopen(address).read().decode()
    assert 'cdc_rows_published_total{op="r",table="users"} 20.0' in metrics and "cdc_slot_lag_bytes " in metrics
    assert 'cdc_unknown_column_rows_total{column="proctor",table="exams"}' in metrics


def test_nothing_is_written_beside_the_home(city, root: Path) -> None:
    home, *_ = city
    assert not (root / "logs").exists() and {p.name for p in home.iterdir()} <= {"bus", "cdc", "cdc.log", "cdc-ready.json", "before"}
    assert "@example.org" not in (home / "cdc.log").read_text()


class FoldedCopy:
    """The bus, folded, less what is spoilt: what the CDC writer would hold."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.erased: set[str] = set()
        self.spoilt: dict[str, dict] = {}

    def rows(self, table: Table, tenants) -> dict[str, dict]:
        wanted = {(t.zone_id, t.org_id) for t in tenants}
        there = fold.live(fold.read(self.home))[table.name] | self.spoilt.get(table.name, {})
        typed = copies_values(table)  # as the lake's columns have them
        return {k: typed(r) for k, r in there.items() if r and (r["zone_id"], r["org_id"]) in wanted}

    def counts(self, table: Table) -> dict[Tenant, int]:
        there = fold.live(fold.read(self.home))[table.name] | self.spoilt.get(table.name, {})
        tenants = [Tenant(table.name, r["zone_id"], r["org_id"]) for r in there.values() if r]
        return {t: tenants.count(t) for t in tenants}

    def keys_of(self, table: Table, keys) -> dict[str, str]:
        return {k: k for k in keys}

    def forgotten(self, people) -> set[str]:
        return self.erased & set(people)


def test_reconcile_finds_and_repairs(city) -> None:
    home, server, _ = city
    execute(
        server, *(f"insert into responses values ('x-{n}', 'a', 'i-1', 'u-1', {n}, true, 9, '2025-11-21', 'kzone', 2)" for n in (1, 2, 3))
    )
    assert caught_up(home, server)[:2] == (0, 0)
    source = Source(server.url(town.DEBEZIUM, town.PASSWORD), "megacity_cdc", town.PUBLICATION)
    tables = [t for t in source.tables(registry())[0] if t.name == "responses"]
    assert key_column(tables[0].contract) == "response_id"
    copy = FoldedCopy(home)
    reconciler = Reconciler(source, tables, copy)
    assert not reconciler.twice(0, every_tenant=True).keys
    right = fold.live(fold.read(home))["responses"]
    copy.spoilt["responses"] = {"x-1": None, "x-2": right["x-2"] | {"response_index": 9}, "ghost": right["x-2"] | {"response_id": "ghost"}}
    look = reconciler.twice(0, every_tenant=True)
    wrong = look.keys["responses"]
    assert (wrong.missing, wrong.stale, wrong.phantom) == ({"x-1"}, {"x-2"}, {"ghost"})
    bus, before = LocalBus(home / "bus"), fold.read(home)
    assert reconciler.repair(look, Ledger(home / "cdc"), bus) == 3
    bus.close()
    again = [json.loads(p) for i, (*_, p) in fold.read(home).events.items() if i not in before.events]
    assert sorted((p["op"], p["response_id"]) for p in again) == [("d", "ghost"), ("r", "x-1"), ("r", "x-2")]
    # Whom we had to forget the source still knows: that is no gap, and nobody brings them back.
    copy.spoilt["responses"] = {key: None for key, row in right.items() if row and row["user_id"] == "u-1"}
    assert {"x-1", "x-2", "x-3"} <= reconciler.twice(0, every_tenant=True).keys["responses"].missing
    copy.erased = {"u-1"}
    assert not reconciler.twice(0, every_tenant=True).keys and not reconciler.twice(0, every_tenant=True).tenants
    assert caught_up(home, server)[:2] == (0, 0)


def test_sigterm_ends_it_and_a_lost_slot_is_told(city) -> None:
    home, server, cdc = city
    assert cdc.stop() == 0 and not cdc.ready.exists()
    assert told_by(cdc, "check") == (0, "")
    execute(server, "select pg_drop_replication_slot('megacity_cdc')")
    code, text = told_by(cdc, "check")
    assert code == 22 and "the replication slot is gone" in text
    refused = subprocess.run([*cdc.words, "--no-repair"], env=cdc.env, capture_output=True, text=True, check=False)
    assert refused.returncode == 22
    assert "slot_missing" in [a["kind"] for a in Ledger(home / "cdc").rows("alert")]
