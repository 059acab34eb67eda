"""The door: events as producers write them, in; envelopes ready for the bus, or a verdict for each, out.

    body ─▶ good as a whole? ── yes ─▶ envelopes, a few microseconds an event ─┐
                 └─ not sure ─▶ one by one ─▶ envelope or Rejection ───────────┴─▶ Admission

Pure: no framework, no clock, no storage. HTTP and backfill come in through it. An event is
{"event_id": …, "contract": …, "org_id": … (optional), "payload": {…}}; a body is one event or an array of them. The
payload is passed on as it was written, unknown fields included.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

import msgspec

from lakehouse import envelope, verdicts
from lakehouse.admission import MAX_EVENTS, Admission, Admitted, BodyRejectedError
from lakehouse.contracts import project, registry
from lakehouse.contracts.registry import Registry
from lakehouse.envelope import Envelope
from lakehouse.fast_lane import FastLane, is_array, on_one_line
from lakehouse.judge import NOT_JSON, WHITESPACE, Judge, Many, decode_elements, decode_names, decode_raw, refusal, repeats_a_name
from lakehouse.verdicts import Rejection

_BYTE = re.compile(r"\(byte (\d+)\)\Z")


class Door:
    """Contracts ready to admit events of the tenants of this region. `layers`: a producer inside the platform may also bring table
    rows."""

    def __init__(self, contracts: Registry, source: str, layers: tuple[str, ...] = ("stream",)) -> None:
        self._judges = {c.id: Judge(c) for c in contracts.layer(*layers)}
        self._source, self._here = source, contracts.here
        words = {name: project.python_type(contracts.word(name)) for name in ("event_id", "contract", "org_id")}
        self._decode_event = msgspec.json.Decoder(_outer_event(**words)).decode
        self._event_ids = Many(contracts.word("event_id").pattern)
        self.fast_lane = FastLane(self._judges, contracts, self._event_ids, source)

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
        if not self._here.is_home_of(outer.org_id, judge.contract):
            return Rejection(verdicts.ANOTHER_REGION, "org_id")
        decoded = judge.judge(outer.payload, received_at, skew_ms)
        if isinstance(decoded, Rejection):
            return decoded if decoded.field else Rejection(decoded.code, "payload")
        known = (judge.contract.id, judge.contract.version, self._source, zone_id, received_at)
        own = (msgspec.Raw(on_one_line(bytes(outer.payload))), outer.org_id, judge.subject_of(decoded), skew_ms)
        return Admitted(outer.contract, envelope.encode(Envelope(outer.event_id, *known, *own)))

    def admit_body(self, body: bytes, zone_id: str, received_at: datetime, skew_ms: int | None = None) -> Admission:
        """All events of one body. `received_at` in UTC; `skew_ms` by skew.py.

        Raises BodyRejectedError where the body is no JSON, neither event nor array, empty, or more than MAX_EVENTS.
        """
        if not body.isascii():
            _refuse_other_than_utf8(body)
        if good := self.fast_lane.admit(body, zone_id, received_at, skew_ms):
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
            if isinstance(verdict, Admitted) and orgs is not None and envelope.decode(verdict.line).org_id not in orgs:
                verdict = Rejection(verdicts.FORBIDDEN_ORG, "org_id")
            if isinstance(verdict, Rejection):
                whole.rejected[index] = verdict
            else:
                whole.take(verdict.contract, [verdict.line], 1)
        if whole.rejected:
            whole.event_ids = [None if isinstance(e, Rejection) else self._event_id(e) for e in events]
        return whole

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
            if good := self.fast_lane.admit(b"[%b]" % b",".join(part), zone_id, received_at, skew_ms):
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


def tenants_of(admission: Admission) -> set[int | None]:
    """Whose the admitted events are, read from the envelopes themselves, so that no reader of bodies can be fooled."""
    return {e.org_id for lines in admission.lines.values() for line in lines for e in envelope.read_line(line)}


def _outer_event(event_id: object, contract: object, org_id: object) -> type:
    """What an event looks like, its payload left as it is."""
    fields = [("event_id", event_id), ("contract", contract), ("payload", msgspec.Raw), ("org_id", org_id | None, None)]
    return msgspec.defstruct("Event", fields, gc=False, forbid_unknown_fields=True)


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


def _elements(body: bytes) -> list[msgspec.Raw]:
    if not body.strip(WHITESPACE):
        raise BodyRejectedError(verdicts.EMPTY, "the body is empty")
    try:
        elements = decode_elements(body) if is_array(body) else [decode_raw(body)]
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
