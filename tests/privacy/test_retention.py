"""Every term, for every contract and every kind of place: just inside it stays, just outside it goes, what is held stays, and a second
run changes nothing. The cases are the rules themselves, so that a contract that is added is tried tomorrow."""

import hashlib
import json
import os
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from lakehouse import places
from lakehouse.contracts import registry
from lakehouse.contracts.model import Contract
from lakehouse.contracts.project import arrow_schema, clean_fields, duckdb_columns
from lakehouse.media.record import MediaRecord, encode
from lakehouse.model.build import opened
from lakehouse.privacy.disclosures.register import Disclosure, Disclosures
from lakehouse.privacy.erasure.receipt import check_signature, public_keys
from lakehouse.privacy.retention import run as running
from lakehouse.privacy.retention.holds import Hold, Holds, Of
from lakehouse.privacy.retention.office import Keeper
from lakehouse.privacy.retention.outcome import Outcome
from lakehouse.privacy.retention.rules import LOG_DAYS, PERSONAL_DAYS, Rule, rule_of, rules
from lakehouse.privacy.vault import SqlVault
from lakehouse.settings import settings
from lakehouse.storage.open import open_audit, open_files, open_tables, open_vault
from tests.commands import lakehouse, succeeds

RULES = rules(registry())
AS_OF = date(2026, 11, 20)
ZONES = ("univprep", "kzone")


def noon(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)


@pytest.fixture
def vault(home: Path) -> SqlVault:
    return open_vault(settings())


def names_of(keeper: Keeper, rule: Rule) -> set[str]:
    """What is there of a rule's place, by day and zone, whatever kind of place it is."""
    return _LOOK[rule.kind](keeper, rule)


def put(keeper: Keeper, rule: Rule, day: date, zone: str) -> None:
    _PUT[rule.kind](keeper, rule, day, zone)


def _at(rule: Rule) -> tuple[str, str]:
    contract = registry().get(rule.contract)
    return contract.domain, contract.table


def _put_raw(keeper: Keeper, rule: Rule, day: date, zone: str) -> None:
    batch = f"batch{day:%Y%m%d}{zone}"
    path = places.raw_file(*_at(rule), day, f"{batch}-0")
    _put_parquet(keeper, path, {"subject": [f"day:{day}"], "zone_id": [zone], "org_id": [7]})
    said = {"batch_id": batch, "last_received_at": noon(day).isoformat(), "files": [{"path": path}], "messages": []}
    keeper.files.put(places.raw_commit(*_at(rule), batch), json.dumps(said).encode())
    keeper.files.put(places.refined_marker(*_at(rule), batch), b"{}")


def _put_letter(keeper: Keeper, rule: Rule, day: date, zone: str) -> None:
    rows = {"subject": ["k"], "zone_id": [zone], "org_id": [7], "failed_at": [noon(day)]}
    _put_parquet(keeper, places.dead_letter_file(*_at(rule), f"{day}-{zone}"), rows)


def _put_media(keeper: Keeper, rule: Rule, day: date, zone: str) -> None:
    contract = registry().get(rule.contract)
    pid = hashlib.sha256(f"{day}{zone}{rule.contract}".encode()).hexdigest()[:32]
    path = places.media_object(contract.domain, day, pid, "a")
    said = dict.fromkeys(("kind", "content_type", "subject", "sealed_sha256", "plain_digest"), "x")
    sizes = {"plain_bytes": 3, "sealed_bytes": 3}
    record = MediaRecord(media_pid=pid, contract=contract.id, zone_id=zone, org_id=7, received_at=noon(day), path=path, **said, **sizes)
    keeper.files.put(path, b"abc")
    keeper.files.put(places.media_record(contract.domain, pid), encode(record))


def _row(contract: Contract, fields, day: date, zone: str) -> dict:
    """As the columns' types ask; only what retention looks at means anything."""
    plain = {"text": "x", "integer": 1, "float": 1.0, "decimal": 1, "boolean": True, "timestamp": noon(day), "date": day, "text_list": []}
    row = {f.name: plain[f.type] for f in fields}
    own = {"event_id": f"{day}-{zone}", "dt": day, "zone_id": zone, "op": "u", "source_lsn": int(f"{day:%Y%m%d}"), "source_epoch": 0}
    return row | {name: value for name, value in own.items() if name in row}


def _put_clean(keeper: Keeper, rule: Rule, day: date, zone: str) -> None:
    contract = registry().get(rule.contract)
    fields = clean_fields(contract, registry().vocabulary)
    rows = pa.Table.from_pylist([_row(contract, fields, day, zone)], arrow_schema(fields))
    keeper.tables.append(places.clean_table(*_at(rule)), rows, f"{day}-{zone}", {})


