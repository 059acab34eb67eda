"""What a contract says of one payload: the exact answer, event by event.

    payload ─▶ size ─▶ JSON ─▶ types, limits, patterns ─▶ names ─▶ decimals ─▶ NUL ─▶ time ─▶ decoded, or a Rejection

door.py proves most batches good by cheaper means and asks here about the others. msgspec's messages may quote a value,
so nothing of a message goes further than the code and the field that it is turned into.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from operator import attrgetter
from typing import Any

import msgspec

from lakehouse import verdicts
from lakehouse.contracts import project
from lakehouse.contracts.model import Contract
from lakehouse.errors import ContractError
from lakehouse.verdicts import Rejection

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
CLOCK_TOLERANCE = timedelta(minutes=10)
MAX_PAYLOAD_BYTES = 1_048_576
WHITESPACE = b" \t\r\n"
NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding raises; a ValidationError, which is a DecodeError too, means JSON that breaks the contract."""

decode_raw = msgspec.json.Decoder(msgspec.Raw).decode
decode_names = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
decode_elements = msgspec.json.Decoder(list[msgspec.Raw]).decode
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_AT = re.compile(r" - at `\$\.([A-Za-z0-9_]+)[^`]*`\Z")
_QUOTED = re.compile(r"`([A-Za-z][A-Za-z0-9_]{0,63})`\Z")
_STARTS = (
    ("Object missing required field", verdicts.MISSING_FIELD),
    ("Object contains unknown field", verdicts.UNKNOWN_FIELD),
    ("Invalid enum value", verdicts.NOT_ALLOWED),
    ("Invalid value", verdicts.UNKNOWN_EVENT_TYPE),
    ("Number out of range", verdicts.OUT_OF_RANGE),
    ("Invalid", verdicts.BAD_FORMAT),  # timestamps, dates
    ("Expected `datetime` with a timezone", verdicts.BAD_FORMAT),
    ("Expected `str` matching regex", verdicts.BAD_FORMAT),
    ("Expected `str` of length", verdicts.OUT_OF_RANGE),
    ("Expected `array` of length", verdicts.OUT_OF_RANGE),
    ("Expected `int` <", verdicts.OUT_OF_RANGE),
    ("Expected `int` >", verdicts.OUT_OF_RANGE),
    ("Expected `float` <", verdicts.OUT_OF_RANGE),
    ("Expected `float` >", verdicts.OUT_OF_RANGE),
)


class Many:
    """A pattern for many texts in one match, which costs a sixth of a match each."""

    def __init__(self, pattern: str) -> None:
        self._match = re.compile(rf"(?:(?:{pattern.removeprefix('^').removesuffix('$')})\n)*").fullmatch

    def match(self, texts: Sequence[str]) -> bool:
        together = "\n".join([*texts, ""])
        return together.count("\n") == len(texts) and self._match(together) is not None


