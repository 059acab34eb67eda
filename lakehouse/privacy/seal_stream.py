"""Sealing what does not fit into memory: chunk by chunk, and yet as one whole.

    plaintext ─▶ 64 KiB chunks ─▶ AES-256-GCM each ─▶ [version 2][salt 16] [chunk and tag] [chunk and tag] … [last chunk and tag]
                                       │
    data key, salt, aad ─ HKDF ─▶ file key;  nonce = index (11 bytes, big-endian), 1 for the last chunk or 0 (1 byte)

Each object has a key of its own, so that counted nonces never meet. The index in the nonce finds a chunk that was moved,
repeated or left out; the last byte finds an end that was cut off or gone on with. `aad` is what the object belongs to:
sealed bytes under another name have another file key, and do not open. Every object has a last chunk, an empty one too.
This is the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár 2015), as in age and Tink.
"""

import os
from collections.abc import Iterator
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from lakehouse.errors import CorruptError, KeyGoneError
from lakehouse.privacy.seal import KEY_BYTES

CHUNK_BYTES = 64 * 1024
_TAG_BYTES = 16
_VERSION = b"\x02"
_SALT_BYTES = 16
_SEALED_CHUNK = CHUNK_BYTES + _TAG_BYTES


class Readable(Protocol):
    """What a file opened for reading is."""

    def read(self, size: int, /) -> bytes: ...


class Sealer:
    """One object on its way in. add() gives back what is sealed so far, finish() the end; never more than a chunk is held back."""

    def __init__(self, key: bytes, aad: bytes) -> None:
        salt = os.urandom(_SALT_BYTES)
        self._cipher = _cipher(key, salt, aad)
        self._out = bytearray(_VERSION + salt)
        self._pending = bytearray()
        self._index = 0

    def add(self, data: bytes) -> bytes:
        self._pending += data
        done = 0
        # A chunk that is full may still be the last one, so it waits until there is more.
        while len(self._pending) - done > CHUNK_BYTES:
            self._seal(self._pending[done : done + CHUNK_BYTES], is_last=False)
            done += CHUNK_BYTES
        del self._pending[:done]
        return self._take()

    def finish(self) -> bytes:
        self._seal(self._pending, is_last=True)
        return self._take()

    def _seal(self, chunk: bytearray, is_last: bool) -> None:
        self._out += self._cipher.encrypt(_nonce(self._index, is_last), bytes(chunk), None)
        self._index += 1

    def _take(self) -> bytes:
        out, self._out = bytes(self._out), bytearray()
        return out


def opened(key: bytes | None, sealed: Readable, aad: bytes) -> Iterator[bytes]:
    """The plaintext, a chunk at a time, each of them checked before it is given out.

    Raises KeyGoneError where there is no key. Raises CorruptError where anything is damaged, moved or missing: at the chunk in
    question, so that a reader who must not act on half an object waits for the end.
    """
    if key is None:
        raise KeyGoneError("the data key is destroyed", hint="what it sealed is forgotten by design; leave this object out")
    head = _exactly(sealed, 1 + _SALT_BYTES)
    if len(head) != 1 + _SALT_BYTES or head[:1] != _VERSION:
        raise CorruptError("this is no sealed object", hint="a newer version may have written it; upgrade, or restore the file")
    cipher, index = _cipher(key, head[1:], aad), 0
    chunk = _exactly(sealed, _SEALED_CHUNK)
    while chunk is not None:
        following = _exactly(sealed, _SEALED_CHUNK) or None
        try:
            yield cipher.decrypt(_nonce(index, is_last=following is None), chunk, None)
        except InvalidTag:
            raise CorruptError(
                f"chunk {index} of a sealed object does not open: damaged, moved, or its end is missing",
                hint="restore the file from a copy; do not re-seal it",
            ) from None
        chunk, index = following, index + 1


def _cipher(key: bytes, salt: bytes, aad: bytes) -> AESGCM:
    return AESGCM(HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=salt, info=b"megacity media object: " + aad).derive(key))


def _nonce(index: int, is_last: bool) -> bytes:
    return index.to_bytes(11, "big") + bytes([is_last])


def _exactly(source: Readable, size: int) -> bytes:
    """`size` bytes, or fewer at the end."""
    data = source.read(size)
    while 0 < len(data) < size and (more := source.read(size - len(data))):
        data += more
    return data