def _put_warehouse(keeper: Keeper, rule: Rule, day: date, zone: str) -> None:
    contract = registry().get(rule.contract)
    row = _row(contract, contract.fields, day, zone)
    schema, table = rule.place.split(".")
    with opened(places.Home(settings().home).warehouse) as db:
        db.execute("set TimeZone = 'UTC'")
        db.execute(f"create schema if not exists {schema}")
        listed = ", ".join(f'"{name}" {kind}' for name, kind in duckdb_columns(contract.fields).items())
        db.execute(f"create table if not exists {rule.place.replace('.', '.', 1)} ({listed})")
        db.execute(f"insert into {schema}.{table} values ({', '.join('?' for _ in row)})", list(row.values()))


def _put_step(keeper: Keeper, rule: Rule, day: date, zone: str) -> None:
    with opened(places.Home(settings().home).warehouse) as db:
        db.execute("create schema if not exists intermediate")
        db.execute("create table if not exists intermediate.int_sittings (user_pid varchar, zone_id varchar, occurred_on date)")
        db.execute("insert into intermediate.int_sittings values ('p', ?, ?)", [zone, day])


def _put_file(keeper: Keeper, rule: Rule, day: date, zone: str) -> None:
    path = settings().home / rule.place / f"{day}-{zone}"
    path.parent.mkdir(exist_ok=True)
    path.write_text("x")
    os.utime(path, (noon(day).timestamp(),) * 2)


def register(vault: SqlVault) -> Disclosures:
    return Disclosures(vault)


def disclosed(vault: SqlVault, name: str, day: date, *accounts: str, scope: str = "named", value: str | None = None) -> None:
    entry = Disclosure(name, noon(day), "a board", "grants", "consent", ("exam.events",), scope, value, 1, "tests", noon(day))
    register(vault).add(entry, [vault.digest(account) for account in accounts])


def _put_disclosure(keeper: Keeper, rule: Rule, day: date, zone: str) -> None:
    disclosed(keeper.vault, f"{day}-{zone}", day, "kim.account", scope="zone", value=zone)


def _put_parquet(keeper: Keeper, path: str, columns: dict) -> None:
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    keeper.files.put(path, sink.getvalue().to_pybytes())


def _listed(*prefixes: str) -> Callable[[Keeper, Rule], set[str]]:
    return lambda keeper, rule: {p for prefix in prefixes for p in keeper.files.list(prefix.format(*_at(rule)))}


def _in_clean(keeper: Keeper, rule: Rule) -> set[str]:
    files = keeper.tables.files(places.clean_table(*_at(rule)))
    if not files:
        return set()
    column = "event_id" if registry().get(rule.contract).layer != "derived" else "dt::varchar"
    return {row[0] for row in duckdb.execute(f"select {column} from read_parquet(?, hive_partitioning = true)", [files]).fetchall()}


def _in_warehouse(keeper: Keeper, rule: Rule) -> set[str]:
    place, since = (rule.place, rule.since) if rule.kind == "warehouse" else ("intermediate.int_sittings", "occurred_on")
    with opened(places.Home(settings().home).warehouse) as db:
        db.execute("set TimeZone = 'UTC'")
        return {str(day) for (day,) in db.execute(f"select cast({since} as date) from {place}").fetchall()}


_PUT = {
    "raw": _put_raw,
    "dead_letters": _put_letter,
    "media": _put_media,
    "clean": _put_clean,
    "warehouse": _put_warehouse,
    "steps": _put_step,
    "files": _put_file,
    "runs": lambda keeper, rule, day, zone: keeper.files.put(places.pipeline_run(day, zone), b"{}"),
    "day_keys": lambda keeper, rule, day, zone: keeper.vault.day_key(day),
    "disclosures": _put_disclosure,
}
_LOOK = {
    "raw": _listed("{}/raw/{}/dt=", "{}/raw/{}/_commits/"),
    "dead_letters": _listed("{}/dead_letters/{}/"),
    "media": _listed("{}/raw/media/"),
    "clean": _in_clean,
    "warehouse": _in_warehouse,
    "steps": _in_warehouse,
    "files": lambda keeper, rule: {p.name for p in (settings().home / rule.place).iterdir()},
    "runs": lambda keeper, rule: set(keeper.files.list(rule.place)),
    "day_keys": lambda keeper, rule: set(keeper.vault.named("day:")),
    "disclosures": lambda keeper, rule: {one.disclosure_id for one in register(keeper.vault).all()},
}
_TRIED = [rule for rule in RULES if rule.kind != "audit"]