class Judge:
    """One contract, ready to judge payloads.

    skimmed               what a payload decodes to without patterns, which all_good() checks for many at once
    time_of, subject_of   decoded payload → its event time; whom it is about (absent where it is about nobody)
    least_colons          skimmed type → how many colons a payload holds at least where none of its fields is absent
    """

    def __init__(self, contract: Contract) -> None:
        if contract.event_time is None or not contract.field(contract.event_time).required:
            raise ContractError(f"{contract.id} has no required event time", hint="name a required timestamp as its eventTime")
        self.contract = contract
        self.decode = msgspec.json.Decoder(project.payload_type(contract)).decode
        self.skimmed = project.payload_type(replace(contract, fields=tuple(f.also(pattern=None) for f in contract.fields)))
        self.time_of = attrgetter(contract.event_time)
        self.subject_of = attrgetter(contract.subject) if contract.subject else lambda payload: None
        self.least_colons = {struct: _least_colons(struct, contract) for struct in getattr(self.skimmed, "__args__", (self.skimmed,))}
        self._patterns = [(attrgetter(f.name), Many(f.pattern), f.required) for f in contract.fields if f.pattern]
        self._decimals = project.decimal_limits(contract)

    def judge(self, payload: bytes | msgspec.Raw, received_at: datetime, skew_ms: int | None = None) -> Any | Rejection:
        """The decoded payload, as it is written, or why it is refused; its event time is held against the limits once it
        is corrected by `skew_ms` (skew.py). Raises nothing, whatever the bytes are."""
        text = bytes(payload)
        if len(text) > MAX_PAYLOAD_BYTES:
            return Rejection(verdicts.TOO_LARGE)
        try:
            text.decode()
            decode_raw(text)
            if repeats_a_name(text):
                return Rejection(verdicts.MALFORMED_JSON)
            decoded = self.decode(text)
        except msgspec.ValidationError as error:
            return self._refusal(error, text)
        except NOT_JSON:
            return Rejection(verdicts.MALFORMED_JSON)
        if _NUL.search(text):
            return Rejection(verdicts.NUL_CHARACTER, self._field_with_nul(decoded))
        if broken := self._breaks_decimals(decoded):
            return Rejection(verdicts.OUT_OF_RANGE, broken)
        return self._too_early_or_late(decoded, received_at, skew_ms) or decoded

    def _breaks_decimals(self, decoded: Any) -> str | None:
        """The decimal field that was sent as text and lies outside its limits; numbers were bounded while decoding."""
        for name, least, most in self._decimals:
            value = getattr(decoded, name)
            if type(value) is str and not (least is None or least <= Decimal(value)) & (most is None or Decimal(value) <= most):
                return name
        return None

    def all_good(self, decoded: Sequence, received_at: datetime, skew_ms: int | None = None) -> bool:
        """Whether payloads that were skimmed also keep the rules that skimming does not see."""
        times = list(map(self.time_of, decoded))
        earliest, latest = _limits(received_at, skew_ms)
        if min(times) < earliest or max(times) > latest:
            return False
        for value_of, many, is_required in self._patterns:
            values = map(value_of, decoded)
            if not many.match(list(values) if is_required else [v for v in values if v is not None]):
                return False
        return not self._decimals or not any(map(self._breaks_decimals, decoded))

    def _too_early_or_late(self, decoded: Any, received_at: datetime, skew_ms: int | None) -> Rejection | None:
        when = self.time_of(decoded)
        earliest, latest = _limits(received_at, skew_ms)
        if when > latest:
            return Rejection(verdicts.IN_THE_FUTURE, self.contract.event_time)
        return Rejection(verdicts.TOO_LONG_AGO, self.contract.event_time) if when < earliest else None

    def _field_with_nul(self, decoded: Any) -> str | None:
        return next((n for n in decoded.__struct_fields__ if "\0" in str(getattr(decoded, n))), None)

    def _refusal(self, error: msgspec.ValidationError, text: bytes) -> Rejection:
        verdict = refusal(error)
        if verdict == (verdicts.WRONG_TYPE, "event_type") and bytes(decode_names(text)["event_type"]) == b"null":
            return Rejection(verdicts.MISSING_FIELD, "event_type")
        return verdict


def _limits(received_at: datetime, skew_ms: int | None) -> tuple[datetime, datetime]:
    """What an event time, as it is written, has to lie between. The limits are moved, and not the time: that could be
    moved out of Python's calendar."""
    skew = timedelta(milliseconds=skew_ms or 0)
    return EARLIEST - skew, received_at + CLOCK_TOLERANCE - skew


def refusal(error: msgspec.ValidationError) -> Rejection:
    """Code and field of msgspec's complaint. The path stands last in a message, after whatever value it may quote."""
    message = str(error)
    code = next((code for start, code in _STARTS if message.startswith(start)), verdicts.WRONG_TYPE)
    if at := _AT.search(message):
        if code == verdicts.WRONG_TYPE and ", got `null` - at" in message:
            code = verdicts.MISSING_FIELD
        return Rejection(code, at[1])
    named = _QUOTED.search(message) if code in (verdicts.MISSING_FIELD, verdicts.UNKNOWN_FIELD) else None
    return Rejection(code, named and named[1])


def repeats_a_name(text: bytes) -> bool:
    """Whether the outermost object of this JSON has two members of one name: readers disagree about which of them counts.

    Each member puts `":` into the text once blanks are gone, so equal numbers of both prove that none is repeated.
    Otherwise (nested objects, quotes inside texts) the pairs are looked at one by one. Raises RecursionError.
    """
    try:
        names = decode_names(text)
    except msgspec.ValidationError:
        return False  # no object: that is for the contract to say
    if text.translate(None, WHITESPACE).count(b'":') == len(names):
        return False
    pairs = json.loads(text.decode(), object_pairs_hook=list, parse_int=len, parse_float=len)
    return len(pairs) != len({name for name, _ in pairs})


def _least_colons(struct: type, contract: Contract) -> int:
    """One colon a field, one for the tag event_type (no attribute of the struct), two in each required timestamp."""
    fields = msgspec.structs.fields(struct)
    times = sum(f.required and contract.field(f.name).type == "timestamp" for f in fields)
    return len(fields) + bool(contract.event_types) + 2 * times
