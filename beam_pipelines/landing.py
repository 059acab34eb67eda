"""What was pulled to be landed together; its envelopes are read by lakehouse.envelope_reader.

Payloads are not judged while landing: a record is landed as it came.
"""

from dataclasses import dataclass
from datetime import datetime

from lakehouse.envelope_reader import EnvelopeReader, Unreadable

__all__ = ["EnvelopeReader", "Pulled", "Unreadable"]


@dataclass(frozen=True)
class Pulled:
    """Messages of one topic that are landed together, by their ids. The batch's name follows from the ids."""

    topic: str
    batch_id: str
    landed_at: datetime
    messages: dict[str, bytes]
