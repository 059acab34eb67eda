"""A small city, generated once a session."""

import pytest
from small_city import Sent, sent

from lakehouse.contracts import registry
from lakehouse.door import Door
from simulator.calendar import Calendar
from simulator.city import City


@pytest.fixture(scope="session")
def small() -> Sent:
    """Ten days, so that a week is shorter than the whole; about 14,000 events."""
    return sent(City(seed=4, scale=0.1, calendar=Calendar(days=10)))


@pytest.fixture(scope="session")
def door() -> Door:
    return Door(registry(), "http")
