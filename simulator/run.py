"""One simulation from its first slice to its truth: generate, send, publish, add up.

    generate ─▶ Step (requests, uploads, rows) ─▶ Sender ─▶ collector
                                               └▶ bus (snapshots, the partner's messages)
                                               └▶ or the source database, in place of snapshots
    ledger ─▶ truth.write, once everything is sent

While one step is being sent the next one is generated. The same parameters give the same bytes; simulating again sends
everything again, and changes nothing behind the front door.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from lakehouse.envelope import pack
from lakehouse.errors import BadInputError
from lakehouse.storage.protocols import Bus
from simulator import lines, partner, practice, practice_lines, requests, slices, snapshot, truth
from simulator.city import City
from simulator.ledger import Ledger
from simulator.lines import Lines
from simulator.media import MediaUpload
from simulator.mishaps import MALFORMED, Mishaps, Record
from simulator.partner import Message
from simulator.requests import Request
from simulator.sender import Sender, Tally
from simulator.slices import Slice
from simulator.snapshot import Row
from simulator.source_writer import SourceWriter

ROWS_AT_ONCE = 20_000


@dataclass
class Step:
    """What is sent in one go."""

    requests: list[Request]
    rows: list[Row]
    messages: list[Message] = field(default_factory=list)
    uploads: list[MediaUpload] = field(default_factory=list)
    written: tuple[Slice, Lines] | None = None


@dataclass
class Simulation:
    """A city's events in the making. `ledger` and the counts are complete once `steps` has ended.

    events           different ones that are good
    unknown_fields   good sendings, second ones too, that carry a field which no contract knows
    """

    city: City
    source: SourceWriter | None = None
    ledger: Ledger = field(init=False)
    events: int = 0
    rows: Counter = field(default_factory=Counter)
    unknown_fields: int = 0
    dead_letters: Counter = field(default_factory=Counter)
    partner_duplicates: int = 0

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.city)

    def steps(self) -> Iterator[Step]:
        """Slice by slice, and last what was held back and the standing tables."""
        mishaps, of_practice, number = Mishaps(self.city), Mishaps(self.city, stream=8), 0
        for part in slices.generate(self.city):
            self.ledger.add(part)
            written = lines.write(self.city, part)
            did = practice.practise(self.city, part)
            self.ledger.add_practice(part, did)
            practised = practice_lines.write(self.city, part, did)
            self.events += len(written.text) + len(practised.lines.text)
            number = part.number + 1
            records = mishaps.records(part, written) + of_practice.records(part, practised.lines)
            rows = [] if self.source else list(snapshot.sat(self.city, part))
            messages = partner.messages(self.city, part, written)
            step = self._step(self._requests(records, part.number), rows, messages, practised.uploads)
            yield replace(step, written=(part, written))
        self.ledger.add_standing()
        yield self._step(self._requests(mishaps.rest() + of_practice.rest(), number), [], [])
        if self.source:
            return
        standing = snapshot.standing(self.city)
        while rows := list(islice(standing, ROWS_AT_ONCE)):
            yield self._step([], rows, [])

    def _requests(self, records: list[Record], number: int) -> list[Request]:
        records.sort(key=lambda record: record.send_ms)
        self.unknown_fields += sum(lines.EXPERIMENT_FIELD in record.text for record in records if record.kind != MALFORMED)
        return requests.requests(self.city, records, number)

    def _step(self, sent: list[Request], rows: list[Row], messages: list[Message], uploads: Sequence[MediaUpload] = ()) -> Step:
        self.rows.update(row.contract for row in rows)
        self.dead_letters.update(message.code for message in messages if message.code)
        again = [message for message in messages if message.code is None]
        self.partner_duplicates += len(again)
        self.unknown_fields += sum(lines.EXPERIMENT_FIELD in message.event["payload"] for message in again)
        return Step(sent, rows, messages, list(uploads))


async def send(simulation: Simulation, bus: Bus, sender: Sender, advance: Callable[[int], None]) -> None:
    """Send every step. Raises NotDurableError where the collector, the bus or the source database does not take it."""
    steps, source = simulation.steps(), simulation.source
    if source:
        await asyncio.to_thread(source.begin)
    step = await asyncio.to_thread(next, steps)
    while step is not None:
        following = asyncio.create_task(asyncio.to_thread(next, steps, None))
        try:
            await asyncio.to_thread(publish, bus, step)
            if source and step.written:
                await asyncio.to_thread(source.write, *step.written)
            await sender.send(step.requests, advance)
            await sender.upload(step.uploads)
        except BaseException:
            await asyncio.wait([following])  # a thread cannot be interrupted
            raise
        step = await following
    if source:
        await asyncio.to_thread(source.end)
        simulation.ledger.captured(source.delivered)


def publish(bus: Bus, step: Step) -> None:
    """A step's rows as packed batches, and the partner's messages as they are."""
    by_contract: dict[str, list[bytes]] = {}
    received_at = snapshot.received_now()
    for row in step.rows:
        by_contract.setdefault(row.contract, []).append(row.line(received_at))
    for contract, packed in by_contract.items():
        bus.publish(contract, pack(packed))
    for message in step.messages:
        bus.publish(message.topic, [message.encoded(received_at)])


def parameters(city: City) -> dict:
    return {"seed": city.seed, "scale": city.scale, "days": city.calendar.days, "end_on": city.calendar.end_on.isoformat()}


def require_same_city(folder: Path, city: City) -> None:
    """A home holds one city: its truth would not be true of two. Raises BadInputError."""
    if (folder / truth.RUN).exists() and (before := truth.read_run(folder)["city"]) != parameters(city):
        told = ", ".join(f"{name} {value}" for name, value in before.items())
        raise BadInputError(
            f"{folder.parent} holds another city already ({told})", hint="set LAKEHOUSE_HOME to an empty folder, or use the same parameters"
        )


def summary(simulation: Simulation, tally: Tally) -> dict:
    """run.json: everything that was sent, and what must have become of it."""
    return {
        "city": parameters(simulation.city),
        "events": simulation.events,
        "requests": tally.requests,
        "retries": tally.retries,
        "sent": tally.sent,
        "accepted": tally.accepted,
        "rejected": dict(sorted(tally.rejected.items())),
        "duplicates": tally.duplicates,
        "duplicates_past_the_door": simulation.partner_duplicates,
        "late": tally.late,
        "media_objects": dict(sorted(tally.media.items())),
        "unexpected_verdicts": tally.surprises,
        "unexpected_examples": tally.unexpected,
        "rows_published": dict(sorted(simulation.rows.items())),
        "rows_changed": simulation.source.told() if simulation.source else {},
        "dead_letters": dict(sorted(simulation.dead_letters.items())),
        "unknown_fields": {lines.EXPERIMENT_FIELD: simulation.unknown_fields},
    }
