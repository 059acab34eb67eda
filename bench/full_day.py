"""What a full day costs to model: 1.2 million attempts with their 24 million events, and a tenth and three tenths of them.

    exam events of one business day, made by DuckDB, straight into clean ─▶ lakehouse model, in a process of its own ─▶ wall time, peak memory

The first build of each lake, with every test that dbt holds against it. Memory is that of the command and all that it started, at
the same moment, as the kernel counts what is resident (`python -m bench.full_day`).
"""

import subprocess
import tempfile
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import psutil
import pyarrow as pa

from bench import LAKEHOUSE, Row
from lakehouse.contracts import registry
from lakehouse.contracts.project import arrow_schema, clean_fields
from lakehouse.places import clean_table
from lakehouse.settings import Settings, child_environment
from lakehouse.storage.open import open_tables

ATTEMPTS, SHARES = 1_200_000, (0.1, 0.3, 1.0)
EVENTS_AN_ATTEMPT = 20
_DAY = date(2026, 3, 2)
_ATTEMPTS_A_COMMIT = 100_000
_CONTRACT = "exam.events"
# A start, eighteen answers and an end, over half an hour, between 9:00 and 21:00 in Seoul; 250,000 people, 400 exams, 20,000 items.
_MADE = f"""
    WITH attempt AS (SELECT i, hash(i) AS h, TIMESTAMPTZ '{_DAY} 00:00:00+00' + to_seconds((hash(i * 3) % 43200)::INT) AS began FROM range($1, $2) t(i)),
    event AS (SELECT *, unnest(range({EVENTS_AN_ATTEMPT})) AS n FROM attempt),
    told AS (SELECT *, hash(i * 64 + n) AS g, n = 0 AS is_start, n = {EVENTS_AN_ATTEMPT - 1} AS is_end, began + to_seconds((n * 90)::INT) AS moment FROM event)
    SELECT
        md5(concat(i, '/', n)) AS event_id, (hash(i * 64 + n, 1) // 2)::BIGINT AS event_key, 'univprep' AS zone_id, 1 + (h % 90)::INT AS org_id,
        '1.0.0' AS contract_version, concat('pid-', h % 250000) AS user_pid, moment AS occurred_at, moment AS received_at,
        if(is_start, 'attempt_started', if(is_end, 'attempt_finished', 'response_given')) AS event_type,
        concat('attempt-', i) AS attempt_id, concat('exam-', h % 400) AS exam_id, ['desktop', 'phone', 'tablet'][1 + (h % 3)::INT] AS device_type,
        if(is_start or is_end, null, concat('item-', g % 20000)) AS item_id, if(is_start or is_end, null, n) AS response_index,
        if(is_start or is_end, null, concat('skill-', g % 20000 % 12)) AS skill, if(is_start or is_end, null, g % 5 < 3) AS is_correct,
        if(is_start or is_end, null, 500 + g % 80000) AS response_time_ms, if(is_end, began, null) AS started_at,
        if(is_end, g % 10000 / 100.0, null) AS score, if(is_end, g % 8000 / 1000.0 - 4, null) AS theta, if(is_end, 0.31, null) AS standard_error,
        if(is_end, {EVENTS_AN_ATTEMPT - 2}, null) AS item_count, if(is_end, 1710000, null) AS time_spent_ms, DATE '{_DAY}' AS dt
    FROM told"""


@dataclass(frozen=True)
class Cost:
    wall_s: float
    peak_mb: float


def rows() -> list[Row]:
    costs = {share: _cost(int(share * ATTEMPTS)) for share in SHARES}
    small, middle, full = costs.values()
    whole, part = (full.wall_s - middle.wall_s) / (SHARES[2] - SHARES[1]), (middle.wall_s - small.wall_s) / (SHARES[1] - SHARES[0])
    found = []
    for share, cost in costs.items():
        note = f"{int(share * ATTEMPTS):,} attempts, {int(share * ATTEMPTS) * EVENTS_AN_ATTEMPT:,} events"
        found.append(Row(f"model a day, {share:g}x: wall time", cost.wall_s, unit="s", note=note))
        found.append(Row(f"model a day, {share:g}x: peak RSS", cost.peak_mb, unit="MB", note=note))
    return [
        *found,
        Row(
            f"seconds an attempt from {SHARES[1]:g}x to {SHARES[2]:g}x, over those from {SHARES[0]:g}x to {SHARES[1]:g}x",
            whole / part,
            1.2,
            at_most=True,
            note="1 is linear; what every build costs, however little there is, is left out",
        ),
        Row(f"peak RSS, {SHARES[2]:g}x over {SHARES[0]:g}x", full.peak_mb / small.peak_mb, SHARES[2] / SHARES[0], at_most=True),
    ]


def _cost(attempts: int) -> Cost:
    with tempfile.TemporaryDirectory(prefix="bench-full-day-") as folder:
        settings = Settings(home=Path(folder))
        _fill_clean(settings, attempts)
        return _modelled(settings)


def _fill_clean(settings: Settings, attempts: int) -> None:
    contract = registry().get(_CONTRACT)
    schema = arrow_schema(clean_fields(contract, registry().vocabulary))
    tables = open_tables(settings)
    with duckdb.connect() as db:
        db.execute("SET TimeZone = 'UTC'")
        for first in range(0, attempts, _ATTEMPTS_A_COMMIT):
            made = db.execute(_MADE, [first, min(first + _ATTEMPTS_A_COMMIT, attempts)]).to_arrow_table()
            missing = {f.name: pa.nulls(len(made), f.type) for f in schema if f.name not in made.column_names}
            whole = pa.table({n: missing[n] if n in missing else made[n] for n in schema.names}).cast(schema)
            tables.append(clean_table(contract.domain, contract.table), whole, f"attempts-{first}", {})


def _modelled(settings: Settings) -> Cost:
    began, peak = time.monotonic(), 0.0
    environment = child_environment(LAKEHOUSE_HOME=str(settings.home))
    with open(settings.home / "model.log", "w") as log:
        process = psutil.Popen([LAKEHOUSE, "model"], env=environment, stdout=log, stderr=subprocess.STDOUT)
        while process.poll() is None:
            peak = max(peak, _resident_mb(process))
            time.sleep(0.1)
    if process.returncode:
        raise RuntimeError(f"lakehouse model ended with {process.returncode}: {(settings.home / 'model.log').read_text()[-2000:]}")
    return Cost(time.monotonic() - began, peak)


def _resident_mb(process: psutil.Popen) -> float:
    total = 0
    try:
        for one in (process, *process.children(recursive=True)):
            total += one.memory_info().rss
    except psutil.NoSuchProcess:
        return total / 1e6  # one of them ended between two looks
    return total / 1e6


if __name__ == "__main__":
    for row in rows():
        print(f"{row.name:75} {row.value:8.2f} {row.unit}  {'' if row.is_met else 'MISSED'}  {row.note}")
