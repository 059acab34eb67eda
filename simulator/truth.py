"""The ledger as tables with the columns of the marts, and the folder they are kept in.

    Ledger ─▶ pa.Table a measure ─▶ <home>/truth/<name>.parquet
    run    ─▶ <home>/truth/run.json: the city's parameters, what was sent, what must have been refused

A table that is named like a curated contract has that mart's columns, keys and grain, so that compare.py needs no list
of its own. Fact tables know people by pseudonyms, which the simulator cannot: they are compared added up by zone and day.
"""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lakehouse.contracts import project, registry
from lakehouse.errors import BadInputError
from simulator.ledger import ENGAGEMENT_SUMS, Ledger
from simulator.practice import MOTION, VOICE
from simulator.visits import AI_FEATURES, AI_MODELS, LOGIN_TYPES

ALL_ZONES = "all"
RETENTION_DAYS = 30
RUN = "run.json"
CLEAN_ROWS, LOGINS, ENGAGEMENT, FACT_ROWS = "clean_rows", "logins_by_type", "engagement_by_zone", "fact_rows"
PRACTICE = "practice_by_type"
PRACTICE_SUMS = ("rows", "duration_total_ms", "score_total_centi")


def tables(city, ledger: Ledger) -> dict[str, pa.Table]:
    """Everything that is true and can be asked of the warehouse, by name."""
    days, zones = city.calendar.dates, city.zones
    takes = ledger.takes
    paid = {"mart_revenue": _mart("mart_revenue", revenue_rows(ledger))} if ledger.has_source else {}
    return paid | {
        "fact_kzone_voice": _mart("fact_kzone_voice", takes.hours(VOICE)),
        "fact_motion_scores": _mart("fact_motion_scores", takes.hours(MOTION)),
        "mart_kzone_voice": _mart("mart_kzone_voice", takes.contents(VOICE)),
        "mart_kzone_motion": _mart("mart_kzone_motion", takes.contents(MOTION)),
        "mart_learning_progress": _mart("mart_learning_progress", ledger.progress.rows()),
        "mart_content_trends": _mart("mart_content_trends", ledger.contents.trend_rows()),
        "mart_ai_quality": _mart("mart_ai_quality", ledger.answers.rows()),
        "mart_campaign": _mart("mart_campaign", ledger.visits.campaign_rows()),
        "mart_adaptive_stop": _mart("mart_adaptive_stop", ledger.sat.stop_rows()),
        "mart_exam_performance": _mart("mart_exam_performance", _exam_rows(city, ledger)),
        "mart_daily_activity": _mart("mart_daily_activity", _activity_rows(days, zones, ledger)),
        "mart_retention": _mart("mart_retention", _retention_rows(days, ledger)),
        "mart_funnel": _mart("mart_funnel", _funnel_rows(days, zones, ledger)),
        "mart_ai_cost": _mart("mart_ai_cost", _ai_rows(days, zones, ledger)),
        "mart_ai_features": _mart("mart_ai_features", _ai_feature_rows(days, zones, ledger)),
        LOGINS: _plain(("zone_id", "occurred_on", "event_type", "login_count"), _login_rows(days, zones, ledger)),
        ENGAGEMENT: _plain(("zone_id", "activity_on", "user_count", *ENGAGEMENT_SUMS), _engagement_rows(days, zones, ledger)),
        FACT_ROWS: _plain(("fact", "rows"), _fact_rows(ledger)),
        PRACTICE: _plain(("contract", "dt", "event_type", *PRACTICE_SUMS), _practice_rows(days, ledger)),
        CLEAN_ROWS: _plain(("contract", "dt", "rows"), sorted((c, days[d], n) for (c, d), n in ledger.clean.items())),
    }


def write(folder: Path, made: dict[str, pa.Table], run: dict) -> None:
    """Replace what the folder holds. run.json comes last: where it is, the tables are complete."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RUN).unlink(missing_ok=True)
    for name, table in made.items():
        pq.write_table(table, folder / f"{name}.parquet")
    (folder / RUN).write_text(json.dumps(run, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_run(folder: Path) -> dict:
    """Raises BadInputError where nothing was simulated."""
    try:
        return json.loads((folder / RUN).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadInputError(f"{folder} holds no truth", hint="run `lakehouse simulate` to its end with the same LAKEHOUSE_HOME") from None


def has_table(folder: Path, name: str) -> bool:
    """Whether the simulator knows the truth of it; a mart of something that it does not simulate has none."""
    return (folder / f"{name}.parquet").exists()


def read_table(folder: Path, name: str) -> pa.Table:
    return pq.read_table(folder / f"{name}.parquet")


def _mart(table: str, rows: Iterator[tuple]) -> pa.Table:
    """Rows in the order of the contract's columns."""
    fields = registry().get(f"curated.{table}").fields
    schema = project.arrow_schema(fields)
    return pa.table([pa.array(column, kind) for column, kind in zip(_columns(rows, len(schema)), schema.types)], schema=schema)


def _plain(names: tuple[str, ...], rows: Iterator[tuple]) -> pa.Table:
    return pa.table(dict(zip(names, _columns(rows, len(names)))))


def _columns(rows: Iterator[tuple], width: int) -> list[list]:
    columns = [list(column) for column in zip(*rows)]
    return columns or [[] for _ in range(width)]


def _ratio(over: int, under: int, unit: int = 1) -> float | None:
    """over / unit / under, rounded once; None of nothing."""
    return float(Decimal(over) / unit / under) if under else None


