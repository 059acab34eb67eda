"""When items are calibrated, and what makes a day's results new: by the answers alone."""

from datetime import date, timedelta

from psychometrics.responses import Day
from psychometrics.schedule import plan

FIRST = date(2025, 9, 1)


def day(number: int, fingerprint: int = 1, **answers: int) -> Day:
    return Day(FIRST + timedelta(days=number), fingerprint, answers or {"a": 100})


def calibrated(days: list[Day]) -> list[int]:
    return [(p.on - FIRST).days for p in plan(days) if p.is_calibrated]


def test_nothing_is_planned_where_nothing_was_answered() -> None:
    assert plan([]) == []


def test_items_are_calibrated_every_seven_days_and_sooner_while_answers_still_double() -> None:
    assert calibrated([day(n) for n in range(30)]) == [0, 1, 3, 7, 14, 21, 28]


def test_a_day_without_answers_delays_a_calibration_to_the_next_one_that_has_some() -> None:
    steady = [day(0, a=1000), day(5), day(9), day(10)]
    assert calibrated(steady) == [0, 9]


def test_new_items_are_calibrated_on_the_day_they_come_unless_hardly_anybody_answered_them() -> None:
    assert calibrated([day(0, a=1000), day(1, a=99, b=1), day(2, a=50, c=1), day(3, a=100, c=1)]) == [0, 2]


def test_each_day_uses_the_newest_calibration_and_drift_is_told_against_one_that_shares_no_answer() -> None:
    planned = plan([day(n, a=1000 if n == 0 else 1) for n in range(45)])
    uses = {(p.on - FIRST).days: (p.uses - FIRST).days for p in planned}
    assert [uses[n] for n in (0, 6, 7, 13, 44)] == [0, 0, 7, 7, 42]
    compared = {(p.on - FIRST).days: p.compared_with and (p.compared_with - FIRST).days for p in planned if p.is_calibrated}
    assert compared == {0: None, 7: None, 14: None, 21: None, 28: None, 35: 0, 42: 7}
    linked = {(p.on - FIRST).days: p.linked_to and (p.linked_to - FIRST).days for p in planned if p.is_calibrated}
    assert linked == {0: None, 7: 0, 14: 7, 21: 14, 28: 21, 35: 28, 42: 35}


def test_a_late_answer_makes_new_what_depends_on_its_day_and_nothing_before_it() -> None:
    before = plan([day(n, a=1000 if n == 0 else 1) for n in range(40)])
    after = plan([day(n, fingerprint=2 if n == 9 else 1, a=1000 if n == 0 else 1) for n in range(40)])
    changed = [(a.on - FIRST).days for a, b in zip(after, before) if a.abilities_digest != b.abilities_digest]
    assert changed == list(range(9, 40)), "the scale of day 14 is handed on to all later ones"
    same = [(a.on - FIRST).days for a, b in zip(after, before) if a.is_calibrated and a.calibration_digest == b.calibration_digest]
    assert same == [0, 7]


def test_digests_fit_into_the_log_of_a_table() -> None:
    assert all(0 <= p.calibration_digest < 2**63 and 0 <= p.abilities_digest < 2**63 for p in plan([day(n) for n in range(20)]))
