"""The door: events as producers write them, in; envelopes ready for the bus, or a verdict for each, out.

    body ─▶ good as a whole? ── yes ─▶ envelopes, a few microseconds an event ─┐
                 └─ not sure ─▶ one by one ─▶ envelope or Rejection ───────────┴─▶ Admission

Pure: no framework, no clock, no storage. HTTP and backfill come in through it. An event is
{"event_id": …, "contract": …, "org_id": … (optional), "payload": {…}}; a body is one event or an array of them. The
payload is passed on as it was written, unknown fields included.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from itertools import repeat
from typing import NamedTuple

import msgspec
import numpy as np

from lakehouse import envelope, verdicts
from lakehouse.contracts import project, registry
from lakehouse.contracts.registry import Registry
from lakehouse.errors import BadInputError
from lakehouse.judge import MAX_PAYLOAD_BYTES, NOT_JSON, WHITESPACE, Judge, Many, decode_names, decode_raw, refusal, repeats_a_name
from lakehouse.verdicts import Rejection

MAX_EVENTS = 1_000
_LINES_TOGETHER_BYTES = envelope.MAX_BATCH_BYTES // 4  # bodies up to here become one piece of a bus message
_MUCH_BYTES = 8_192
_COLON = ord(":")
_BYTE = re.compile(r"\(byte (\d+)\)\Z")
_decode_elements = msgspec.json.Decoder(list[msgspec.Raw]).decode
_encode_lines = msgspec.json.Encoder().encode_lines
_Tenant = msgspec.defstruct("Tenant", [("org_id", int | None)])
_decode_tenant = msgspec.json.Decoder(_Tenant).decode
_decode_tenants = msgspec.json.Decoder(_Tenant).decode_lines


class Admitted(NamedTuple):
    """An event that came through: its contract's id, and its envelope as one line."""

    contract: str
    line: bytes


