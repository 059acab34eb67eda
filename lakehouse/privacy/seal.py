"""Sealing: bytes that only the holder of a data key can read, and nobody can change unnoticed.

    plaintext + key + aad ─▶ [version 1][nonce 12][AES-256-GCM ciphertext and tag] ─▶ raw, dead letters

`aad` is what the bytes belong to (an event_id): sealed bytes moved to another record do not open. Destroying a key
makes everything sealed with it unreadable at once, wherever it was copied to; that is how a person is forgotten.
"""

import os
from collections.abc import Callable, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lakehouse.errors import CorruptError, KeyGoneError

KEY_BYTES = 32
_VERSION = b"\x01"
_NONCE_BYTES = 12  # random: safe for four thousand million seals a key
_SHORTEST = 1 + _NONCE_BYTES + 16


def new_key() -> bytes:
    return os.urandom(KEY_BYTES)


def seal(key: bytes, plaintext: bytes, aad: bytes) -> bytes:
    return seal_all([key], [plaintext], [aad])[0]


def unseal(key: bytes | None, sealed: bytes, aad: bytes) -> bytes:
    """Raises KeyGoneError where there is no key, CorruptError where a byte is damaged or `aad` is another record's."""
    if key is None:
        raise KeyGoneError("the data key is destroyed", hint="what it sealed is forgotten by design; leave this record out")
    return _unseal(AESGCM(key), sealed, aad)


def seal_all(keys: Sequence[bytes], plaintexts: Sequence, aads: Sequence[bytes]) -> list[bytes]:
    """Three lists of one length → the sealed bytes, in the same order."""
    nonces, start = os.urandom(_NONCE_BYTES * len(keys)), 0
    encrypts: dict[bytes, Callable[..., bytes]] = {}
    sealed: list[bytes] = []
    add = sealed.append
    for key, plaintext, aad in zip(keys, plaintexts, aads, strict=True):
        encrypt = encrypts.get(key)
        if encrypt is None:
            encrypt = encrypts[key] = AESGCM(key).encrypt
        nonce = nonces[start : start + _NONCE_BYTES]
        start += _NONCE_BYTES
        add(_VERSION + nonce + encrypt(nonce, plaintext, aad))
    return sealed


def unseal_all(keys: Sequence[bytes | None], sealed: Sequence[bytes], aads: Sequence[bytes]) -> list[bytes | None]:
    """Three lists of one length → the plaintexts, in the same order; None where the key is None, that is, destroyed.

    Raises CorruptError as `unseal` does.
    """
    ciphers: dict[bytes, AESGCM] = {}
    plaintexts: list[bytes | None] = []
    for key, data, aad in zip(keys, sealed, aads, strict=True):
        if key is None:
            plaintexts.append(None)
            continue
        cipher = ciphers.get(key)
        if cipher is None:
            cipher = ciphers[key] = AESGCM(key)
        plaintexts.append(_unseal(cipher, data, aad))
    return plaintexts


def _unseal(cipher: AESGCM, sealed: bytes, aad: bytes) -> bytes:
    if len(sealed) < _SHORTEST or sealed[:1] != _VERSION:
        raise CorruptError("these bytes are not sealed", hint="a newer version may have written them; upgrade, or restore the file")
    try:
        return cipher.decrypt(sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :], aad)
    except InvalidTag:
        raise CorruptError(
            "sealed bytes do not open: damaged, or moved from another record", hint="restore the file from a copy; do not re-seal it"
        ) from None
