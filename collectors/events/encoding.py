"""Undoing a Content-Encoding without trusting it: what comes out is bounded, whatever goes in.

    body ─▶ gzip │ zstd ─▶ at most `most` bytes, or TooLargeError, or ValueError where it is not what it says

Both may come in several members (frames), but not in ever so many: an empty one costs nothing to send, and much to open.
"""

import zlib

import zstandard

_GZIP = 31  # zlib's word for gzip with the largest window
_MOST_MEMBERS = 64
_ZSTD_WINDOW_BYTES = 8 * 1024 * 1024  # the most that RFC 9659 allows for a content encoding
_PIECE_BYTES = 256 * 1024


class TooLargeError(Exception):
    """More comes out than is allowed."""


def gunzip(body: bytes, most: int) -> bytes:
    """Raises TooLargeError, ValueError."""
    pieces, left = [], most + 1
    for _ in range(_MOST_MEMBERS):
        member = zlib.decompressobj(_GZIP)
        try:
            pieces.append(member.decompress(body, left))
        except zlib.error as error:
            raise ValueError("not gzip") from error
        left -= len(pieces[-1])
        if left <= 0:
            raise TooLargeError
        if not member.eof:
            raise ValueError("incomplete")
        body = member.unused_data
        if not body:
            return b"".join(pieces)
    raise ValueError("too many members")


def unzstd(body: bytes, most: int) -> bytes:
    """Raises TooLargeError, ValueError."""
    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES)
    try:
        declared = zstandard.frame_content_size(body)
        if declared > most:
            raise TooLargeError
        if declared > 0:  # of an empty first frame the library would answer at once, and never look at what follows
            try:
                return decompressor.decompress(body, allow_extra_data=False)
            except zstandard.ZstdError:
                pass  # several frames, or damaged: the slow way tells which
        _measure(decompressor, body, most)
        return _frames(decompressor, body)
    except zstandard.ZstdError as error:
        raise ValueError("not zstd") from error


def _measure(decompressor: zstandard.ZstdDecompressor, body: bytes, most: int) -> None:
    """Raises TooLargeError before much comes out. It does not see whether the last frame is whole; then `_frames` may safely look."""
    left, piece = most, bytearray(_PIECE_BYTES)
    with decompressor.stream_reader(body, read_across_frames=True) as reader:
        while count := reader.readinto(piece):
            left -= count
            if left < 0:
                raise TooLargeError


def _frames(decompressor: zstandard.ZstdDecompressor, body: bytes) -> bytes:
    pieces = []
    for _ in range(_MOST_MEMBERS):
        frame = decompressor.decompressobj()
        pieces.append(frame.decompress(body))
        if not frame.eof:
            raise ValueError("incomplete")
        body = frame.unused_data
        if not body:
            return b"".join(pieces)
    raise ValueError("too many frames")
