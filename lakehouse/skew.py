"""How wrong a producer's clock is, and whether its event times are corrected.

    Sent-At, by the producer's clock ─▶ received_at - sent_at ─▶ within two seconds ─▶ none: that is the way here
                                                     ├─▶ up to seven days ─▶ skew_ms, which travels in the envelope
                                                     └─▶ more ─▶ implausible: counted, and nothing is corrected

A request's way is in the difference too, so a correction of less than a way may take would only add noise. A clock that
is wrong by more than days was never set; what such a device says of minutes means nothing either, and the limits on event
times decide.
"""

import re
from datetime import UTC, datetime, timedelta

import msgspec

from lakehouse.errors import BadInputError

TOLERANCE_MS = 2_000
MOST_MS = 7 * 24 * 60 * 60 * 1_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_UNIX_MS = re.compile(r"[0-9]{1,15}")


def skew_ms(sent_at: str, received_at: datetime) -> int:
    """Milliseconds that the producer's clock is behind ours; negative where it is ahead.

    `sent_at`: RFC 3339 with an offset, or milliseconds since 1970. Raises BadInputError.
    """
    if _UNIX_MS.fullmatch(sent_at):
        return (received_at - _EPOCH) // _MILLISECOND - int(sent_at)
    try:
        return (received_at - msgspec.convert(sent_at, datetime)) // _MILLISECOND
    except (msgspec.ValidationError, TypeError):  # no time at all; one without an offset
        raise BadInputError("this is no time", hint="write RFC 3339 with an offset, or milliseconds since 1970") from None


def is_negligible(ms: int) -> bool:
    return -TOLERANCE_MS <= ms <= TOLERANCE_MS


def is_plausible(ms: int) -> bool:
    return -MOST_MS <= ms <= MOST_MS
