"""The evening is 17 times as busy as the night."""

import numpy as np

from simulator import slices
from simulator.calendar import Calendar
from simulator.city import City
from simulator.curve import DAY_MS, HOUR_MS, HOURLY_RATE, NIGHT_HOURS, PEAK_HOURS, moments


def test_the_rates_say_17():
    assert {HOURLY_RATE[h] for h in PEAK_HOURS} == {HOURLY_RATE.max()}
    assert {HOURLY_RATE[h] for h in NIGHT_HOURS} == {HOURLY_RATE.min()}
    assert HOURLY_RATE.max() == 17 * HOURLY_RATE.min()


def test_visits_follow_the_rates_exactly():
    begins = moments((np.arange(170_000) + 0.5) / 170_000)
    per_hour = np.bincount(begins // HOUR_MS, minlength=24)
    np.testing.assert_allclose(per_hour / per_hour.sum(), HOURLY_RATE / HOURLY_RATE.sum(), atol=1e-4)
    assert begins.min() >= 0 and begins.max() < DAY_MS and (np.diff(begins) >= 0).all()


def test_all_events_together_follow_the_17_fold_curve():
    """Events come some minutes after their visit begins, so the outer hours of the two plateaus are left out."""
    city = City(seed=11, scale=12, calendar=Calendar(days=2))
    per_hour = np.zeros(24)
    for part in slices.generate(city):
        for times in (part.times(part.web), part.times(part.ai), part.times(part.logins), part.response_times):
            hours = (times - city.calendar.first_ms) % DAY_MS // HOUR_MS
            per_hour += np.bincount(hours, minlength=24)
    night, peak = per_hour[list(NIGHT_HOURS)[1:]].mean(), per_hour[list(PEAK_HOURS)[1:]].mean()
    assert 0.93 * 17 < peak / night < 1.07 * 17


def test_nothing_happens_outside_the_simulated_days(small):
    calendar = small.city.calendar
    for part in slices.generate(small.city):
        for times in (part.times(part.web), part.times(part.ai), part.times(part.logins), part.response_times, part.end_times):
            assert calendar.first_ms <= times.min() and times.max() < calendar.end_ms
