"""Where land's batches come from: the bus.

bus ─▶ Puller.take ─▶ Pulled, a topic's messages in one part or several ─▶ land ─▶ Puller.done (ack)
"""

import hashlib
import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import accumulate, groupby

import zstandard

from beam_pipelines.landing import Pulled
from lakehouse import places
from lakehouse.contracts.model import Contract
from lakehouse.storage.protocols import Bus, Files, Message

SUBSCRIPTION = "land"
_MESSAGES_AT_ONCE = 200
_BYTES_AN_EVENT = 430  # on the bus before compression, roughly: how many a message holds is known only inside it
_USUAL_RATIO = 6
_PAUSE_S = 0.1  # to ask thirty topics whether something has come is work too


class Puller:
    """Pulls what waits in several topics, and remembers in storage what it gave out.

    If we are killed between a batch's commit and its acknowledgement, its messages come again. The commit names them,
    and so they are acknowledged then, and not landed twice. If we are killed before the commit, the same messages make
    the same batch again, which overwrites what the first attempt left.
    """

    def __init__(self, bus: Bus, files: Files, contracts: Sequence[Contract]) -> None:
        self._bus = bus
        self._files = files
        self._taken: list[tuple[str, list[Message]]] = []
        self._interrupted = {c.topic: self._in_hand(c.topic) for c in contracts}
        self._landed = {c.topic: self._committed(c) for c in contracts}

    def take(self, most_events: int, within_s: float, wait_s: float | None = None, enough_events: int | None = None) -> list[Pulled] | None:
        """Up to about `most_events` of what waits now. With `wait_s`: of what comes, waiting so long for the first and
        `within_s` from then on, or until `enough_events` have come; more than that are taken only where they are there
        already. None where nothing was there; empty where all of it is landed, and only done() lacks."""
        room, enough = most_events * _BYTES_AN_EVENT, (enough_events or most_events) * _BYTES_AN_EVENT
        found: dict[str, list[Message]] = {}
        until, first_came, came_in_all = time.monotonic() + (wait_s or 0), False, 0
        while came_in_all < room:
            came = self._pull_each(found)
            came_in_all += came
            if came and not first_came:
                until, first_came = time.monotonic() + within_s, True
            if wait_s is None or came_in_all >= enough:
                if not came:
                    break
            elif time.monotonic() >= until:
                break
            elif not came:
                time.sleep(_PAUSE_S)
        return [batch for topic, messages in found.items() for batch in self._batches(topic, messages, room)] if found else None

    def done(self) -> None:
        """Acknowledge what take() gave: it is committed. Raises NotDurableError; then it comes again.

        What nobody waits for any more leaves the bus: there it lies in clear, and in raw it is sealed.
        """
        for topic, messages in self._taken:
            self._bus.ack(topic, SUBSCRIPTION, messages)
            self._bus.trim(topic)
        self._taken = []

    def _pull_each(self, found: dict[str, list[Message]]) -> int:
        """One pull a topic; returns roughly how many bytes of envelopes came."""
        came = 0
        for topic in self._interrupted:
            if messages := self._bus.pull(topic, SUBSCRIPTION, _MESSAGES_AT_ONCE, 0):
                found.setdefault(topic, []).extend(messages)
                came += sum(_unpacked_size(m.data) for m in messages)
        return came

    def _batches(self, topic: str, messages: list[Message], most_bytes: int) -> Iterator[Pulled]:
        self._taken.append((topic, messages))
        named_messages = {message_name(m.id, m.data): m.data for m in messages}
        waiting = {name: data for name, data in named_messages.items() if name not in self._landed[topic]}
        interrupted, self._interrupted[topic] = self._interrupted[topic], {}
        fresh = {name: data for name, data in waiting.items() if name not in interrupted}
        named = {batch_name(topic, part): part for part in _parts(fresh, most_bytes)}
        for i in waiting:
            if i in interrupted:
                named.setdefault(interrupted[i], []).append(i)
        if named:
            self._files.put(places.landing_in_hand(topic), json.dumps(named).encode())
        for batch_id, ids in named.items():
            yield Pulled(topic, batch_id, datetime.now(UTC), {i: waiting[i] for i in ids})

    def _in_hand(self, topic: str) -> dict[str, str]:
        """Message → the batch that our predecessor was landing it in when it ended."""
        try:
            named = json.loads(self._files.get(places.landing_in_hand(topic)))
        except FileNotFoundError:
            return {}
        return {i: batch_id for batch_id, ids in named.items() for i in ids}

    def _committed(self, contract: Contract) -> frozenset[str]:
        """Those of the predecessor's messages that are landed; perhaps it could not acknowledge them any more."""
        landed: list[str] = []
        for batch_id in set(self._interrupted[contract.topic].values()):
            try:
                landed += json.loads(self._files.get(places.raw_commit(contract.domain, contract.table, batch_id)))["messages"]
            except FileNotFoundError:
                continue
        return frozenset(landed)


def _parts(messages: Mapping[str, bytes], most_bytes: int) -> list[list[str]]:
    """The names of messages, in as few parts as keep each about under `most_bytes` unpacked, all of about a size: a pull may bring
    far more than there was room for, and what is landed together is in memory together."""
    sizes = [_unpacked_size(data) for data in messages.values()]
    total = sum(sizes)
    each = max(1, total / max(1, math.ceil(total / most_bytes)))
    part_of = {name: (end - size / 2) // each for name, size, end in zip(messages, sizes, accumulate(sizes))}
    return [list(part) for _, part in groupby(messages, part_of.get)]


def message_name(message_id: str, data: bytes) -> str:
    """A bus that comes back empty may count from the beginning again. What is in a message tells it from the one that had its id
    before it; else it would be taken for landed, or its batch for that of the other."""
    return f"{message_id}#{hashlib.sha256(data).hexdigest()[:16]}"


def batch_name(topic: str, ids: Sequence[str]) -> str:
    """The same messages, or batches, always make a batch of the same name."""
    return hashlib.sha256("\n".join([topic, *ids]).encode()).hexdigest()[:20]


def _unpacked_size(data: bytes) -> int:
    """From the frame's head where it says so; otherwise by what envelopes usually compress to."""
    try:
        said = zstandard.frame_content_size(data)
    except zstandard.ZstdError:
        return len(data)  # a bare envelope, or nothing of ours
    return said if said > 0 else _USUAL_RATIO * len(data)
