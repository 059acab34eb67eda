"""What the door answers: an event that came through, or what became of a whole body."""

from dataclasses import dataclass, field
from typing import NamedTuple

from lakehouse.errors import BadInputError
from lakehouse.verdicts import Rejection

MAX_EVENTS = 1_000


class Admitted(NamedTuple):
    """An event that came through: its contract's id, and its envelope as one line."""

    contract: str
    line: bytes


@dataclass(slots=True)
class Admission:
    """What became of a body's events.

    lines      contract id → encoded envelopes, and sheets of them, in order
    counts     contract id → how many events that are
    rejected   index → why
    event_ids  of all, where any was rejected; None where it could not be read
    """

    size: int
    lines: dict[str, list[bytes]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    rejected: dict[int, Rejection] = field(default_factory=dict)
    event_ids: list[str | None] = field(default_factory=list)

    def take(self, contract: str, lines: list[bytes], count: int) -> None:
        self.lines.setdefault(contract, []).extend(lines)
        self.counts[contract] = self.counts.get(contract, 0) + count

    @property
    def accepted(self) -> int:
        return self.size - len(self.rejected)


class BodyRejectedError(BadInputError):
    """Nothing of this body can be judged event by event. `position` is the byte where it stops making sense."""

    def __init__(self, code: str, message: str, position: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.position = position
