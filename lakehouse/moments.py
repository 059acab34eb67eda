"""Moments as people type them on a command line: 2026-11-25, 2026-11-25T08:30, 2026-11-25T08:30+09:00."""

from datetime import UTC, datetime

from lakehouse.errors import BadInputError


def moment(text: str | None) -> datetime | None:
    """UTC where no offset is given. Raises BadInputError."""
    if text is None:
        return None
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise BadInputError(
            f"{text!r} is no moment", hint="write 2026-11-25, or 2026-11-25T08:30 (UTC), or 2026-11-25T08:30+09:00"
        ) from None
    return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
