"""Reading bus messages: messages in, envelopes and unreadable pieces out. Pure.

    message ─ unpack ─▶ lines, sheets ─ decode, check ─▶ Envelope
                 │                    └────────▶ Unreadable(bad_envelope, unknown_contract, another_region)
                 └─────────────────────────────▶ Unreadable(unreadable_message)

Payloads are not judged here; envelopes are, because every reader acts on what they say. Landing and the live path read
with the same eyes, so that they agree on what a record is.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from lakehouse import envelope, verdicts
from lakehouse.contracts import project
from lakehouse.contracts.model import MAX_TEXT, Contract
from lakehouse.contracts.registry import Registry
from lakehouse.envelope import Envelope
from lakehouse.judge import EARLIEST, refusal
from lakehouse.verdicts import Rejection

_LATEST = datetime(2100, 1, 1, tzinfo=UTC)  # a year 9999 names a partition that never expires, and overflows in another time zone


@dataclass(frozen=True)
class Unreadable:
    """A message, or a line of one, that is no envelope of this topic. Of a record that belongs to another region `data` says only
    whose tenant's it is and where it came from: there it is still."""

    data: bytes
    verdict: Rejection


class EnvelopeReader:
    """The rules of the envelope for one topic."""

    def __init__(self, contracts: Registry, contract: Contract) -> None:
        self._contract = contract
        self._registry = contracts
        self._zones = frozenset(z.zone_id for z in contracts.zones)
        self._word = contracts.word
        self._strict = msgspec.json.Decoder(_strict_envelope(contracts.get("platform.envelope"))).decode
        self._are_event_ids = _lines_of(contracts.word("event_id").pattern)
        self._subject_of = _subject_reader(contract)

    def read(self, messages: Iterable[bytes]) -> tuple[list[Envelope], list[Unreadable]]:
        envelopes, unreadable = [], []
        for message in messages:
            try:
                lines = [line for line in envelope.unpack(message) if line]  # a last line end holds no record
            except ValueError:
                unreadable.append(Unreadable(message, Rejection(verdicts.UNREADABLE_MESSAGE)))
                continue
            read = self._all(lines)
            if read is None:
                read, failed = self._each(lines)
                unreadable += failed
            envelopes += read
        return envelopes, unreadable

    def _all(self, lines: Sequence[bytes]) -> list[Envelope] | None:
        """All of a message in a few passes of C where nothing is wrong with it; None where anything may be."""
        try:
            read = [e for line in lines for e in envelope.read_line(line, self._subject_of)]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        subject, skew = self._word("subject"), self._word("clock_skew_ms")
        is_sound = (
            all(e.contract == self._contract.id and e.received_at.tzinfo is not None for e in read)
            and all(EARLIEST <= e.received_at < _LATEST for e in read)
            and self._are_event_ids("\n".join([e.event_id for e in read]))
            and {e.zone_id for e in read} <= self._zones
            and all(self._is_at_home(org_id) for org_id in {e.org_id for e in read})
            and all(e.clock_skew_ms is None or skew.minimum <= e.clock_skew_ms <= skew.maximum for e in read)
            and all(e.subject is None or len(e.subject) <= subject.max_length for e in read)
            and all(self._obeys("source", s) for s in {e.source for e in read})
            and all(self._obeys("contract_version", v) for v in {e.contract_version for e in read})
        )
        return read if is_sound else None

    def _obeys(self, name: str, text: str) -> bool:
        word = self._word(name)
        return len(text) <= word.max_length and re.fullmatch(word.pattern.removeprefix("^").removesuffix("$"), text) is not None

    def _each(self, lines: Iterable[bytes]) -> tuple[list[Envelope], list[Unreadable]]:
        read, unreadable = [], []
        for line in (one for piece in lines for one in _apart(piece)):
            verdict = self._verdict(line)
            if isinstance(verdict, Envelope) and not self._is_at_home(verdict.org_id):
                unreadable.append(Unreadable(_abroad(verdict), Rejection(verdicts.ANOTHER_REGION, "org_id")))
            elif isinstance(verdict, Envelope):
                read.append(verdict)
            else:
                unreadable.append(Unreadable(line, verdict))
        return read, unreadable

    def _is_at_home(self, org_id: int | None) -> bool:
        return self._registry.here.is_home_of(org_id, self._contract)

    def _verdict(self, line: bytes) -> Envelope | Rejection:
        try:
            line.decode()
            strict, [read] = self._strict(line), envelope.read_line(line, self._subject_of)
        except msgspec.ValidationError as error:
            return Rejection(verdicts.BAD_ENVELOPE, refusal(error).field)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return Rejection(verdicts.UNREADABLE_MESSAGE)
        if self._registry.find(strict.contract) is None:
            return Rejection(verdicts.UNKNOWN_CONTRACT, "contract")
        if strict.contract != self._contract.id:
            return Rejection(verdicts.BAD_ENVELOPE, "contract")
        if not EARLIEST <= read.received_at < _LATEST:
            return Rejection(verdicts.BAD_ENVELOPE, "received_at")
        return read if strict.zone_id in self._zones else Rejection(verdicts.BAD_ENVELOPE, "zone_id")


def _abroad(e: Envelope) -> bytes:
    return msgspec.json.encode({name: getattr(e, name) for name in ("contract", "source", "zone_id", "org_id", "received_at")})


def _apart(line: bytes) -> list[bytes]:
    """The envelopes of a sheet, a line each, so that one that is wrong spoils no other; anything else as it is."""
    if not line.startswith(b"["):
        return [line]
    try:
        return list(map(envelope.encode, envelope.read_line(line)))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return [line]  # the verdict on it follows


def _strict_envelope(contract: Contract) -> type:
    """The envelope with every rule of its contract; the payload is not its business."""
    kinds = [(f.name, project.python_type(f), f.required) for f in contract.fields if f.name != "payload"]
    fields = [(name, kind) if required else (name, kind | None, None) for name, kind, required in kinds]
    return msgspec.defstruct("StrictEnvelope", sorted(fields, key=len), gc=False)


def _lines_of(pattern: str):
    one = pattern.removeprefix("^").removesuffix("$")
    return re.compile(rf"{one}(?:\n{one})*\Z").match


def _subject_reader(contract: Contract):
    """payload → the subject that it names, or None."""
    if contract.subject is None:
        return lambda payload: None
    longest = contract.field(contract.subject).max_length or MAX_TEXT
    decode = msgspec.json.Decoder(msgspec.defstruct("Subject", [(contract.subject, str | None, None)], gc=False)).decode

    def subject_of(payload: msgspec.Raw) -> str | None:
        try:
            named = getattr(decode(payload), contract.subject)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None  # refine will say what is wrong with it; until then the day's key seals it
        return named if named and len(named) <= longest else None

    return subject_of
