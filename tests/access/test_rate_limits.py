"""Token buckets: exact against a slow reference in fractions, and bounded in memory."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.access.caller import RateLimit
from lakehouse.access.limit import Buckets, fits

S = 1_000_000_000


class Clock:
    def __init__(self) -> None:
        self.now = 5 * S

    def __call__(self) -> int:
        return self.now


class Slow:
    """The bucket as a textbook has it: two levels that fill up with time."""

    def __init__(self, limit: RateLimit) -> None:
        self.rates = [Fraction(limit.events_per_s), Fraction(limit.bytes_per_s)]
        self.full = [rate * Fraction(limit.burst_s) for rate in self.rates]
        self.level = list(self.full)

    def pass_time(self, ns: int) -> None:
        self.level = [min(full, level + rate * ns / S) for full, level, rate in zip(self.full, self.level, self.rates)]

    def wait(self, amounts: tuple[int, int]) -> Fraction:
        return max(0, *((amount - level) / rate for amount, level, rate in zip(amounts, self.level, self.rates)))

    def take(self, amounts: tuple[int, int]) -> None:
        self.level = [level - amount for level, amount in zip(self.level, amounts)]


@given(
    st.builds(RateLimit, st.sampled_from([0.5, 1, 3, 7, 1_000]), st.sampled_from([1, 999, 4_000_000]), st.sampled_from([0.5, 1, 10])),
    st.lists(st.tuples(st.integers(0, 3 * S), st.integers(0, 30), st.integers(0, 20_000)), max_size=60),
)
def test_it_lets_in_exactly_what_the_textbook_does(limit: RateLimit, steps: list[tuple[int, int, int]]) -> None:
    clock = Clock()
    buckets, slow = Buckets(clock_ns=clock), Slow(limit)
    for pause, events, size in steps:
        clock.now += pause
        slow.pass_time(pause)
        expected = slow.wait((events, size))
        waited = buckets.take("key", limit, events, size)
        assert waited == pytest.approx(float(expected), abs=1e-6)
        if waited == 0:
            slow.take((events, size))


def test_after_the_told_pause_it_fits() -> None:
    clock = Clock()
    buckets, limit = Buckets(clock_ns=clock), RateLimit(events_per_s=3, bytes_per_s=1_000, burst_s=2)
    assert buckets.take("key", limit, 6, 0) == 0
    wait = buckets.take("key", limit, 4, 0)
    assert wait == pytest.approx(4 / 3, abs=1e-6)
    clock.now += int(wait * S) - 10
    assert buckets.take("key", limit, 4, 0) > 0
    clock.now += 20
    assert buckets.take("key", limit, 4, 0) == 0
    assert buckets.take("another key", limit, 6, 0) == 0


def test_looking_takes_nothing_and_neither_does_a_refusal() -> None:
    clock = Clock()
    buckets, limit = Buckets(clock_ns=clock), RateLimit(1, 1_000, 10)
    for _ in range(5):
        assert buckets.wait_s("key", limit, 10, 0) == 0
        assert buckets.take("key", limit, 11, 0) > 0
        assert buckets.take("key", limit, 1, 10_001) > 0
    assert buckets.take("key", limit, 10, 10_000) == 0


def test_memory_is_bounded_and_forgetting_full_buckets_changes_no_answer() -> None:
    clock = Clock()
    buckets, limit = Buckets(most=100, clock_ns=clock), RateLimit(1, 1_000, 10)
    assert buckets.take("busy", limit, 10, 0) == 0
    for n in range(10_000):
        assert buckets.take(f"key-{n}", limit, 1, 0) == 0
        clock.now += S // 50  # fifty keys a second, each full again after one: half of the table is always full
        if n % 400 == 0:
            buckets.take("busy", limit, 10, 0)
        assert len(buckets) <= 100
    clock.now += S // 2
    assert buckets.wait_s("key-9999", limit, 10, 0) == pytest.approx(0.48, abs=1e-3)


def test_where_all_are_busy_those_nearest_to_full_are_forgotten() -> None:
    clock = Clock()
    buckets, limit = Buckets(most=8, clock_ns=clock), RateLimit(1, 1_000, 10)
    for n in range(1, 10):
        assert buckets.take(f"key-{n}", limit, n, 0) == 0
    assert len(buckets) <= 8
    assert buckets.wait_s("key-8", limit, 10, 0) == 8
    assert buckets.wait_s("key-1", limit, 10, 0) == 0


def test_what_never_fits_is_known() -> None:
    limit = RateLimit(10, 1_000, 2)
    assert fits(limit, 20, 2_000)
    assert not fits(limit, 21, 0) and not fits(limit, 0, 2_001)
