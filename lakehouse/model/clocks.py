"""Clocks: which days a build must replace, so that it gives what a build from nothing would give.

    days with new rows, a clean table ─┬▶ that table's own clock
                                       ├▶ sittings, voice_takes, motion_takes   the days that attempts and takes are filed under: those with
                                       │             new events, and those that what these events are of was filed under before
                                       ├▶ answers    the days with calls of models, and those that takes, which models score, are filed under
                                       ├▶ payment_days   the days on which changed payments were ordered, by now and before
                                       ├▶ activity   the days on which users did something
                                       ├▶ revenue    payment_days and activity, by which revenue is divided
                                       ├▶ learning   the days whose thirty days up to them hold changed sittings, and those with new
                                       │             estimates of ability
                                       └▶ cohorts    the first days of users: the 30 days up to each day of activity (who came
                                                     back), and the days that a late event moves a user's first day from

dbt reads them in the plan of the build (builds.py, dbt_project/macros/clocks.sql). What a build must ask of the tables of the
build before it is asked here, before the first model runs.
"""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta

import duckdb

from lakehouse.business_day import BUSINESS_TIMEZONE
from lakehouse.contracts.project import clean_fields
from lakehouse.contracts.registry import Registry

Clocks = dict[str, list[date]]
RETENTION_DAYS = 30
RESPONSES_COUNT_DAYS = 30
FILED = {
    "sittings": ("exam_events", "attempt_id", "int_sittings"),
    "voice_takes": ("voice_events", "practice_id", "int_voice_takes"),
    "motion_takes": ("motion_events", "practice_id", "int_motion_takes"),
}
"""Clock of what is filed under its first day → its clean table, its key, and the model that files it."""
COMPOSED = (*FILED, "answers", "payment_days", "activity", "revenue", "learning", "cohorts")
"""The clocks that are no clean table's own."""


def clocks(warehouse: duckdb.DuckDBPyConnection, contracts: Registry, changed: Mapping[str, Iterable[date]]) -> Clocks:
    """`changed`: clean table → days with new rows. The clean views must be published, and one build must have ended."""
    own = {c.table: sorted(changed.get(c.table, ())) for c in contracts.clean}
    streams = [c.table for c in contracts.layer("stream") if any(f.name == "user_pid" for f in clean_fields(c, contracts.vocabulary))]
    activity = sorted({day for table in streams for day in own[table]})
    payments = _ordered_on(warehouse, own["payments"])
    filed = {clock: {*own[how[0]], *_filed_under(warehouse, own[how[0]], *how)} for clock, how in FILED.items()}
    return own | {
        **{clock: sorted(days) for clock, days in filed.items()},
        "answers": sorted({*own["ai_usage_events"], *filed["voice_takes"], *filed["motion_takes"]}),
        "payment_days": sorted(payments),
        "activity": activity,
        "revenue": sorted({*payments, *activity}),
        "learning": sorted({*_ahead(filed["sittings"]), *own["ability_estimates"]}),
        "cohorts": sorted({*_window(activity), *_moved_from(warehouse, {table: own[table] for table in streams})}),
    }


def merge(one: Clocks | None, other: Clocks | None) -> Clocks | None:
    """Both; None, which is every day there is, where one of them is."""
    if one is None or other is None:
        return None
    return {name: sorted({*one.get(name, ()), *other.get(name, ())}) for name in sorted({*one, *other})}


def _ahead(days: Iterable[date]) -> set[date]:
    """A sitting of day d holds responses of d and d + 1, which count in the thirty days from theirs on."""
    return {day + timedelta(days=ahead) for day in days for ahead in range(RESPONSES_COUNT_DAYS + 1)}


def _window(days: Iterable[date]) -> set[date]:
    return {day - timedelta(days=back) for day in days for back in range(RETENTION_DAYS + 1)}


def _filed_under(warehouse: duckdb.DuckDBPyConnection, days: list[date], table: str, key: str, model: str) -> set[date]:
    if not days or not _is_built(warehouse, model):
        return set()
    sql = f"""
        select distinct occurred_on from intermediate.{model}
        where {key} in (select {key} from clean.{table} where dt in ({_list(days)}))"""
    return {day for (day,) in warehouse.execute(sql).fetchall()}


def _ordered_on(warehouse: duckdb.DuckDBPyConnection, days: list[date]) -> set[date]:
    if not days:
        return set()
    changed = f"select payment_id, created_at from clean.payments where dt in ({_list(days)})"
    before = "select payment_id, created_at from intermediate.int_payments_newest"
    known = f" union all select created_at from ({before}) where payment_id in (select payment_id from changed)"
    sql = f"""
        with changed as ({changed}),
        ordered as (select created_at from changed{known if _is_built(warehouse, "int_payments_newest") else ""})
        select distinct cast(created_at at time zone '{BUSINESS_TIMEZONE}' as date) from ordered where created_at is not null"""
    return {day for (day,) in warehouse.execute(sql).fetchall()}


def _is_built(warehouse: duckdb.DuckDBPyConnection, model: str) -> bool:
    """Whether a model is there. One that is new has everything to build, and nothing that moves."""
    found = "select count(*) from information_schema.tables where table_schema = 'intermediate' and table_name = ?"
    return bool(warehouse.execute(found, [model]).fetchone()[0])


def _moved_from(warehouse: duckdb.DuckDBPyConnection, changed: dict[str, list[date]]) -> set[date]:
    seen = [f"select user_pid, dt from clean.{table} where dt in ({_list(days)})" for table, days in changed.items() if days]
    if not seen:
        return set()
    sql = f"""
        with seen as ({" union all ".join(seen)}),
        earliest as (select user_pid, min(dt) as dt from seen group by user_pid)
        select distinct first_activity_on from intermediate.int_user_activity
        inner join earliest using (user_pid)
        where earliest.dt < first_activity_on"""
    return {day for (day,) in warehouse.execute(sql).fetchall()}


def _list(days: Iterable[date]) -> str:
    return ", ".join(f"date '{day.isoformat()}'" for day in days)
