"""What a rule came to: what was due, and what became of it."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from functools import reduce

from lakehouse.privacy.retention.rules import Rule


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of what was due: `removed`, or left for a reason. Items are files, or rows where the place is a table.

    held      a hold covers it
    in_force  a row that says what is so today: of an account that the source still has
    waiting   refine has not read it yet
    oldest    the day of the oldest that is left, of whatever age; None where nothing is, or nobody looked
    """

    rule: Rule
    removed: int = 0
    bytes: int = 0
    held: int = 0
    in_force: int = 0
    waiting: int = 0
    oldest: date | None = None
    examples: tuple[str, ...] = field(default=())

    def told(self) -> dict:
        return asdict(self) | {"oldest": self.oldest and self.oldest.isoformat(), "examples": list(self.examples)}

    def and_(self, other: "Outcome") -> "Outcome":
        sums = {name: getattr(self, name) + getattr(other, name) for name in ("removed", "bytes", "held", "in_force", "waiting")}
        oldest = min((day for day in (self.oldest, other.oldest) if day), default=None)
        return replace(self, **sums, oldest=oldest, examples=(self.examples + other.examples)[:5])


def together(rule: Rule, outcomes: Iterable[Outcome]) -> Outcome:
    return reduce(Outcome.and_, outcomes, Outcome(rule))
