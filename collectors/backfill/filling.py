"""From rows to the bus, every row by exactly one door: published, skipped, or rejected.

rows ─▶ joins ─▶ skip? ─▶ fields ─▶ event ─▶ lakehouse.door ─▶ bus (packed, a few thousand at once)
          └─ no match    └─ not usable  └─ same id twice  └─ verdict ─▶ Reject: line, reason
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from collectors.backfill.mapping import Mapping, Output
from collectors.backfill.sheets import Row, Unusable
from lakehouse.contracts import registry
from lakehouse.door import Door
from lakehouse.envelope import pack
from lakehouse.storage.protocols import Bus
from lakehouse.verdicts import CODES, Rejection

SOURCE = "backfill"
_AT_ONCE = 5_000
_FIRST = 5


@dataclass(frozen=True)
class Reject:
    """A row that could not become an event."""

    file: str
    line: int
    output: str
    reason: str
    values: dict[str, str]


@dataclass
class Outcome:
    """Counts by output's title; `first`: the first events of each, as they would be sent."""

    rows: int = 0
    published: Counter = field(default_factory=Counter)
    skipped: Counter = field(default_factory=Counter)  # (title, reason) → rows
    rejects: list[Reject] = field(default_factory=list)
    first: dict[str, list[tuple[int, dict]]] = field(default_factory=dict)


class Backfill:
    """One mapping, ready to run. `run(None, …)` does everything but publish."""

    def __init__(self, mapping: Mapping) -> None:
        self._mapping = mapping
        self._door = Door(registry(), SOURCE, ("stream", "table"))
        self._lines_of_ids: dict[str, int] = {}

    def run(self, bus: Bus | None, advance: Callable[[int], None]) -> Outcome:
        """Read all rows; `advance(rows)` as they are read. Raises NotDurableError where the bus does not take them, and
        BadInputError at a row that is no row: what came before is published then, and does no harm a second time."""
        outcome = Outcome()
        waiting: dict[str, list[bytes]] = {}
        for contract, line in self._lines(outcome, advance):
            waiting.setdefault(contract, []).append(line)
            if sum(map(len, waiting.values())) >= _AT_ONCE:
                _publish(bus, waiting)
        _publish(bus, waiting)
        return outcome

    def _lines(self, outcome: Outcome, advance: Callable[[int], None]) -> Iterator[tuple[str, bytes]]:
        received_at = datetime.now(UTC)
        for sheet in dict.fromkeys(output.sheet for output in self._mapping.outputs):
            outputs = [output for output in self._mapping.outputs if output.sheet == sheet]
            for row in sheet.rows():
                outcome.rows += 1
                advance(1)
                for output in outputs:
                    if made := self._admitted(output, row, received_at, outcome):
                        yield output.contract.topic, made

    def _admitted(self, output: Output, row: Row, received_at: datetime, outcome: Outcome) -> bytes | None:
        """The envelope; None where the row is skipped or rejected, which `outcome` then knows."""
        try:
            for join in output.joins:
                join.extend(row)
            for skip in output.skips:
                if skip.applies(row.values):
                    outcome.skipped[output.title, skip.reason] += 1
                    return None
            event = output.event(row.values, self._mapping.org_id)
            verdict = self._door.admit(json.dumps(event, ensure_ascii=False).encode(), self._mapping.zone_id, received_at)
            if isinstance(verdict, Rejection):
                raise Unusable(f"{verdict.code}{f' ({verdict.field})' if verdict.field else ''}: {CODES[verdict.code].says}")
            self._require_new(event["event_id"], row, output)
        except Unusable as unusable:
            outcome.rejects.append(Reject(output.sheet.path.name, row.line, output.title, str(unusable), dict(row.values)))
            return None
        outcome.published[output.title] += 1
        if len(first := outcome.first.setdefault(output.title, [])) < _FIRST:
            first.append((row.line, event))
        return verdict.line

    def _require_new(self, event_id: str, row: Row, output: Output) -> None:
        """Refine would drop a second event of the same id as a duplicate; here it is still known which rows those are."""
        before = self._lines_of_ids.setdefault(event_id, row.line)
        if before != row.line:
            raise Unusable(
                f"has the same {', '.join(output.id_columns)} as line {before}; name more columns under `id:` if it is another event"
            )


def _publish(bus: Bus | None, waiting: dict[str, list[bytes]]) -> None:
    if bus is not None:
        for contract, lines in waiting.items():
            bus.publish(contract, pack(lines))
    waiting.clear()
