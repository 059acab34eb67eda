"""Clean tables by hand: rows of which a test says only what it is about, and exports of what was built from them.

exam("attempt_started", at="2025-11-03 10:00", attempt_id="a1") ─▶ Row ─▶ write() ─▶ Delta ─▶ lakehouse model ─▶ exported()
"""

import hashlib
import io
import itertools
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from lakehouse.business_day import business_day
from lakehouse.contracts import Contract, registry
from lakehouse.contracts.project import arrow_schema, clean_fields
from lakehouse.places import Home, clean_table
from lakehouse.settings import settings
from lakehouse.storage.open import open_tables

_numbers = itertools.count()
_COMMON = {"zone_id": "univprep", "org_id": 7, "contract_version": "1.0.0", "user_pid": "pid-1"}


@dataclass(frozen=True)
class Row:
    contract: str
    values: dict


def row(contract_id: str, at: str, **values: object) -> Row:
    """A clean row; `at` is its event time as a clock in Seoul shows it, such as 2025-11-03 10:00."""
    contract = registry().get(contract_id)
    moment = datetime.fromisoformat(f"{at}+09:00").astimezone(UTC)
    given = {contract.event_time: moment, "received_at": moment, **values}
    given.setdefault("event_id", f"event-{next(_numbers):08d}")
    given["event_key"] = int(hashlib.md5(given["event_id"].encode()).hexdigest()[:15], 16)
    given["dt"] = business_day(moment)
    return _given(contract, given)


def derived(contract_id: str, on: str, **values: object) -> Row:
    """A row of a table that one of our own commands derives."""
    return _given(registry().get(contract_id), {"dt": date.fromisoformat(on), **values})


def _given(contract: Contract, given: dict) -> Row:
    names = [f.name for f in clean_fields(contract, registry().vocabulary)]
    unknown = given.keys() - set(names)
    assert not unknown, f"{contract.id} has no {unknown}"
    return Row(contract.id, {n: given.get(n, _COMMON.get(n)) for n in names})


def exam(event_type: str, at: str, **values: object) -> Row:
    needed = {
        "attempt_started": {},
        "response_given": {"item_id": "item-1", "response_index": 1, "skill": "algebra", "is_correct": True, "response_time_ms": 1000},
        "attempt_finished": {"started_at": seoul(at), "score": 50.0, "theta": 0.0, "standard_error": 0.3, "time_spent_ms": 60_000},
    }[event_type]
    return row("exam.events", at, event_type=event_type, **({"exam_id": "exam-1", "attempt_id": "attempt-1"} | needed | values))


def web(event_type: str, at: str, **values: object) -> Row:
    return row("web.behaviour.events", at, event_type=event_type, **({"session_id": "visit-1", "page_path": "/"} | values))


def login(event_type: str, at: str, **values: object) -> Row:
    return row("auth.login.events", at, event_type=event_type, **({"auth_method": "password"} | values))


def ai(event_type: str, at: str, **values: object) -> Row:
    given = {"ai_request_id": "call-1", "model_name": "small", "ai_feature": "hint", "latency_ms": 100}
    if event_type == "ai_request_completed":
        given |= {"input_tokens": 10, "output_tokens": 20, "cost_usd": Decimal("0.000001")}
    return row("ai.usage.events", at, event_type=event_type, **(given | values))


def take(step: str, at: str, **values: object) -> Row:
    """A step of a take: recording_scored, clip_uploaded …"""
    stream = "voice" if step.startswith("recording_") else "motion"
    return row(f"kzone.{stream}.events", at, event_type=step, **({"practice_id": "take-1", "content_id": "lesson-1"} | values))


def video(event_type: str, at: str, **values: object) -> Row:
    return row("creator.video.events", at, event_type=event_type, **({"content_id": "video-1"} | values))


def source(table: str, at: str, **values: object) -> Row:
    needed = {
        "organizations": {"org_name": "School", "org_type": "school", "created_at": seoul("2020-01-01 00:00")},
        "users": {"role": "student", "signed_up_at": seoul("2025-01-01 00:00")},
        "exams": {"exam_id": "exam-1", "exam_title": "Algebra", "exam_type": "mock"},
        "payments": {
            "payment_id": "pay-1",
            "product_id": "book",
            "price_amount": Decimal("9900"),
            "price_currency": "KRW",
            "payment_status": "pending",
            "created_at": seoul(at),
        },
        "classes": {"class_id": "class-1", "created_at": seoul("2024-01-01 00:00")},
        "kzone_contents": {"content_id": "song-1", "content_type": "song", "created_at": seoul("2024-01-01 00:00")},
        "items": {"item_id": "item-1", "exam_id": "exam-1", "skill": "algebra"},
    }.get(table, {})
    return row(f"source.{table}", at, **({"op": "r", "source_lsn": 0} | needed | values))


def ability(user_pid: str, skill: str, on: str, theta: float) -> Row:
    return derived(
        "psychometrics.ability_estimates", on, user_pid=user_pid, skill=skill, theta=theta, standard_error=0.5, response_count=9,
        calibrated_on=date.fromisoformat(on),
    )  # fmt: skip


def calibrated(item_id: str, on: str, difficulty: float) -> Row:
    errors = dict.fromkeys(("discrimination_error", "difficulty_error", "guessing_error", "difficulty_deviation"), 0.25)
    return derived(
        "psychometrics.item_calibrations", on, item_id=item_id, calibrated_discrimination=1.5, calibrated_difficulty=difficulty,
        calibrated_guessing=0.2, calibrated_response_count=120, is_drifting=difficulty > 1, **errors,
    )  # fmt: skip


def seoul(at: str) -> datetime:
    return datetime.fromisoformat(f"{at}+09:00").astimezone(UTC)


def write(rows: Iterable[Row], batch_id: str) -> None:
    """Append rows to the clean tables of the current settings, as one batch a table."""
    by_contract: dict[str, list[dict]] = defaultdict(list)
    for one in rows:
        by_contract[one.contract].append(one.values)
    tables = open_tables(settings())
    for contract_id, values in by_contract.items():
        contract = registry().get(contract_id)
        schema = arrow_schema(clean_fields(contract, registry().vocabulary))
        tables.append(clean_table(contract.domain, contract.table), pa.Table.from_pylist(values, schema), batch_id, {"rows": len(values)})


def ask(home: Path, sql: str) -> list[tuple]:
    with duckdb.connect(str(Home(home).warehouse), read_only=True) as warehouse:
        warehouse.execute("set TimeZone = 'UTC'")
        return warehouse.execute(sql).fetchall()


def exported(home: Path) -> dict[str, bytes]:
    """Every table that dbt built, as ordered CSV: what `byte for byte the same` is said of."""
    with duckdb.connect(str(Home(home).warehouse), read_only=True) as warehouse:
        warehouse.execute("set TimeZone = 'UTC'")
        names = warehouse.execute(
            "select table_schema || '.' || table_name from information_schema.tables "
            "where table_schema in ('intermediate', 'curated', 'features') and table_type = 'BASE TABLE' order by 1"
        ).fetchall()
        return {name: _csv(warehouse.execute(f"select * from {name} order by all").to_arrow_table()) for (name,) in names}


def _csv(table: pa.Table) -> bytes:
    out = io.BytesIO()
    for at, name in enumerate(table.column_names):
        if pa.types.is_list(table.schema.field(name).type):
            table = table.set_column(at, name, pc.binary_join(table[name], "|"))
    pa_csv.write_csv(table, out)
    return out.getvalue()