def carry_out(rule: Rule, is_dry: bool = False) -> Outcome:
    return running._HOW[rule.kind](Keeper(settings(), AS_OF, is_dry), rule)


def hold(vault: SqlVault, of: Of, value: str) -> str:
    Holds(vault).add(Hold(f"hold-{of}-{value[:8]}", of.value, value, "case-1", "tests", datetime.now(UTC)))
    return f"hold-{of}-{value[:8]}"


@pytest.mark.parametrize("rule", _TRIED, ids=lambda r: f"{r.kind}-{r.contract or r.place}")
def test_just_inside_the_term_stays_just_outside_goes_and_what_is_held_stays(vault, rule) -> None:
    keeper = Keeper(settings(), AS_OF, False)
    inside, outside = AS_OF - timedelta(days=rule.days), AS_OF - timedelta(days=rule.days + 1)
    put(keeper, rule, inside, ZONES[0])
    stays = names_of(keeper, rule)
    put(keeper, rule, outside, ZONES[0])
    both = names_of(keeper, rule)
    assert stays < both
    assert carry_out(rule, is_dry=True).removed == 1 and names_of(keeper, rule) == both, "a dry run removes nothing"
    if rule.contract:
        held, one = hold(vault, Of.CONTRACT, rule.contract), carry_out(rule)
        assert (one.removed, one.held) == (0, 1) and names_of(keeper, rule) == both
        Holds(vault).release(held, "tests")
    done = carry_out(rule)
    assert (done.removed, done.held, done.oldest) == (1, 0, inside)
    assert names_of(keeper, rule) == stays
    assert carry_out(rule).removed == 0 and names_of(keeper, rule) == stays


OF_ZONES = (
    ("raw", "exam.events"),
    ("dead_letters", "exam.events"),
    ("media", "kzone.voice.events"),
    ("clean", "exam.events"),
    ("warehouse", "curated.fact_attempts"),
    ("disclosures", None),
)


@pytest.mark.parametrize("rule", [rule_of(registry(), *of) for of in OF_ZONES], ids=lambda r: r.kind)
def test_a_hold_of_a_zone_keeps_its_rows_and_not_the_others(vault, rule) -> None:
    keeper, outside = Keeper(settings(), AS_OF, False), AS_OF - timedelta(days=rule.days + 1)
    for zone in ZONES:
        put(keeper, rule, outside, zone)
    hold(vault, Of.ZONE, ZONES[1])
    done = carry_out(rule)
    assert (done.removed, done.held) == (1, 1)
    assert carry_out(rule).removed == 0


def test_the_terms_are_those_that_were_promised() -> None:
    by = {(rule.kind, rule.contract or rule.place): rule.days for rule in RULES}
    assert (PERSONAL_DAYS, LOG_DAYS) == (1095, 365)
    assert by["raw", "exam.events"] == 30 and by["raw", "kzone.voice.events"] == by["media", "kzone.motion.events"] == 7
    assert by["clean", "exam.events"] == by["clean", "source.users"] == by["warehouse", "curated.fact_attempts"] == 1095
    assert by["clean", "auth.login.events"] == by["warehouse", "curated.fact_logins"] == by["audit", "audit log"] == 365
    assert by["warehouse", "monitoring.data_quality_checks"] == by["files", "lineage"] == 365 and by["day_keys", "vault"] == 30
    assert AS_OF - timedelta(days=by["disclosures", "disclosures"]) <= AS_OF.replace(year=AS_OF.year - 5), "never less than five years"
    assert by["disclosures", "disclosures"] == 1827
    ingested = {c.id for c in registry().ingested}
    assert (
        {rule.contract for rule in RULES if rule.kind == "raw"}
        == {rule.contract for rule in RULES if rule.kind == "dead_letters"}
        == ingested
    )


def test_the_bucket_deletes_by_the_same_terms(root: Path) -> None:
    """terraform/lake.tf makes a lifecycle rule of each file's raw_days and raw_prefixes."""
    said = {}
    for path in (root / "terraform" / "generated" / "tables").glob("*.json"):
        table = json.loads(path.read_text(encoding="utf-8"))
        said |= {(table["contract"], prefix): table["raw_days"] for prefix in table["raw_prefixes"]}
    for rule in RULES:
        if rule.kind in ("raw", "dead_letters", "media"):
            under = {days for (contract, prefix), days in said.items() if contract == rule.contract and prefix.startswith(rule.place)}
            assert under == {rule.days}, rule


