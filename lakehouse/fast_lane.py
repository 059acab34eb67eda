"""The door's fast lane: a body in which nothing is wrong, admitted as a whole in a few passes of C.

    body ─▶ events, in one pass, without their patterns ─▶ patterns, names, times, all at once ─▶ a sheet for each contract
              └───────────── anything amiss ──────────────────┴─▶ None: door.py asks judge.py, event by event

It only ever says yes, or that it is not sure. What it admits, judge.py would; a test holds the two against each other.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import reduce
from itertools import compress
from operator import or_

import msgspec
import numpy as np

from lakehouse import envelope
from lakehouse.admission import MAX_EVENTS, Admission
from lakehouse.contracts import project
from lakehouse.contracts.registry import Registry
from lakehouse.judge import MAX_PAYLOAD_BYTES, NOT_JSON, WHITESPACE, Judge, Many, decode_elements, decode_names

_MUCH_BYTES = 8_192
_COLON = ord(":")
_values_of = msgspec.structs.astuple


class FastLane:
    """The contracts that `judges` know, ready to admit whole bodies of this region's tenants."""

    def __init__(self, judges: Mapping[str, Judge], contracts: Registry, event_ids: Many, source: str) -> None:
        self._event_ids = event_ids
        self._source = source
        self._colons = {struct: colons for judge in judges.values() for struct, colons in judge.least_colons.items()}
        self._optional_from = {struct: _required(struct) for struct in self._colons}
        # The contract's id is the tag of a union, so that one pass reads the payload too. The ids' pattern is matched later.
        self._judges = {_event(judge, contracts): judge for judge in judges.values()}
        event = reduce(or_, self._judges)
        self._decode_one = msgspec.json.Decoder(event).decode
        self._decode_many = msgspec.json.Decoder(list[event]).decode

    def admit(self, body: bytes, zone_id: str, received_at: datetime, skew_ms: int | None) -> Admission | None:
        """The whole body, or None where anything may be wrong with it. `received_at` in UTC; `skew_ms` by skew.py."""
        try:
            events = self._decode_many(body) if is_array(body) else [self._decode_one(body)]
            if not 0 < len(events) <= MAX_EVENTS or len(body) > MAX_PAYLOAD_BYTES or (b"\\" in body and b"\\u0000" in body):
                return None
            event_ids, payloads, org_ids = zip(*map(_values_of, events))
            if not self._event_ids.match(event_ids) or not self._names_are_unique(body, org_ids, payloads):
                return None
        except NOT_JSON:
            return None
        admission = Admission(len(events))
        kinds = list(map(type, events))
        for kind in set(kinds):
            mine = None if kinds.count(kind) == len(kinds) else [each is kind for each in kinds]
            judge = self._judges[kind]
            decoded = payloads if mine is None else list(compress(payloads, mine))
            if not judge.all_good(decoded, received_at, skew_ms):
                return None
            same = (judge.contract.id, judge.contract.version, self._source, zone_id, received_at)
            admission.take(judge.contract.id, [envelope.sheet(_array(body, mine), skew_ms, *same)], len(decoded))
        return admission

    def _names_are_unique(self, body: bytes, org_ids: Sequence[int | None], payloads: Sequence) -> bool:
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
        outer = list(map(decode_names, elements))
        names = sum(map(len, outer)) + sum(len(decode_names(event["payload"])) for event in outer)
        return body.translate(None, WHITESPACE).count(b'":') == names


def is_array(body: bytes) -> bool:
    return body.lstrip(WHITESPACE).startswith(b"[")


def on_one_line(text: bytes) -> bytes:
    """JSON has line ends between tokens only; a blank says the same, and does not end a line."""
    return text.replace(b"\n", b" ")


def _event(judge: Judge, contracts: Registry) -> type:
    """Of a tenant at home here: the decoder itself stumbles over any other."""
    here = contracts.here
    org_id = project.python_type(contracts.word("org_id").also(minimum=here.first_org_id, maximum=here.last_org_id))
    tenant = ("org_id", org_id | None, None) if here.is_home_of(None, judge.contract) else ("org_id", org_id)
    fields = [("event_id", str), ("payload", judge.skimmed), tenant]
    options = {"gc": False, "forbid_unknown_fields": True}
    return msgspec.defstruct(judge.contract.table, fields, tag_field="contract", tag=judge.contract.id, **options)


def _array(body: bytes, mine: Sequence[bool] | None) -> bytes:
    """The events of a body that are `mine`, or all, as one array on one line."""
    if mine is None:
        return on_one_line(body if is_array(body) else b"[%b]" % body)
    return on_one_line(b"[%b]" % b",".join(compress(decode_elements(body), mine)))


def _required(struct: type) -> int:
    """How many of a struct's fields are; they come first."""
    return sum(f.required for f in msgspec.structs.fields(struct))


def _count_colons(body: bytes) -> int:
    """numpy is the quicker one where there is much to count."""
    if len(body) < _MUCH_BYTES:
        return body.count(b":")
    return int(np.count_nonzero(np.frombuffer(body, np.uint8) == _COLON))
