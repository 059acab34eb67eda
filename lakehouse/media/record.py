"""What is written down of a media object, and how it is found: by its owner's key and the media_id that the event names.

    data key + media_id ─ HMAC ─▶ media_pid ─▶ raw/media/_records/…/<media_pid>.json ─▶ raw/media/dt=…/<media_pid>-<attempt>

Whoever has no key can neither work out the name of an object nor tell what a recording was by its digest.
"""

import hmac
from datetime import datetime

import msgspec

from lakehouse import places
from lakehouse.contracts.model import Contract
from lakehouse.errors import CorruptError
from lakehouse.storage.protocols import Files


class MediaRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The commit of an object: it exists if this does. Nothing here names a person or describes the plaintext.

    path          of the sealed object in the lake
    subject       name of the key that seals it
    plain_digest  keyed; equal recordings of two people have different ones
    """

    media_pid: str
    contract: str
    kind: str
    content_type: str
    zone_id: str
    org_id: int | None
    subject: str
    received_at: datetime
    path: str
    plain_bytes: int
    sealed_bytes: int
    sealed_sha256: str
    plain_digest: str


def media_pid(key: bytes, media_id: str) -> str:
    """Name of the object that the owner of this data key calls `media_id`."""
    return _keyed(key, b"media name: " + media_id.encode())[:16].hex()


def plain_digest(key: bytes, media_id: str, sha256: bytes) -> str:
    return _keyed(key, b"media digest: " + media_id.encode() + b"\0" + sha256).hex()


def _keyed(key: bytes, message: bytes) -> bytes:
    return hmac.digest(hmac.digest(key, b"megacity media names", "sha256"), message, "sha256")


def find(files: Files, contract: Contract, pid: str) -> MediaRecord | None:
    """The record of an object; None where there is none. Raises CorruptError where it cannot be read."""
    try:
        return read(files, places.media_record(contract.domain, pid))
    except FileNotFoundError:
        return None


def read(files: Files, path: str) -> MediaRecord:
    """Raises FileNotFoundError, CorruptError."""
    data = files.get(path)
    try:
        return msgspec.json.decode(data, type=MediaRecord)
    except msgspec.DecodeError:
        # msgspec may quote a value, and the path says enough.
        raise CorruptError(f"{path} is no record of a media object", hint="restore it from a copy") from None


def encode(record: MediaRecord) -> bytes:
    return msgspec.json.format(msgspec.json.encode(record), indent=1)