def _exam_rows(city, ledger: Ledger) -> Iterator[tuple]:
    sums = ledger.exams
    for exam, day in zip(*(axis.tolist() for axis in np.nonzero(sums["attempt_count"]))):
        attempts, finished, score, theta, spent, responses, right = (int(values[exam, day]) for values in sums.values())
        means = (_ratio(score, finished, 100), _ratio(theta, finished, 10**6), _ratio(spent, finished))
        yield (
            city.exams.exam_id(exam),
            city.calendar.dates[day],
            attempts,
            finished,
            *means,
            responses,
            right,
            _ratio(right, responses),
        )


def _activity_rows(days: list, zones: tuple, ledger: Ledger) -> Iterator[tuple]:
    for zone_id, active, count in _zones_and_all(zones, ledger):
        for number, day in enumerate(days):
            dau = _active_within(active, number, 1)
            if dau:
                yield zone_id, day, dau, _active_within(active, number, 7), _active_within(active, number, 30), int(count[number])


def _zones_and_all(zones: tuple, ledger: Ledger) -> Iterator[tuple]:
    counts = ledger.engagement["activity_count"]
    yield from zip(zones, ledger.active, counts)
    yield ALL_ZONES, np.bitwise_or.reduce(ledger.active), counts.sum(axis=0)


def _active_within(active: np.ndarray, last: int, days: int) -> int:
    """Users with an activity on the day numbered `last` or the days - 1 before it."""
    first = max(0, last - days + 1)
    mask = ((1 << (last + 1)) - 1) ^ ((1 << first) - 1)
    return int(np.count_nonzero(active & np.uint64(mask)))


def _retention_rows(days: list, ledger: Ledger) -> Iterator[tuple]:
    left = np.bitwise_or.reduce(ledger.active)
    for cohort, day in enumerate(days):
        joined = (left >> np.uint64(cohort)) & np.uint64(1) == 1
        members, left = left[joined], left[~joined]
        for later in range(min(RETENTION_DAYS, len(days) - 1 - cohort) + 1):
            retained = int(np.count_nonzero(members & np.uint64(1 << (cohort + later))))
            if retained:
                yield day, later, len(members), retained, _ratio(retained, len(members))


def _funnel_rows(days: list, zones: tuple, ledger: Ledger) -> Iterator[tuple]:
    for zone, day in zip(*(axis.tolist() for axis in np.nonzero(ledger.web))):
        yield zones[zone], days[day], *ledger.funnel[zone, day].tolist()


def _ai_rows(days: list, zones: tuple, ledger: Ledger) -> Iterator[tuple]:
    for zone, day, model in zip(*(axis.tolist() for axis in np.nonzero(ledger.ai["request_count"]))):
        requests, failed, sent, written, cost, latency = (int(values[zone, day, model]) for values in ledger.ai.values())
        price = Decimal(cost).scaleb(-6)
        yield zones[zone], days[day], AI_MODELS[model], requests, failed, sent, written, price, _ratio(latency, requests - failed)


def _ai_feature_rows(days: list, zones: tuple, ledger: Ledger) -> Iterator[tuple]:
    for zone, day, feature in zip(*(axis.tolist() for axis in np.nonzero(ledger.ai_features[..., 0]))):
        yield zones[zone], days[day], AI_FEATURES[feature], *ledger.ai_features[zone, day, feature].tolist()


def revenue_rows(ledger: Ledger) -> Iterator[tuple]:
    """mart_revenue, where there is a source database to pay into."""
    return ledger.revenue.rows(lambda zone, day, window: _active_within(ledger.active[zone], day, window))


def _login_rows(days: list, zones: tuple, ledger: Ledger) -> Iterator[tuple]:
    for zone, day, kind in zip(*(axis.tolist() for axis in np.nonzero(ledger.logins))):
        yield zones[zone], days[day], LOGIN_TYPES[kind], int(ledger.logins[zone, day, kind])


def _engagement_rows(days: list, zones: tuple, ledger: Ledger) -> Iterator[tuple]:
    for zone, zone_id in enumerate(zones):
        for number, day in enumerate(days):
            users = _active_within(ledger.active[zone], number, 1)
            if users:
                yield zone_id, day, users, *(int(values[zone, number]) for values in ledger.engagement.values())


def _practice_rows(days: list, ledger: Ledger) -> Iterator[tuple]:
    for (contract, day, event_type), sums in sorted(ledger.practice.items()):
        yield contract, days[day], event_type, *sums.tolist()


def _fact_rows(ledger: Ledger) -> Iterator[tuple]:
    yield "fact_attempts", int(ledger.exams["attempt_count"].sum())
    yield "fact_responses", int(ledger.exams["response_count"].sum())
    yield "fact_ai_usage", int(ledger.ai["request_count"].sum())
    yield "fact_logins", int(ledger.logins.sum())
    for kind, fact, hourly in ((VOICE, "fact_voice_analysis", "fact_kzone_voice"), (MOTION, "fact_motion_analysis", "fact_motion_scores")):
        yield fact, ledger.takes.take_count(kind)
        yield hourly, ledger.takes.hour_count(kind)
    yield "fact_content_views", ledger.contents.view_count
    yield "fact_payments", ledger.revenue.payment_count if ledger.has_source else 0
    yield "fact_user_engagement", sum(int(np.bitwise_count(active).sum()) for active in ledger.active)