@dataclass(slots=True)
class Admission:
    """What became of a body's events.

    lines      contract id → encoded envelopes, in order; one element may hold several, a line end between them
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


class Door:
    """Contracts ready to admit events. `layers`: a producer inside the platform may also bring table rows."""

    def __init__(self, contracts: Registry, source: str, layers: tuple[str, ...] = ("stream",)) -> None:
        self._judges = {c.id: Judge(c) for c in contracts.layer(*layers)}
        self._source = source
        self._colons = {struct: colons for judge in self._judges.values() for struct, colons in judge.least_colons.items()}
        self._optional_from = {struct: _required(struct) for struct in self._colons}
        words = {name: project.python_type(contracts.word(name)) for name in ("event_id", "contract", "org_id")}
        self._decode_event = msgspec.json.Decoder(_event("Event", **words)).decode
        plain = _event("PlainEvent", **words | {"event_id": str})
        self._decode_one = msgspec.json.Decoder(plain).decode
        self._decode_many = msgspec.json.Decoder(list[plain]).decode
        self._event_ids = Many(contracts.word("event_id").pattern)

    def admit(self, event: bytes | msgspec.Raw, zone_id: str, received_at: datetime, skew_ms: int | None = None) -> Admitted | Rejection:
        """One event. `received_at` in UTC; `skew_ms` by skew.py. Raises nothing, whatever the bytes are."""
        text = bytes(event)
        try:
            text.decode()
            decode_raw(text)
            if repeats_a_name(text):
                return Rejection(verdicts.MALFORMED_JSON)
            outer = self._decode_event(text)
        except msgspec.ValidationError as error:
            return refusal(error)
        except NOT_JSON:
            return Rejection(verdicts.MALFORMED_JSON)
        judge = self._judges.get(outer.contract)
        if judge is None:
            return Rejection(verdicts.UNKNOWN_CONTRACT, "contract")
        decoded = judge.judge(outer.payload, received_at, skew_ms)
        if isinstance(decoded, Rejection):
            return decoded if decoded.field else Rejection(decoded.code, "payload")
        wrapped = self._wrap(judge, [outer], [decoded], zone_id, received_at, skew_ms, b"\n" in text)
        return Admitted(outer.contract, envelope.encode(wrapped[0]))

    def admit_body(self, body: bytes, zone_id: str, received_at: datetime, skew_ms: int | None = None) -> Admission:
        """All events of one body. `received_at` in UTC; `skew_ms` by skew.py.

        Raises BodyRejectedError where the body is no JSON, neither event nor array, empty, or more than MAX_EVENTS.
        """
        if not body.isascii():
            _refuse_other_than_utf8(body)
        if good := self._admit_good(body, zone_id, received_at, skew_ms):
            return good
        elements = _elements(body)
        whole = Admission(len(elements))
        self._sort_out(elements, 0, whole, zone_id, received_at, skew_ms)
        if whole.rejected:
            whole.event_ids = [self._event_id(e) for e in elements]
        return whole

    def admit_each(
        self,
        events: Sequence[bytes | Rejection],
        zone_id: str,
        received_at: datetime,
        orgs: frozenset[int] | None = None,
        skew_ms: int | None = None,
    ) -> Admission:
        """One by one, where something is amiss. What is a Rejection already stays one; so does an event outside `orgs`."""
        whole = Admission(len(events))
        for index, event in enumerate(events):
            verdict = event if isinstance(event, Rejection) else self.admit(event, zone_id, received_at, skew_ms)
            if isinstance(verdict, Admitted) and orgs is not None and _decode_tenant(verdict.line).org_id not in orgs:
                verdict = Rejection(verdicts.FORBIDDEN_ORG, "org_id")
            if isinstance(verdict, Rejection):
                whole.rejected[index] = verdict
            else:
                whole.take(verdict.contract, [verdict.line], 1)
        if whole.rejected:
            whole.event_ids = [None if isinstance(e, Rejection) else self._event_id(e) for e in events]
        return whole

    def _admit_good(self, body: bytes, zone_id: str, received_at: datetime, skew_ms: int | None = None) -> Admission | None:
        """The whole body in a few passes of C where nothing is wrong with it; None where anything may be."""
        judges = self._judges
        try:
            events = self._decode_many(body) if _is_array(body) else [self._decode_one(body)]
            payloads = self._decoded(events)
            if not 0 < len(events) <= MAX_EVENTS or len(body) > MAX_PAYLOAD_BYTES or (b"\\" in body and b"\\u0000" in body):
                return None
            if not self._event_ids.match([e.event_id for e in events]) or not self._names_are_unique(body, events, payloads):
                return None
        except (*NOT_JSON, KeyError):
            return None
        admission = Admission(len(events))
        for contract, mine, theirs in _by_contract(events, payloads):
            judge = judges[contract]
            if not judge.all_good(theirs, received_at, skew_ms):
                return None
            wrapped = self._wrap(judge, mine, theirs, zone_id, received_at, skew_ms, b"\n" in body)
            admission.take(contract, _encoded(wrapped, len(body)), len(mine))
        return admission

    def _decoded(self, events: list) -> list:
        contracts = {e.contract for e in events}
        if len(contracts) == 1:
            return list(map(self._judges[contracts.pop()].skim, [e.payload for e in events]))
        return [self._judges[e.contract].skim(e.payload) for e in events]

    def _names_are_unique(self, body: bytes, events: list, payloads: list) -> bool:
        """Whether no object of the body names a member twice, by counting.

        Every member brings a colon, and so do the texts of timestamps. A value that was decoded stands for one member at
        least; if there are no more colons than these account for, no member was there twice. That is the cheap proof for
        bodies without nulls, unknown fields and other colons. The second counts `":` against the names themselves.
        """
        values_of = msgspec.structs.astuple
        least = 4 * len(events) - [e.org_id for e in events].count(None)
        least += sum([self._colons[struct] * times for struct, times in Counter(map(type, payloads)).items()])
        first = self._optional_from  # to compare with the required values, which are never None, would cost most of it all
        least -= sum([values_of(p)[first[type(p)] :].count(None) for p in payloads])
        if b"+" in body:
            least += body.count(b"+00:00") + body.count(b"+09:00")
        if _count_colons(body) == least:
            return True
        names = sum(len(decode_names(event)) for event in _elements(body)) + sum(len(decode_names(event.payload)) for event in events)
        return body.translate(None, WHITESPACE).count(b'":') == names

    def _sort_out(
        self, elements: list[msgspec.Raw], first: int, whole: Admission, zone_id: str, received_at: datetime, skew_ms: int | None
    ) -> None:
        """Judge `elements`, of which some are not good; few are as a rule, so halve until only those are left.

        `first` is the index of the first of them in the body.
        """
        if len(elements) == 1:
            verdict = self.admit(elements[0], zone_id, received_at, skew_ms)
            if isinstance(verdict, Rejection):
                whole.rejected[first] = verdict
            else:
                whole.take(verdict.contract, [verdict.line], 1)
            return
        middle = len(elements) // 2
        for start, part in ((0, elements[:middle]), (middle, elements[middle:])):
            if good := self._admit_good(b"[%b]" % b",".join(part), zone_id, received_at, skew_ms):
                for contract, lines in good.lines.items():
                    whole.take(contract, lines, good.counts[contract])
            else:
                self._sort_out(part, first + start, whole, zone_id, received_at, skew_ms)

    def _event_id(self, element: msgspec.Raw) -> str | None:
        """The event's id where it is one, so that the sender knows which event a verdict is about."""
        try:
            event_id = msgspec.json.decode(decode_names(element)["event_id"], type=str)
        except (*NOT_JSON, KeyError):
            return None
        return event_id if self._event_ids.match([event_id]) else None

    def _wrap(
        self, judge: Judge, events: list, payloads: list, zone_id: str, received_at: datetime, skew_ms: int | None, has_line_ends: bool
    ) -> list:
        """Events and their decoded payloads → envelopes. A line end, which JSON has between tokens only, becomes a blank."""
        contract, version, source = judge.contract.id, judge.contract.version, self._source
        raws = [e.payload for e in events]
        if has_line_ends:
            raws = [msgspec.Raw(bytes(raw).replace(b"\n", b" ")) for raw in raws]
        same = map(repeat, (contract, version, source, zone_id))
        subjects = map(judge.subject_of, payloads)
        ids, org_ids = [e.event_id for e in events], [e.org_id for e in events]
        return list(map(envelope.Envelope, ids, *same, org_ids, subjects, repeat(received_at), raws, repeat(skew_ms)))


