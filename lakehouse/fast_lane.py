"""The door's fast lane: a body in which nothing is wrong, admitted as a whole in a few passes of C.

    body ─▶ outer members ─▶ payloads, without their patterns ─▶ patterns, names, times, all at once ─▶ lines
              └───────────────────┴── anything amiss ──────────────────┴─▶ None: door.py asks judge.py, event by event

It only ever says yes, or that it is not sure. What it admits, judge.py would; a test holds the two against each other.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Literal

import msgspec
import numpy as np

from lakehouse import envelope
from lakehouse.admission import MAX_EVENTS, Admission
from lakehouse.judge import MAX_PAYLOAD_BYTES, NOT_JSON, WHITESPACE, Judge, Many, decode_elements, decode_names

_LINES_TOGETHER_BYTES = envelope.MAX_BATCH_BYTES // 4  # bodies up to here become one piece of a bus message
_MUCH_BYTES = 8_192
_COLON = ord(":")
_values_of = msgspec.structs.astuple


class FastLane:
    """The contracts that `judges` know, ready to admit whole bodies. `words`: the types of an event's outer members."""

    def __init__(self, judges: Mapping[str, Judge], words: Mapping[str, object], event_ids: Many, source: str) -> None:
        self._judges = judges
        self._event_ids = event_ids
        self._source = source
        self._colons = {struct: colons for judge in judges.values() for struct, colons in judge.least_colons.items()}
        self._optional_from = {struct: _required(struct) for struct in self._colons}
        # The ids' pattern is matched for all at once; a contract out of a few known texts is cheaper to read than any text.
        event = outer_event("PlainEvent", **words | {"event_id": str, "contract": Literal[tuple(judges)]})
        self._decode_one = msgspec.json.Decoder(event).decode
        self._decode_many = msgspec.json.Decoder(list[event]).decode

    def admit(self, body: bytes, zone_id: str, received_at: datetime, skew_ms: int | None) -> Admission | None:
        """The whole body, or None where anything may be wrong with it. `received_at` in UTC; `skew_ms` by skew.py."""
        try:
            events = self._decode_many(body) if is_array(body) else [self._decode_one(body)]
            if not 0 < len(events) <= MAX_EVENTS or len(body) > MAX_PAYLOAD_BYTES or (b"\\" in body and b"\\u0000" in body):
                return None
            event_ids, contracts, raws, org_ids = zip(*map(_values_of, events))
            payloads = self._skimmed(contracts, raws)
            if not self._event_ids.match(event_ids) or not self._names_are_unique(body, org_ids, raws, payloads):
                return None
        except NOT_JSON:
            return None
        if b"\n" in body:
            raws = tuple(map(on_one_line, raws))
        admission = Admission(len(events))
        for contract, *columns in _by_contract(contracts, event_ids, org_ids, raws, payloads):
            lines = self._lines(self._judges[contract], *columns, zone_id, received_at, skew_ms)
            if lines is None:
                return None
            admission.take(contract, [lines] if len(body) < _LINES_TOGETHER_BYTES else lines.split(b"\n"), len(columns[0]))
        return admission

    def _skimmed(self, contracts: Sequence[str], raws: Sequence[msgspec.Raw]) -> list:
        if len(set(contracts)) == 1:
            return list(map(self._judges[contracts[0]].skim, raws))
        return [self._judges[contract].skim(raw) for contract, raw in zip(contracts, raws)]

    def _lines(
        self,
        judge: Judge,
        event_ids: Sequence[str],
        org_ids: Sequence[int | None],
        raws: Sequence[msgspec.Raw],
        payloads: Sequence,
        zone_id: str,
        received_at: datetime,
        skew_ms: int | None,
    ) -> bytes | None:
        """Events of one contract as envelopes, a line each."""
        if not judge.all_good(payloads, received_at, skew_ms):
            return None
        shared = (judge.contract.id, judge.contract.version, self._source, zone_id, received_at)
        return envelope.encode_alike(event_ids, raws, org_ids, map(judge.subject_of, payloads), skew_ms, *shared)

    def _names_are_unique(self, body: bytes, org_ids: Sequence[int | None], raws: Sequence[msgspec.Raw], payloads: list) -> bool:
        """Whether no object of the body names a member twice, by counting.

        Every member brings a colon, and so do the texts of timestamps. A value that was decoded stands for one member at
        least; if there are no more colons than these account for, no member was there twice. That is the cheap proof for
        bodies without nulls, unknown fields and other colons. The second counts `":` against the names themselves.
        """
        least = 4 * len(org_ids) - org_ids.count(None)
        least += sum([self._colons[struct] * times for struct, times in Counter(map(type, payloads)).items()])
        first = self._optional_from  # to compare with the required values, which are never None, would cost most of it all
        least -= sum([_values_of(p)[first[type(p)] :].count(None) for p in payloads])
        if b"+" in body:
            least += body.count(b"+00:00") + body.count(b"+09:00")
        if _count_colons(body) == least:
            return True
        elements = decode_elements(body) if is_array(body) else [body]
        names = sum(len(decode_names(element)) for element in elements) + sum(len(decode_names(raw)) for raw in raws)
        return body.translate(None, WHITESPACE).count(b'":') == names


def is_array(body: bytes) -> bool:
    return body.lstrip(WHITESPACE).startswith(b"[")


def on_one_line(payload: msgspec.Raw) -> msgspec.Raw:
    """JSON has line ends between tokens only; a blank says the same, and does not end a line."""
    return msgspec.Raw(bytes(payload).replace(b"\n", b" "))


def outer_event(name: str, event_id: object, contract: object, org_id: object) -> type:
    """What an event looks like, its payload left as it is."""
    fields = [("event_id", event_id), ("contract", contract), ("payload", msgspec.Raw), ("org_id", org_id | None, None)]
    return msgspec.defstruct(name, fields, gc=False, forbid_unknown_fields=True)


def _required(struct: type) -> int:
    """How many of a struct's fields are; they come first."""
    return sum(f.required for f in msgspec.structs.fields(struct))


def _count_colons(body: bytes) -> int:
    """numpy is the quicker one where there is much to count."""
    if len(body) < _MUCH_BYTES:
        return body.count(b":")
    return int(np.count_nonzero(np.frombuffer(body, np.uint8) == _COLON))


def _by_contract(contracts: Sequence[str], *columns: Sequence) -> Iterator[tuple]:
    """(contract, its part of each column)."""
    different = set(contracts)
    if len(different) == 1:
        yield contracts[0], *columns
        return
    for one in different:
        yield one, *zip(*[values for contract, *values in zip(contracts, *columns) if contract == one])
