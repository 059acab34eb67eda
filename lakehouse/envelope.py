"""The envelope that every record wears, and the packed batch that carries it.

    events ─▶ Envelope, or a sheet of them ─▶ NDJSON lines ─▶ pack: one zstd frame ─▶ bus ─▶ unpack ─▶ lines ─▶ Envelope

The unit of work is a batch (architecture, decision 6): a publish costs far more than an event. A third party, or a
person with a command line, may also send one bare JSON envelope as a message; `unpack` takes both.
"""

from collections.abc import Callable, Iterable
from datetime import datetime

import msgspec
import zstandard

MAX_BATCH_BYTES = 2_000_000  # before compression; Pub/Sub's emulator refuses what comes to more than 4 MB
_LEVEL = -5  # to a quarter of the size for half of the CPU that level 1 takes to a seventh: the bus holds it for seconds
_WINDOW_LOG = 17  # 128 KiB back is what a processor's own cache still holds; further costs a tenth more, and saves 2 % of the bytes
_LINE_END = ord("\n")
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_MAX_UNPACKED_BYTES = 64 * 1024 * 1024  # a frame that claims more is not ours


class Envelope(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One record on the bus; contracts/envelope.odcs.yaml says what each field means. `payload` is the JSON text."""

    event_id: str
    contract: str
    contract_version: str
    source: str
    zone_id: str
    received_at: datetime
    payload: msgspec.Raw
    org_id: int | None = None
    subject: str | None = None
    clock_skew_ms: int | None = None


encode = msgspec.json.Encoder().encode
"""Envelope → one line of JSON, without its line end."""

decode = msgspec.json.Decoder(Envelope).decode
"""One line of JSON → Envelope. Raises msgspec.DecodeError or msgspec.ValidationError."""


def _part(name: str, *fields: str) -> type:
    """Some of the envelope's fields."""
    chosen = [f for f in msgspec.structs.fields(Envelope) if f.name in fields]
    members = [(f.name, f.type) if f.required else (f.name, f.type, f.default) for f in chosen]
    return msgspec.defstruct(name, members, gc=False, omit_defaults=True)


_Same = _part("Same", "contract", "contract_version", "source", "zone_id", "received_at", "clock_skew_ms")
_Own = _part("Own", "event_id", "payload", "org_id")
_Sheet = msgspec.defstruct("Sheet", [("same", _Same), ("events", list[_Own])], gc=False, array_like=True)
_decode_sheet = msgspec.json.Decoder(_Sheet).decode


def sheet(events: bytes, clock_skew_ms: int | None, *same: str | datetime) -> bytes:
    """All events of a request, as they were written, on one line: `[{what their envelopes share}, [event, …]]`.

    To write an envelope around each would be a second pass over all of it. `events` is a JSON array without line ends;
    `same` is contract, contract_version, source, zone_id and received_at.
    """
    return b"[%b,%b]" % (encode(_Same(*same, clock_skew_ms)), events)


def read_line(line: bytes, subject_of: Callable[[msgspec.Raw], str | None] = lambda payload: None) -> list[Envelope]:
    """The envelope, or the sheet of them, that a line is. Where it is left out whom a record is about, `subject_of` its payload says it.

    Raises msgspec.DecodeError or msgspec.ValidationError.
    """
    if not line.startswith(b"["):
        read = decode(line)
        subject = subject_of(read.payload) if read.subject is None else None
        return [read if subject is None else msgspec.structs.replace(read, subject=subject)]
    read = _decode_sheet(line)
    *same, skew_ms = msgspec.structs.astuple(read.same)
    return [Envelope(e.event_id, *same, e.payload, e.org_id, subject_of(e.payload), skew_ms) for e in read.events]


class Packer:
    """Packs lines while they come, in one buffer that is used again and again: fresh memory for every batch would cost
    as much as its compression. Not for several threads at once."""

    def __init__(self, max_bytes: int = MAX_BATCH_BYTES) -> None:
        self._buffer = bytearray(max_bytes)
        self._end = 0
        parameters = zstandard.ZstdCompressionParameters.from_level(_LEVEL, window_log=_WINDOW_LOG)
        self._compress = zstandard.ZstdCompressor(compression_params=parameters).compress
        self._messages: list[bytes] = []

    def add(self, lines: Iterable[bytes]) -> None:
        """Each is an envelope or a sheet, and is never divided."""
        buffer = self._buffer
        for line in lines:
            end = self._end + len(line) + 1
            if end > len(buffer):
                self._close()
                end = len(line) + 1
                if end > len(buffer):
                    self._messages.append(self._compress(line))
                    continue
            buffer[self._end : end - 1] = line
            buffer[end - 1] = _LINE_END
            self._end = end

    def take(self) -> list[bytes]:
        """The messages that hold everything added since the last time, each at most `max_bytes` before compression
        (or one line long)."""
        self._close()
        messages, self._messages = self._messages, []
        return messages

    def _close(self) -> None:
        if self._end:
            with memoryview(self._buffer) as view:
                self._messages.append(self._compress(view[: self._end - 1]))
            self._end = 0


def pack(lines: Iterable[bytes], max_bytes: int = MAX_BATCH_BYTES) -> list[bytes]:
    """Encoded envelopes → as few messages as keep each under `max_bytes` before compression.

    Encoded JSON holds no raw line end, so lines can be joined by one.
    """
    packer = Packer(max_bytes)
    packer.add(lines)
    return packer.take()


def unpack(message: bytes) -> list[bytes]:
    """The lines of a packed batch, or the message itself where it is one bare envelope.

    Raises ValueError where a frame is damaged, is followed by more (which would be left out unseen), or claims to be larger than
    any batch of ours.
    """
    if not message.startswith(_ZSTD_MAGIC):
        return [message]
    try:
        data = zstandard.ZstdDecompressor().decompress(message, max_output_size=_MAX_UNPACKED_BYTES, allow_extra_data=False)
    except (zstandard.ZstdError, MemoryError) as error:
        raise ValueError("damaged or oversized zstd frame") from error
    return data.split(b"\n")


def pack_envelopes(envelopes: Iterable[Envelope]) -> list[bytes]:
    return pack([encode(e) for e in envelopes])


def read(message: bytes) -> list[Envelope]:
    """All envelopes of a message that is known to be sound. Raises ValueError (msgspec's errors are some) where it is not."""
    return [e for line in unpack(message) for e in read_line(line)]
