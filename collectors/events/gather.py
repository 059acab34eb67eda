"""Gathering what requests bring into few bus messages: a publish, and its fsync, cost far more than an event.

    request ─▶ keep() ─┐
    request ─▶ keep() ─┼─▶ the topic's open group: packed ─ few ms, or full ─▶ a thread: deliver ─▶ all their answers
    request ─▶ keep() ─┘

Packing happens in the event loop, while the processor's cache still holds the lines; that costs half of what it does
later in a thread, which is left with waiting for the disk or the network.
What waits is bounded: beyond it requests are turned away, and come again when there is room.
"""

import asyncio
from concurrent.futures import Executor, Future
from functools import partial

from collectors.events.outbox import Outbox
from lakehouse import envelope
from lakehouse.errors import BusyError

_GROUP_BYTES = envelope.MAX_BATCH_BYTES // 2
_GROUPS_IN_FLIGHT = 1  # of one topic: while it travels the next one fills, and each costs a compression, a thread's turn and an fsync


class _Group:
    """What will be delivered together; `done` is set once it is, or `error` says why it is not."""

    def __init__(self) -> None:
        self.size = 0
        self.done = asyncio.Event()
        self.error: BaseException | None = None


class _Lane:
    """One topic's groups."""

    def __init__(self, topic: str, gatherer: "Gatherer") -> None:
        self._topic = topic
        self._gatherer = gatherer
        self._packer = envelope.Packer()
        self._open: _Group | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_due = False
        self._in_flight = 0

    def add(self, lines: list[bytes], size: int) -> _Group:
        group = self._open
        if group is None:
            group = self._open = _Group()
            self._timer = asyncio.get_running_loop().call_later(self._gatherer.linger_s, self.send)
        self._packer.add(lines)
        group.size += size
        if group.size >= _GROUP_BYTES:
            self.send()
        return group

    def send(self) -> None:
        if self._open is None:
            return
        self._timer.cancel()
        self._is_due = self._in_flight >= _GROUPS_IN_FLIGHT  # then it leaves as soon as another one is through
        if self._is_due:
            return
        group, self._open = self._open, None
        self._in_flight += 1
        work = asyncio.get_running_loop().run_in_executor(
            self._gatherer.threads, self._gatherer.outbox.deliver, self._topic, self._packer.take()
        )
        work.add_done_callback(partial(self._through, group))

    def _through(self, group: _Group, work: Future) -> None:
        self._in_flight -= 1
        self._gatherer.waiting_bytes -= group.size
        group.error = work.exception()
        group.done.set()
        if self._is_due:
            self.send()


class Gatherer:
    """One collector's lanes. Lives in one event loop; delivers in `threads`."""

    def __init__(self, outbox: Outbox, threads: Executor, linger_ms: float, most_waiting_bytes: int) -> None:
        self.outbox = outbox
        self.threads = threads
        self.linger_s = linger_ms / 1000
        self.waiting_bytes = 0
        self._most = most_waiting_bytes
        self._lanes: dict[str, _Lane] = {}

    @property
    def is_full(self) -> bool:
        return self.waiting_bytes >= self._most

    async def keep(self, lines: dict[str, list[bytes]]) -> None:
        """Return once all lines (topic → encoded envelopes) are durable.

        Raises BusyError where too much waits already, NotDurableError where they could not be kept; after an error some
        may be durable all the same: sending again makes duplicates of the same event_id, which refine drops.
        """
        sizes = {topic: sum(map(len, some)) for topic, some in lines.items()}
        size = sum(sizes.values())
        if self.waiting_bytes and self.waiting_bytes + size > self._most:
            raise BusyError("too much waits to be made durable", hint="send it again after the pause that Retry-After names")
        self.waiting_bytes += size
        groups = [self._lane(topic).add(some, sizes[topic]) for topic, some in lines.items()]
        for group in groups:
            await group.done.wait()
        for group in groups:
            if group.error:
                raise group.error

    def _lane(self, topic: str) -> _Lane:
        if topic not in self._lanes:
            self._lanes[topic] = _Lane(topic, self)
        return self._lanes[topic]
