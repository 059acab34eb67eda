"""`lakehouse compare` sees every difference, and none where there is none."""

import json
import shutil
from pathlib import Path

import duckdb
import pytest
from small_city import Sent

from lakehouse.contracts import registry
from lakehouse.errors import BadInputError
from lakehouse.places import Home
from lakehouse.settings import settings
from simulator import comparing, run, truth
from simulator.practice_lines import SCORES
from tests.commands import lakehouse

SUMS = "* exclude (zone_id, activity_on, user_count)"


def _is_compared_whole(name: str) -> bool:
    return name.startswith("mart_") or name in comparing.HOURLY


@pytest.fixture(scope="module")
def same(tmp_path_factory: pytest.TempPathFactory, small: Sent) -> Path:
    """A warehouse that says exactly what is true."""
    where = Home(tmp_path_factory.mktemp("same"))
    where.warehouse.parent.mkdir()
    with duckdb.connect(str(where.warehouse)) as warehouse:
        warehouse.execute("create schema clean; create schema curated")
        for name, table in small.truth.items():
            warehouse.register(name, table)
            if _is_compared_whole(name):
                warehouse.execute(f"create table curated.{name} as select * from {name}")
        last = f"DATE '{small.city.calendar.end_on}'"
        for fact, count in zip(*small.truth[truth.FACT_ROWS].to_pydict().values()):
            if fact not in ("fact_logins", "fact_user_engagement") and not _is_compared_whole(fact):
                day = registry().get(f"curated.{fact}").event_time
                warehouse.execute(f"create table curated.{fact} as select {last} as {day} from range({count})")
        warehouse.execute(
            "create table curated.fact_logins as select zone_id, occurred_on, event_type, unnest(range(login_count)) from logins_by_type"
        )
        # All sums on one of a zone's users, nothing on the others.
        warehouse.execute(
            f"create table curated.fact_user_engagement as select zone_id, activity_on, {SUMS} from engagement_by_zone union all "
            f"select zone_id, activity_on, {', '.join(['0'] * len(comparing.ENGAGEMENT_SUMS))} from "
            "(select *, unnest(range(user_count - 1)) from engagement_by_zone)"
        )
        warehouse.execute(
            "create view practice as select *, row_number() over (partition by contract, dt, event_type) as n from (select *, unnest(range(rows)) from practice_by_type)"
        )
        for contract in registry().ingested:
            if contract.id in SCORES:
                # All of a group's sums on one of its rows, nothing on the others.
                score = f", if(n = 1, score_total_centi / 100.0, null) as {SCORES[contract.id]}" if SCORES[contract.id] else ""
                duration = ", if(n = 1, duration_total_ms, null) as duration_ms" if "duration_ms" in contract.names else ""
                warehouse.execute(
                    f"create table clean.{contract.table} as select dt, event_type{duration}{score} from practice where contract = '{contract.id}'"
                )
                continue
            warehouse.execute(
                f"create table clean.{contract.table} as select dt, unnest(range(rows)) from clean_rows where contract = '{contract.id}'"
            )
    return where.warehouse


@pytest.fixture
def told(home: Path, small: Sent, same: Path) -> Home:
    """A home with the truth, and a copy of that warehouse."""
    where = Home(home)
    truth.write(where.truth, small.truth, {"city": run.parameters(small.city)})
    where.warehouse.parent.mkdir()
    shutil.copy(same, where.warehouse)
    return where


def change(home: Home, sql: str) -> None:
    with duckdb.connect(str(home.warehouse)) as warehouse:
        warehouse.execute(sql)


def test_everything_is_equal(told: Home, small: Sent):
    measures = comparing.compare(settings())
    small_marts = [name for name in small.truth if _is_compared_whole(name)]
    assert [m.name for m in measures if not m.is_equal] == []
    assert {m.name.split(".")[0] for m in measures} == {
        *small_marts,
        "fact",
        "fact_logins",
        "fact_user_engagement",
        "clean",
        "practice",
    }
    assert all(m.keys for m in measures)
    comparing.require_equal(measures)


@pytest.mark.parametrize(
    ("broken", "measure"),
    [
        ("update curated.mart_ai_cost set cost_total_usd = cost_total_usd + 0.000001 where rowid = 3", "mart_ai_cost.cost_total_usd"),
        ("update curated.mart_exam_performance set mean_theta = mean_theta * 1.00000002 where rowid = 5", "mart_exam_performance.mean_theta"),
        ("update curated.mart_exam_performance set mean_score = null where rowid = 5", "mart_exam_performance.mean_score"),
        ("delete from curated.mart_retention where rowid = 2", "mart_retention.retained_users"),
        ("insert into curated.mart_funnel select * replace ('nowhere' as zone_id) from curated.mart_funnel limit 1", "mart_funnel.visitor_count"),
        ("update curated.mart_daily_activity set wau = wau - 1 where zone_id = 'all'", "mart_daily_activity.wau"),
        ("delete from curated.fact_logins where rowid = 0", "fact_logins.login_count"),
        ("update clean.voice_events set accuracy_score = accuracy_score + 0.01 where accuracy_score > 0", "practice.score_total_centi"),
        ("update clean.motion_events set event_type = 'clip_failed' where event_type = 'clip_discarded'", "practice.rows"),
        ("delete from clean.consent_events where rowid = 0", "practice.rows"),
        ("insert into clean.users select * from clean.users limit 1", "clean.rows"),
        ("insert into curated.fact_responses select * from curated.fact_responses limit 1", "fact.rows"),
    ],
)  # fmt: skip
def test_every_difference_is_found(told: Home, broken: str, measure: str):
    change(told, broken)
    different = [m.name for m in comparing.compare(settings()) if not m.is_equal]
    assert measure in different
    assert all(name.split(".")[0] in (measure.split(".")[0], "fact", "clean") for name in different)


def test_the_last_bits_of_a_float_do_not_matter(told: Home):
    change(told, "update curated.mart_exam_performance set mean_theta = mean_theta * (1 + 1e-14)")
    comparing.require_equal(comparing.compare(settings()))


def test_other_days_belong_to_others(told: Home):
    change(told, "insert into curated.mart_funnel select * replace (DATE '2013-10-19' as activity_on) from curated.mart_funnel limit 1")
    comparing.require_equal(comparing.compare(settings()))


def test_the_command_ends_with_20_and_names_the_key(told: Home):
    assert lakehouse("compare").returncode == 0
    change(told, "update curated.mart_daily_activity set dau = dau + 1 where zone_id = 'all'")
    ended = lakehouse("compare", "--json")
    assert ended.returncode == 20
    assert "mart_daily_activity.dau" in ended.stderr
    told_measure = next(m for m in json.loads(ended.stdout) if m["measure"] == "mart_daily_activity.dau")
    assert not told_measure["equal"] and len(told_measure["differences"]) == 10


def test_without_truth_or_warehouse_it_says_what_to_do(home: Path, small: Sent):
    with pytest.raises(BadInputError, match="holds no truth"):
        comparing.compare(settings())
    truth.write(Home(home).truth, small.truth, {"city": run.parameters(small.city)})
    with pytest.raises(BadInputError, match="does not exist"):
        comparing.compare(settings())