def test_what_refine_has_not_read_waits_and_is_told(vault) -> None:
    rule = rule_of(registry(), "raw", "exam.events")
    keeper, outside = Keeper(settings(), AS_OF, False), AS_OF - timedelta(days=rule.days + 1)
    put(keeper, rule, outside, ZONES[0])
    waiting = places.waiting_batch("exams", "exam_events", f"batch{outside:%Y%m%d}{ZONES[0]}")
    keeper.files.put(waiting, b"")
    done = carry_out(rule)
    assert (done.removed, done.waiting) == (0, 1) and done.examples
    keeper.files.delete(waiting)
    assert carry_out(rule).removed == 1


def test_an_account_stays_while_the_source_has_it_and_its_older_versions_go(vault) -> None:
    rule = rule_of(registry(), "clean", "source.users")
    keeper, old = Keeper(settings(), AS_OF, False), AS_OF - timedelta(days=rule.days + 1)
    for day in (old - timedelta(days=5), old):
        put(keeper, rule, day, ZONES[0])
    done = carry_out(rule)
    assert (done.removed, done.in_force) == (1, 1) and names_of(keeper, rule) == {f"{old}-{ZONES[0]}"}
    assert (carry_out(rule).removed, carry_out(rule).in_force) == (0, 1)


def test_a_day_key_is_kept_while_a_file_needs_it(vault) -> None:
    raw, keys = rule_of(registry(), "raw", "exam.events"), RULES[-1]
    keeper, outside = Keeper(settings(), AS_OF, False), AS_OF - timedelta(days=keys.days + 1)
    put(keeper, raw, outside, ZONES[0])
    vault.day_key(outside)
    assert (carry_out(keys).removed, carry_out(keys).held) == (0, 1)
    carry_out(raw)
    assert carry_out(keys).removed == 1 and vault.named("day:") == []


def test_a_hold_keeps_what_tells_to_whom_the_data_of_those_it_covers_went(vault) -> None:
    """Of a person; of a tenant or zone, everybody whom rows are about there; of a contract, everybody."""
    (rule,) = [rule for rule in RULES if rule.kind == "disclosures"]
    clean_rule, keeper = rule_of(registry(), "clean", "exam.events"), Keeper(settings(), AS_OF, False)
    outside = AS_OF - timedelta(days=rule.days + 1)
    kim = vault.subjects(["kim.account", "lee.account", "park.account"])["kim.account"]
    for name in ("kim", "lee", "park"):
        disclosed(vault, name, outside, f"{name}.account")
    disclosed(vault, "tenant", outside, "park.account", scope="org", value="9")
    row = _row(registry().get("exam.events"), columns := clean_fields(registry().get("exam.events"), registry().vocabulary), AS_OF, "kzone")
    rows = pa.Table.from_pylist([row | {"user_pid": kim.pid, "org_id": 7}], arrow_schema(columns))
    keeper.tables.append(places.clean_table(*_at(clean_rule)), rows, "kim", {})

    def kept(of: Of, value: str) -> int:
        held, done = hold(vault, of, value), carry_out(rule, is_dry=True)
        Holds(vault).release(held, "tests")
        assert done.removed + done.held == 4 and done.oldest == (outside if done.held else None)
        return done.held

    assert (kept(Of.CONTRACT, "exam.events"), kept(Of.CONTRACT, "source.users")) == (4, 0)
    assert kept(Of.ORG, "9") == kept(Of.ORG, "7") == kept(Of.ZONE, "kzone") == 1 and kept(Of.ORG, "8") == 0
    assert kept(Of.PERSON, vault.digest("park.account").hex()) == 2
    Holds(vault).add(Hold("the last", Of.ORG.value, "7", "case-1", "tests", datetime.now(UTC)))
    told = json.loads(succeeds("retain", "--as-of", str(AS_OF), "--json"))
    (said,) = [one for one in told["rules"] if one["rule"]["kind"] == "disclosures"]
    assert (said["removed"], said["held"]) == (3, 1) and {one.disclosure_id for one in register(vault).all()} == {"kim"}
    assert register(vault).naming([vault.digest("park.account")]) == set(), "with the marks of its people"


# --------------------------------------------------------------------------------------------------------------- by command


@pytest.fixture
def old(vault) -> dict[str, set[str]]:
    """One of every kind just inside its term, and one just outside."""
    keeper, kinds = Keeper(settings(), AS_OF, False), {}
    for rule in _TRIED:
        kinds.setdefault(rule.kind, rule)
    stays = {}
    for rule in kinds.values():
        put(keeper, rule, AS_OF - timedelta(days=rule.days), ZONES[0])
    keeper.vault.day_key(AS_OF)
    for kind, rule in kinds.items():
        stays[kind] = names_of(keeper, rule)
        put(keeper, rule, AS_OF - timedelta(days=rule.days + 1), ZONES[0])
    return {kind: (rule, stays[kind]) for kind, rule in kinds.items()}


