"""What is true of money: every purchase is a payment of the source database, by zone and day.

Slice ─▶ RevenueLedger ─▶ rows of mart_revenue
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from decimal import Decimal

from simulator.city import City
from simulator.lines import CURRENCY, price
from simulator.slices import Slice
from simulator.visits import PURCHASE

WINDOW_DAYS = 30


class RevenueLedger:
    """Every payment is paid, in one currency, and counts on the day on which it is ordered. Keys are (zone, day)."""

    def __init__(self, city: City) -> None:
        self._city = city
        self._count: dict[tuple[int, int], int] = defaultdict(int)
        self._amount: dict[tuple[int, int], int] = defaultdict(int)
        self._payers: dict[tuple[int, int], set[int]] = defaultdict(set)

    def add(self, part: Slice) -> None:
        web = part.web
        bought = web.type == PURCHASE
        zone, day = part.visits.zone[web.visit[bought]], self._city.calendar.day_of(part.times(web)[bought])
        for *key, user, amount in zip(zone.tolist(), day.tolist(), web.user[bought].tolist(), price(web.amount[bought]).tolist()):
            self._count[tuple(key)] += 1
            self._amount[tuple(key)] += amount
            self._payers[tuple(key)].add(user)

    @property
    def payment_count(self) -> int:
        return sum(self._count.values())

    def rows(self, active: Callable[[int, int, int], int]) -> Iterator[tuple]:
        """`active(zone, day, window)`: users of a zone who were active in the `window` days that end on a day."""
        for zone, day in sorted(self._count):
            amount = self._amount[zone, day]
            month = sum(self._amount.get((zone, before), 0) for before in range(day - WINDOW_DAYS + 1, day + 1))
            dau, mau = (active(zone, day, window) for window in (1, WINDOW_DAYS))
            payments, payers = self._count[zone, day], len(self._payers[zone, day])
            yield (
                self._city.zones[zone],
                CURRENCY,
                self._city.calendar.dates[day],
                payments,
                payments,
                0,
                payers,
                Decimal(amount),
                Decimal(0),
                Decimal(month),
                amount / dau,
                month / mau,
            )
