"""The envelope that every record wears, and the packed batch that carries it.

    events ─▶ Envelope ─▶ NDJSON lines ─▶ pack: one zstd frame ─▶ bus ─▶ unpack ─▶ lines ─▶ Envelope

The unit of work is a batch (architecture, decision 6): a publish costs far more than an event. A third party, or a
person with a command line, may also send one bare JSON envelope as a message; `unpack` takes both.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
import zstandard

MAX_BATCH_BYTES = 2_000_000  # before compression; Pub/Sub's emulator refuses what comes to more than 4 MB
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_MAX_UNPACKED_BYTES = 64 * 1024 * 1024  # a frame that claims more is not ours


class Envelope(msgspec.Struct, frozen=True, gc=False, omit_defaults=False):
    """One record on the bus; contracts/envelope.odcs.yaml says what each field means. `payload` is the JSON text."""

    event_id: str
    contract: str
    contract_version: str
    source: str
    zone_id: str
    org_id: int | None
    subject: str | None
    received_at: datetime
    payload: msgspec.Raw


encode = msgspec.json.Encoder().encode
"""Envelope → one line of JSON, without its line end."""

decode = msgspec.json.Decoder(Envelope).decode
"""One line of JSON → Envelope. Raises msgspec.DecodeError or msgspec.ValidationError."""


def pack(lines: Sequence[bytes], max_bytes: int = MAX_BATCH_BYTES) -> list[bytes]:
    """Encoded envelopes → as few messages as keep each under `max_bytes` before compression.

    Encoded JSON holds no raw line end, so lines can be joined by one.
    """
    compress = zstandard.ZstdCompressor(level=1).compress
    messages, batch, size = [], [], 0
    for line in lines:
        if batch and size + len(line) + 1 > max_bytes:
            messages.append(compress(b"\n".join(batch)))
            batch, size = [], 0
        batch.append(line)
        size += len(line) + 1
    if batch:
        messages.append(compress(b"\n".join(batch)))
    return messages


def unpack(message: bytes) -> list[bytes]:
    """The lines of a packed batch, or the message itself where it is one bare envelope.

    Raises ValueError where a frame is damaged or claims to be larger than any batch of ours.
    """
    if not message.startswith(_ZSTD_MAGIC):
        return [message]
    try:
        data = zstandard.ZstdDecompressor().decompress(message, max_output_size=_MAX_UNPACKED_BYTES)
    except (zstandard.ZstdError, MemoryError) as error:
        raise ValueError("damaged or oversized zstd frame") from error
    return data.split(b"\n")


def pack_envelopes(envelopes: Iterable[Envelope]) -> list[bytes]:
    return pack([encode(e) for e in envelopes])