def now(old: dict) -> dict[str, bool]:
    keeper = Keeper(settings(), AS_OF, True)
    return {kind: names_of(keeper, rule) == stays for kind, (rule, stays) in old.items()}


def files_of(home: Path) -> dict[str, bytes]:
    kept = ("lake", "bus")
    return {str(p): p.read_bytes() for name in kept for p in (home / name).rglob("*") if p.is_file() and "retention/" not in str(p)}


def test_the_command_does_it_all_proves_it_and_signs(home: Path, old) -> None:
    told = json.loads(succeeds("retain", "--as-of", str(AS_OF), "--dry-run", "--json"))
    assert {kind for kind, is_done in now(old).items() if is_done} == set() and told["is_dry"]
    signed = json.loads(succeeds("retain", "--as-of", str(AS_OF), "--json"))
    assert all(now(old).values()), now(old)
    assert signed["left_due"] == 0 and sum(one["removed"] for one in signed["rules"]) == len(old)
    assert json.loads(open_files(settings()).get(places.retention_report(AS_OF))) == signed
    check_signature(signed, public_keys(open_files(settings())))
    record = next(open_audit(settings()).records(action="retention.done"))
    assert json.loads(record.details)["removed"] == len(old)
    before = files_of(home)
    assert sum(one["removed"] for one in json.loads(succeeds("retain", "--as-of", str(AS_OF), "--json"))["rules"]) == 0
    assert files_of(home) == before, "a second run changes nothing"


def test_killed_in_the_middle_the_next_one_makes_good_for_it(home: Path, old, monkeypatch) -> None:
    """After each kind of rule."""
    monkeypatch.setattr(running, "rules", lambda contracts: [rule for rule, _ in old.values()])
    for kind in old:
        died = []

        def dies(keeper, rule, how=running._HOW[kind], died=died):
            if died or keeper.is_dry:
                return how(keeper, rule)
            how(keeper, rule)
            died.append(rule)
            raise KeyboardInterrupt

        monkeypatch.setitem(running._HOW, kind, dies)
        with pytest.raises(KeyboardInterrupt):
            running.retain(settings(), AS_OF, False, "tests")
        assert not open_files(settings()).list("platform/privacy/retention/"), "nothing is proved"
    running.retain(settings(), AS_OF, False, "tests")
    assert all(now(old).values())


def test_what_comes_while_it_runs_is_not_proved_away(old, monkeypatch) -> None:
    monkeypatch.setattr(running, "rules", lambda contracts: [rule for rule, _ in old.values()])
    monkeypatch.setitem(running._HOW, "runs", lambda keeper, rule: Outcome(rule, removed=1))
    done = lakehouse("retain", "--as-of", str(AS_OF))
    assert done.returncode == 23 and "pipeline_runs" in done.stderr


def test_a_day_to_come_is_refused(home: Path) -> None:
    assert lakehouse("retain", "--as-of", str(datetime.now(UTC).date() + timedelta(days=3))).returncode == 11


def test_holds_are_placed_listed_released_and_recorded(vault) -> None:
    vault.subjects(["kim.account"])
    held = succeeds("hold", "add", "--person", "kim.account", "--reason", "case-2026-114").strip()
    assert lakehouse("hold", "add", "--person", "nobody.here", "--reason", "case").returncode == 11
    assert lakehouse("hold", "add", "--zone", "nowhere", "--reason", "case").returncode == 11
    assert lakehouse("hold", "add", "--zone", "kzone", "--org", "7", "--reason", "case").returncode == 11
    assert lakehouse("hold", "add", "--zone", "kzone", "--reason", "see kim@example.com").returncode == 11
    (listed,) = json.loads(succeeds("hold", "list", "--json"))
    assert listed["hold_id"] == held and listed["value"] == vault.digest("kim.account").hex() and "kim" not in json.dumps(listed)
    assert Holds(vault).held().pids == {vault.find(["kim.account"])["kim.account"].pid}
    succeeds("hold", "release", held)
    assert lakehouse("hold", "release", held).returncode == 11 and Holds(vault).in_force() == []
    assert [r.action for r in open_audit(settings()).records(action="hold.")] == ["hold.placed", "hold.released"]


def test_the_warehouse_is_read_only_where_there_is_one(home: Path) -> None:
    assert not places.Home(home).warehouse.exists()
    succeeds("retain", "--dry-run")
    assert not places.Home(home).warehouse.exists() and open_tables(settings()).files("exams/clean/exam_events") == []
