"""The business day: MegaCity's calendar runs in Seoul, whatever the clock of the machine says.

`dt` of every clean row, the day of every mart and the day that the quality gate judges are all this day.
"""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

BUSINESS_TIMEZONE = "Asia/Seoul"


def business_day(moment: datetime) -> date:
    """The day that `moment` (with an offset) falls on in Seoul."""
    return moment.astimezone(ZoneInfo(BUSINESS_TIMEZONE)).date()


def end_of(day: date) -> datetime:
    """The first moment (UTC) that is no longer in `day`."""
    return datetime.combine(day + timedelta(days=1), time(), ZoneInfo(BUSINESS_TIMEZONE)).astimezone(UTC)


def last_complete_day(now: datetime) -> date:
    """Yesterday, in Seoul: the newest day of which everything can have arrived."""
    return business_day(now) - timedelta(days=1)
