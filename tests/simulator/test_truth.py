"""The truth is what a slow recount of the sent events finds, and has the marts' columns."""

import pytest
from recount import Recount
from small_city import Sent

from lakehouse.contracts import registry
from simulator import truth
from simulator.comparing import comparable

KEYS = {"logins_by_type": 3, "engagement_by_zone": 2, "fact_rows": 1, "clean_rows": 2, "practice_by_type": 3}


@pytest.fixture(scope="module")
def recount(small: Sent) -> Recount:
    return Recount(small)


def by_key(small: Sent, name: str) -> dict:
    table = small.truth[name]
    contract = registry().find(f"curated.{name}")
    keys = len(contract.primary_key) if contract else KEYS[name]
    return {tuple(row.values())[:keys]: tuple(map(comparable, list(row.values())[keys:])) for row in table.to_pylist()}


@pytest.mark.parametrize(
    "name",
    [
        "mart_adaptive_stop",
        "mart_exam_performance",
        "mart_daily_activity",
        "mart_retention",
        "mart_funnel",
        "mart_ai_cost",
        "mart_ai_features",
        "mart_kzone_voice",
        "mart_kzone_motion",
        "fact_kzone_voice",
        "fact_motion_scores",
        "mart_learning_progress",
        "mart_campaign",
        "mart_content_trends",
        "mart_ai_quality",
        "logins_by_type",
        "engagement_by_zone",
        "fact_rows",
        "clean_rows",
        "practice_by_type",
    ],
)
def test_a_slow_recount_finds_the_same(name: str, small: Sent, recount: Recount):
    counted = {key: tuple(map(comparable, values)) for key, values in getattr(recount, name)().items()}
    true = by_key(small, name)
    assert len(true) > 1
    assert true == counted


def test_every_measure_that_can_be_is_counted_here(small: Sent):
    assert set(small.truth) == {m for m in dir(Recount) if not m.startswith("_")} - {"sittings", "takes", "mart_revenue"}


def test_a_slow_recount_of_purchases_finds_the_revenue(small: Sent, recount: Recount):
    """A city without a source database has no payments, but it has what they would be made of."""
    rows = list(truth.revenue_rows(small.simulation.ledger))
    assert len(rows) > 1
    assert {row[:3]: tuple(map(comparable, row[3:])) for row in rows} == {
        key: tuple(map(comparable, values)) for key, values in recount.mart_revenue().items()
    }


def test_the_truth_of_a_mart_has_its_columns(small: Sent):
    marts = {c.table: c for c in registry().layer("curated") if c.table.startswith("mart_")}
    assert marts.keys() - small.truth.keys() == {"mart_revenue"}  # which needs a source database
    for name in marts.keys() & small.truth.keys():
        contract = marts[name]
        assert tuple(small.truth[name].column_names) == contract.names
        assert contract.names[: len(contract.primary_key)] == contract.primary_key


def test_models_fail_for_every_reason_and_contents_rise_and_fall(small: Sent):
    """Otherwise a column that is the same throughout would be right by chance."""
    reasons = ("timeout_count", "refused_count", "overloaded_count", "unusable_recording_count")
    assert all(sum(small.truth["mart_ai_quality"][reason].to_pylist()) > 0 for reason in reasons)
    growth = [ratio for ratio in small.truth["mart_content_trends"]["view_growth_ratio"].to_pylist() if ratio is not None]
    assert min(growth) == -1 and max(growth) > 0 and any(-1 < ratio < 0 for ratio in growth)


def test_some_sittings_cross_midnight_and_some_visits_are_anonymous(small: Sent, recount: Recount):
    """Otherwise the recount would prove less than it says."""
    assert any("user_id" not in payload for _, _, payload, _ in recount.events)
    attempt_days = {}
    for _, contract, payload, day in recount.events:
        if contract == "exam.events":
            attempt_days.setdefault(payload["attempt_id"], set()).add(day)
    assert any(len(days) == 2 for days in attempt_days.values())
