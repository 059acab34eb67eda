"""How a day compares with what is normal: first the arithmetic as small tables, then through the gate."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from good import clean_rows, clean_table

from lakehouse.contracts import registry
from lakehouse.places import clean_table as place
from lakehouse.places import refined_marker
from lakehouse.storage.memory import MemoryFiles
from quality.measures import Deliveries, deliveries, freshness, null_rates, zscore

DAY = date(2027, 3, 1)
NOW = datetime(2027, 3, 2, 3, tzinfo=UTC)


def counts(*newest_first: int) -> dict[date, int]:
    return {DAY - timedelta(days=n): count for n, count in enumerate(newest_first) if count}


@pytest.mark.parametrize(
    ("rows_by_day", "expected"),
    [
        # the day, then the days before it
        ((100, *[100] * 14), 0.0),
        ((130, *[100] * 14), 3.0),  # a history without variance varies by the square root of its mean
        ((0, *[100] * 14), -10.0),
        ((100, *[100] * 6), None),  # less than a week
        ((100, *[100] * 7), 0.0),
        ((40, 10, 30, 10, 30, 10, 30, 10, 30), (40 - 20) / (800 / 7) ** 0.5),
        ((5,), None),
        ((), None),
    ],
)
def test_zscore(rows_by_day, expected):
    assert zscore(counts(*rows_by_day), DAY) == (None if expected is None else pytest.approx(expected))


def test_an_empty_day_inside_the_history_counts_as_zero():
    assert zscore(counts(100, 0, *[100] * 7), DAY) == pytest.approx(
        (100 - 87.5) / (sum((n - 87.5) ** 2 for n in [0, *[100] * 7]) / 7) ** 0.5
    )


@pytest.mark.parametrize(
    ("newest", "now", "minutes"),
    [
        (datetime(2027, 3, 1, 14, 50, tzinfo=UTC), NOW, 10.0),  # the day ended at 15:00 UTC
        (datetime(2027, 3, 1, 5, 0, tzinfo=UTC), datetime(2027, 3, 1, 5, 7, tzinfo=UTC), 7.0),  # the day still lasts
        (datetime(2027, 3, 2, 2, 0, tzinfo=UTC), NOW, 0.0),  # newer than the day
    ],
)
def test_freshness(newest, now, minutes):
    assert freshness(int(newest.timestamp() * 1e6), DAY, now) == pytest.approx(minutes)
    assert freshness(None, DAY, now) is None


@pytest.mark.parametrize(
    ("groups", "rate", "expected"),
    [
        # event type, on the day?, rows, rows with a value
        ([("end", True, 10, 8), ("end", False, 100, 99), ("view", True, 1000, 0), ("view", False, 10, 0)], 0.2, 0.01),
        ([("end", True, 10, 0), ("end", False, 100, 100)], 1.0, 0.0),
        # Clicks are anonymous half of the time, logins never; that there are more clicks today is no rise.
        ([("click", True, 90, 45), ("login", True, 10, 10), ("click", False, 10, 5), ("login", False, 90, 90)], 0.45, 0.45),
        ([("end", True, 10, 8)], 0.2, None),
        ([("view", True, 10, 0)], None, None),
        ([], None, None),
    ],
)
def test_null_rates_are_compared_type_by_type(groups, rate, expected):
    assert null_rates(groups) == (pytest.approx(rate), pytest.approx(expected))


def test_deliveries_are_summed_over_the_markers_of_refinement():
    files = MemoryFiles()
    for batch, counted in (
        ("a", {"rows": 90, "valid": 85, "duplicates": 3, "rejected": 2}),
        ("b", {"rows": 10, "valid": 10, "duplicates": 0, "rejected": 0}),
    ):
        files.put(refined_marker("exams", "exam_events", batch), json.dumps(counted).encode())
    files.put(
        refined_marker("exams", "exam_events_other", "c"),
        json.dumps(dict.fromkeys(("rows", "valid", "duplicates", "rejected"), 1000)).encode(),
    )
    counted = deliveries(files, "exams", "exam_events")
    assert counted == Deliveries(rows=100, valid=95, duplicates=3, rejected=2)
    assert (counted.duplicate_share, counted.complete_share) == (pytest.approx(0.03), pytest.approx(0.98))


def history(rows_a_day: list[int], **changes) -> list[dict]:
    """Rows of exam.events: `rows_a_day[n]` on the day n days before DAY; `changes` to the rows of DAY."""
    contract, rows = registry().get("exam.events"), []
    for n, count in enumerate(rows_a_day):
        made = clean_rows(contract, DAY - timedelta(days=n), count, start=len(rows))
        if n == 0:
            for row in made:
                row.update({k: v for k, v in changes.items() if row[k] is not None})
        rows += made
    return rows


NORMAL = [60] * 15
WARNED = [
    # what is broken                                rows a day              of the day's rows            deliveries                    check
    ("nothing", NORMAL, {}, Deliveries(1000, 990, 5, 5), None),
    ("half the rows are missing", [30, *[60] * 14], {}, Deliveries(1000, 1000, 0, 0), "table.volume_zscore"),
    ("a column went empty", NORMAL, {"response_time_ms": None}, Deliveries(1000, 1000, 0, 0), "response_time_ms.null_rise"),
    ("producers repeat themselves", NORMAL, {}, Deliveries(1000, 980, 20, 0), "table.duplicate_share"),
    ("dead letters", NORMAL, {}, Deliveries(1000, 970, 0, 30), "table.complete_share"),
    (
        "nothing since the morning",
        NORMAL,
        {"occurred_at": datetime(2027, 3, 1, 1, tzinfo=UTC)},
        Deliveries(1000, 1000, 0, 0),
        "table.freshness_minutes",
    ),
]


@pytest.mark.parametrize(("what", "rows_a_day", "changes", "counted", "warns"), WARNED, ids=[w[0] for w in WARNED])
def test_an_unusual_day_warns_and_stops_nothing(gate, tables, clean, what, rows_a_day, changes, counted, warns):
    contract = registry().get("exam.events")
    rows = history(rows_a_day, **({"occurred_at": datetime(2027, 3, 1, 14, 58, tzinfo=UTC)} | changes))
    tables.append(place(contract.domain, contract.table), clean_table(contract, rows), "b", {})
    results, _ = gate.judge(clean(contract), DAY, NOW, counted)
    assert [r.check_name for r in results if r.check_status == "warned"] == ([warns] if warns else [])
    required = {"response_time_ms.required_by_type"} if "response_time_ms" in changes else set()  # the contract's own rule sees it too
    assert {r.check_name for r in results if r.check_status == "failed"} == required
    assert "unknown" not in {r.check_status for r in results}
