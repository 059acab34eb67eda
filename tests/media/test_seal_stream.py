"""The sealed form of an object: what went in comes out, and nothing else ever does."""

import io
import os

import pytest

from lakehouse.errors import CorruptError, KeyGoneError
from lakehouse.privacy.seal_stream import CHUNK_BYTES, Sealer, opened

KEY, AAD = bytes(range(32)), b"object-1"
SEALED_CHUNK = CHUNK_BYTES + 16
HEAD = 17


def sealed(data: bytes, piece: int = 100_000) -> bytes:
    sealer = Sealer(KEY, AAD)
    out = b"".join(sealer.add(data[n : n + piece]) for n in range(0, len(data), piece))
    return out + sealer.finish()


def plain(data: bytes, key: bytes | None = KEY, aad: bytes = AAD) -> bytes:
    return b"".join(opened(key, io.BytesIO(data), aad))


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 500_001])
@pytest.mark.parametrize("piece", [777, 1_000_000])
def test_what_went_in_comes_out(size: int, piece: int) -> None:
    data = os.urandom(size)
    whole = sealed(data, piece)
    assert plain(whole) == data
    assert len(whole) == HEAD + size + 16 * max(1, -(-size // CHUNK_BYTES))


def test_the_same_bytes_never_look_the_same() -> None:
    assert sealed(b"a" * 100)[HEAD:] != sealed(b"a" * 100)[HEAD:]


def chunks(data: bytes) -> tuple[bytes, list[bytes]]:
    return data[:HEAD], [data[n : n + SEALED_CHUNK] for n in range(HEAD, len(data), SEALED_CHUNK)]


DAMAGES = {
    "a bit of the head": lambda head, body: bytes([head[0], head[1] ^ 1]) + head[2:] + b"".join(body),
    "another version": lambda head, body: b"\x07" + head[1:] + b"".join(body),
    "a bit of a chunk": lambda head, body: head + body[0] + bytes([body[1][0] ^ 1]) + body[1][1:] + b"".join(body[2:]),
    "a bit of the last tag": lambda head, body: head + b"".join(body)[:-1] + bytes([body[-1][-1] ^ 0x80]),
    "two chunks exchanged": lambda head, body: head + body[1] + body[0] + b"".join(body[2:]),
    "a chunk repeated": lambda head, body: head + body[0] + body[0] + b"".join(body[1:]),
    "a chunk left out": lambda head, body: head + body[0] + b"".join(body[2:]),
    "the last chunk left out": lambda head, body: head + b"".join(body[:-1]),
    "the end torn off": lambda head, body: head + b"".join(body)[:-5],
    "nothing but the head": lambda head, body: head,
    "nothing at all": lambda head, body: b"",
    "something behind the end": lambda head, body: head + b"".join(body) + b"x",
    "another object's chunk behind the end": lambda head, body: head + b"".join(body) + body[-1],
    "the last chunk twice": lambda head, body: head + b"".join([*body[:-1], body[-1], body[-1]]),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("size", [3 * CHUNK_BYTES, 3 * CHUNK_BYTES + 10])
def test_every_damage_is_seen(damage: str, size: int) -> None:
    with pytest.raises(CorruptError):
        plain(DAMAGES[damage](*chunks(sealed(os.urandom(size)))))


def test_two_objects_cannot_be_spliced() -> None:
    (head, one), (_, other) = chunks(sealed(b"1" * 200_000)), chunks(sealed(b"2" * 200_000))
    with pytest.raises(CorruptError):
        plain(head + one[0] + b"".join(other[1:]))


def test_it_opens_under_its_own_name_and_key_alone() -> None:
    with pytest.raises(CorruptError):
        plain(sealed(b"x"), aad=b"object-2")
    with pytest.raises(CorruptError):
        plain(sealed(b"x"), key=bytes(32))
    with pytest.raises(KeyGoneError):
        plain(sealed(b"x"), key=None)


def test_a_chunk_is_given_out_only_once_it_is_checked() -> None:
    head, body = chunks(sealed(b"a" * (2 * CHUNK_BYTES)))
    pieces = opened(KEY, io.BytesIO(head + body[0] + bytes(SEALED_CHUNK)), AAD)
    assert next(pieces) == b"a" * CHUNK_BYTES
    with pytest.raises(CorruptError, match="chunk 1"):
        next(pieces)
