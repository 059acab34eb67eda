"""Clocks: which days a build must replace, so that it gives what a build from nothing would give.

    days with new rows, a clean table ─┬▶ that table's own clock
                                       ├▶ sittings   the days that attempts are filed under: those with new exam events, and
                                       │             those that the attempts of these events were filed under before
                                       ├▶ activity   the days on which users did something
                                       └▶ cohorts    the first days of users: the 30 days up to each day of activity (who came
                                                     back), and the days that a late event moves a user's first day from

dbt reads them in the plan of the build (builds.py, dbt_project/macros/clocks.sql). What a build must ask of the tables of the
build before it is asked here, before the first model runs.
"""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta

import duckdb

from lakehouse.contracts.project import clean_fields
from lakehouse.contracts.registry import Registry

Clocks = dict[str, list[date]]
RETENTION_DAYS = 30


def clocks(warehouse: duckdb.DuckDBPyConnection, contracts: Registry, changed: Mapping[str, Iterable[date]]) -> Clocks:
    """`changed`: clean table → days with new rows. The clean views must be published, and one build must have ended."""
    own = {c.table: sorted(changed.get(c.table, ())) for c in contracts.ingested}
    streams = [c.table for c in contracts.layer("stream") if any(f.name == "user_pid" for f in clean_fields(c, contracts.vocabulary))]
    activity = sorted({day for table in streams for day in own[table]})
    return own | {
        "sittings": sorted({*own["exam_events"], *_filed_under(warehouse, own["exam_events"])}),
        "activity": activity,
        "cohorts": sorted({*_window(activity), *_moved_from(warehouse, {table: own[table] for table in streams})}),
    }


def merge(one: Clocks | None, other: Clocks | None) -> Clocks | None:
    """Both; None, which is every day there is, where one of them is."""
    if one is None or other is None:
        return None
    return {name: sorted({*one.get(name, ()), *other.get(name, ())}) for name in sorted({*one, *other})}


def _window(days: Iterable[date]) -> set[date]:
    return {day - timedelta(days=back) for day in days for back in range(RETENTION_DAYS + 1)}


def _filed_under(warehouse: duckdb.DuckDBPyConnection, days: list[date]) -> set[date]:
    if not days:
        return set()
    sql = f"""
        select distinct occurred_on from intermediate.int_sittings
        where attempt_id in (select attempt_id from clean.exam_events where dt in ({_list(days)}))"""
    return {day for (day,) in warehouse.execute(sql).fetchall()}


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
