"""A small warehouse with a canary in every column of every table: what a reader sees of it says what leaks.

    contracts (a copy, with a personal column of every kind in dim_user) ─▶ rows of 7 people in 2 zones ─▶ DuckDB, Delta

A canary names its table, column and row; in a restricted column it is encrypted, as refine does it. Two of the people are hidden:
their erasure has begun.
"""

import shutil
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
from pyarrow import parquet

from lakehouse.access.caller import Role
from lakehouse.contracts.model import Contract, Field
from lakehouse.contracts.project import arrow_schema, duckdb_columns, restricted
from lakehouse.contracts.registry import Registry
from lakehouse.places import Home, clean_table
from lakehouse.privacy.access import Level, columns_of
from lakehouse.privacy.chain import ActorKind
from lakehouse.privacy.columns import encrypted
from lakehouse.privacy.roles import Purpose, Reader
from lakehouse.settings import Settings
from lakehouse.storage.open import open_files, open_tables, open_vault
from lakehouse.storage.protocols import Vault
from tests.privacy import leak_oracle
from tests.privacy.leak_oracle import Who

# Who lives where: the row of each table that is theirs has their zone and tenant.
PEOPLE = [
    ("a" * 32, "kzone", 3),
    ("b" * 32, "kzone", 7),
    ("c" * 32, "kzone", None),
    ("d" * 32, "univprep", 7),
    ("e" * 32, "univprep", None),
    ("f" * 32, "kzone", 3),
    ("1" * 32, "univprep", 7),
]
HIDDEN = {"f" * 32, "1" * 32}
PERSONS = ("user_pid", "student_user_pid", "requester_pid")
COUNTS = ("cohort_size", "mau", "wau", "dau", "learner_count", "visitor_count", "payer_count", "viewer_count")
# personal date, free text, name, other, number, and a text that is encrypted
_MORE = ("birth_on", "review_text", "full_name", "user_agent", "phone", "redacted_review_text")
_READABLE = ("stream", "table", "derived", "curated", "features", "monitoring")


@dataclass(frozen=True)
class Town:
    """`rows`: table → its rows in clear; `stored`: the same as they lie there; `layers`: table → clean, curated, features or monitoring;
    `rights` where it is clean, and tells what people asked or agreed to."""

    settings: Settings
    contracts: Registry
    rows: dict[str, list[dict]]
    stored: dict[str, list[dict]]
    layers: dict[str, str]


def _layer(contract: Contract) -> str:
    if contract.path.startswith("privacy/"):
        return "rights"
    return "clean" if contract.is_clean else contract.layer


def build(home: Path, contracts: Path, with_clean: bool = True) -> Town:
    shutil.copytree(contracts, home / "contracts")
    file = home / "contracts" / "curated" / "dim_user.odcs.yaml"
    text = file.read_text(encoding="utf-8")
    before, properties, after = text.partition("properties:\n")
    listed = "".join(f"      - {{name: {name}}}\n" for name in _MORE)
    file.write_text(before + properties + listed + after, encoding="utf-8")
    known = Registry(home / "contracts")
    settings = Settings(home=home, contracts=home / "contracts")
    tables, vault = open_tables(settings), open_vault(settings)
    rows, stored, layers = {}, {}, {}
    warehouse = Home(home).warehouse
    warehouse.parent.mkdir(parents=True)
    with duckdb.connect(str(warehouse)) as db:
        for contract in known.layer(*_READABLE):
            if contract.is_clean and not with_clean:
                continue
            fields = columns_of(contract, known)
            made = [_row(contract, fields, number) for number in range(len(PEOPLE))]
            rows[contract.table], layers[contract.table] = made, _layer(contract)
            stored[contract.table] = _sealed(contract.table, made, known, vault)
            arrow = pa.Table.from_pylist(stored[contract.table], pa.schema([f.with_nullable(True) for f in arrow_schema(fields)]))
            if contract.is_clean:
                tables.append(clean_table(contract.domain, contract.table), arrow, "only", {})
                continue
            db.execute(f"create schema if not exists {contract.layer}")
            kinds = ", ".join(f'"{name}" {kind}' for name, kind in duckdb_columns(fields).items())
            db.execute(f"create table {contract.layer}.{contract.table} ({kinds})")
            db.execute(f"insert into {contract.layer}.{contract.table} select * from arrow")
        db.execute("create schema staging; create table staging.stg_secret as select 'canary of staging' as word")
    vault.close()
    hide(settings, HIDDEN)
    return Town(settings, known, rows, stored, layers)


def hide(settings: Settings, people: set[str]) -> None:
    """What the first stage of an erasure does."""
    sink = pa.BufferOutputStream()
    parquet.write_table(pa.table({"pid": pa.array(sorted(people), pa.string())}), sink)
    open_files(settings).put("platform/privacy/hidden.parquet", sink.getvalue().to_pybytes())


def reader(who: Who, actor: str = "one") -> Reader:
    said = Role(who.role), Purpose(who.purpose), Level(who.level)
    return Reader(actor, ActorKind.SERVICE, *said, who.zones, who.orgs, who.person)


def _row(contract: Contract, fields: tuple[Field, ...], number: int) -> dict:
    return {field.name: _value(contract.table, field, number) for field in fields}


def _sealed(table: str, rows: list[dict], known: Registry, vault: Vault) -> list[dict]:
    """Restricted columns as clean has them, and as whatever is made from clean takes them along."""
    rows, events = [dict(row) for row in rows], [f"event of {table} {number}" for number in range(len(rows))]
    for name in leak_oracle.encrypted(known.folder) & rows[0].keys():
        origin = next(c for c in known.ingested if name in restricted(c, known.vocabulary))
        clear = pa.table({"event_id": events, name: [row[name] for row in rows]})
        for row, value in zip(rows, encrypted(clear, origin, known.vocabulary, vault)[name].to_pylist()):
            row[name] = value
    return rows


def _value(table: str, field: Field, number: int) -> object:
    pid, zone, org = PEOPLE[number]
    match field.name:
        case "zone_id":
            return f"zone_{number}" if table == "dim_zone" else zone  # its key
        case "org_id":
            if table == "dim_organization":
                return (3, 7, 11, 12, 13, 14, 15)[number]  # its key
            return (org or 3) if table in ("dim_organization_history", "mart_learning_progress") else org  # part of the key
        case "user_pid":
            return pid
        case "student_user_pid" | "requester_pid":
            return PEOPLE[(number + 1) % len(PEOPLE)][0]
        case name if name in COUNTS:
            return 3 + number  # 3 and 4 are too few
    nth = sum(map(ord, f"{table}.{field.name}")) * 10 + number
    match field.type:
        case "text":
            return f"canary of {table}.{field.name} {number}"
        case "integer":
            return nth
        case "float":
            return nth + 0.5
        case "decimal":
            return Decimal(nth) / 8
        case "boolean":
            return number % 2 == 0
        case "date":
            return date(2001, 3, 5) + timedelta(days=nth % 9_000)
        case "timestamp":
            return datetime(2001, 3, 5, 7, tzinfo=UTC) + timedelta(minutes=nth)
    return [f"canary of {table}.{field.name} {number}"]