def tenants_of(admission: Admission) -> set[int | None]:
    """Whose the admitted events are, read from the envelopes themselves, so that no reader of bodies can be fooled."""
    return {line.org_id for lines in admission.lines.values() for line in _decode_tenants(b"\n".join(lines))}


def elements(body: bytes) -> list[msgspec.Raw]:
    """The events of a body, each as it was written. Raises BodyRejectedError."""
    return _elements(body)


def admit(event: bytes, zone_id: str, received_at: datetime, source: str) -> Admitted | Rejection:
    """One event by the contracts of the settings; `door(source)` is the same for many."""
    return door(source).admit(event, zone_id, received_at)


def door(source: str) -> Door:
    """The door of this process's contracts."""
    return _door(registry(), source)


@lru_cache(maxsize=8)
def _door(contracts: Registry, source: str) -> Door:
    return Door(contracts, source)


def _event(name: str, **words: object) -> type:
    fields = [("event_id", words["event_id"]), ("contract", words["contract"]), ("payload", msgspec.Raw)]
    return msgspec.defstruct(name, [*fields, ("org_id", words["org_id"] | None, None)], gc=False, forbid_unknown_fields=True)


def _required(struct: type) -> int:
    """How many of a struct's fields are; they come first."""
    return sum(f.required for f in msgspec.structs.fields(struct))


def _count_colons(body: bytes) -> int:
    """numpy is the quicker one where there is much to count."""
    if len(body) < _MUCH_BYTES:
        return body.count(b":")
    return int(np.count_nonzero(np.frombuffer(body, np.uint8) == _COLON))


def _encoded(wrapped: list, size: int) -> list[bytes]:
    return [_encode_lines(wrapped)[:-1]] if size < _LINES_TOGETHER_BYTES else [envelope.encode(e) for e in wrapped]


def _by_contract(events: list, payloads: list) -> Iterator[tuple[str, list, list]]:
    contracts = {e.contract for e in events}
    if len(contracts) == 1:
        yield events[0].contract, events, payloads
        return
    for contract in contracts:
        mine, theirs = zip(*[(e, p) for e, p in zip(events, payloads) if e.contract == contract])
        yield contract, mine, theirs


def _is_array(body: bytes) -> bool:
    return body.lstrip(WHITESPACE).startswith(b"[")


def _elements(body: bytes) -> list[msgspec.Raw]:
    if not body.strip(WHITESPACE):
        raise BodyRejectedError(verdicts.EMPTY, "the body is empty")
    try:
        elements = _decode_elements(body) if _is_array(body) else [decode_raw(body)]
    except msgspec.DecodeError as error:
        at = _BYTE.search(str(error))
        raise BodyRejectedError(verdicts.MALFORMED_JSON, "the body is not JSON", at and int(at[1])) from None
    except RecursionError:
        raise BodyRejectedError(verdicts.MALFORMED_JSON, "the body nests without end") from None
    if not elements:
        raise BodyRejectedError(verdicts.EMPTY, "the body holds no event")
    if len(elements) > MAX_EVENTS:
        raise BodyRejectedError(verdicts.TOO_LARGE, f"more than {MAX_EVENTS} events in one body")
    return elements


def _refuse_other_than_utf8(body: bytes) -> None:
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise BodyRejectedError(verdicts.MALFORMED_JSON, "the body is not UTF-8", error.start) from None
