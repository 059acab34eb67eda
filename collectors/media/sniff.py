"""Whether bytes begin as their declared content type says: a label is believed only that far.

    first bytes + content type ─▶ yes or no

It keeps honest mistakes out (a web page of an error, a WAV called MP4), so that whoever reads an object later gets what the contract
promises; it is no proof that the whole can be decoded.
"""

from collections.abc import Callable

HEAD_BYTES = 64
"""How many of the first bytes are needed."""

ALIASES = {
    "audio/x-wav": "audio/wav", "audio/wave": "audio/wav", "audio/vnd.wave": "audio/wav", "audio/mp3": "audio/mpeg",
    "audio/x-m4a": "audio/mp4", "audio/m4a": "audio/mp4", "audio/x-flac": "audio/flac",
}  # fmt: skip
"""What else browsers and phones call them."""


def canonical(content_type: str) -> str:
    """Lower case, without parameters, and under the name that contracts use."""
    bare = content_type.partition(";")[0].strip().lower()
    return ALIASES.get(bare, bare)


def begins_as(content_type: str, head: bytes) -> bool:
    """`head`: the first HEAD_BYTES, or all where there are fewer."""
    return SNIFFERS[content_type](head)


def _mpeg(head: bytes) -> bool:
    """An ID3 tag, or a frame: eleven bits of sync, then a layer other than 0, which is what AAC has there."""
    return head[:3] == b"ID3" or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[1] & 0x06 != 0)


def _mp4(head: bytes, is_audio: bool) -> bool:
    """ISO base media; only M4A says by its brand that it is sound alone."""
    return head[4:8] == b"ftyp" and (is_audio or head[8:11] != b"M4A")


def _webm(head: bytes) -> bool:
    return head[:4] == b"\x1a\x45\xdf\xa3" and b"webm" in head


def _json(head: bytes) -> bool:
    return head.lstrip(b" \t\r\n")[:1] in (b"{", b"[")


SNIFFERS: dict[str, Callable[[bytes], bool]] = {
    "application/json": _json,
    "application/x-npz": lambda head: head[:4] == b"PK\x03\x04",
    "audio/flac": lambda head: head[:4] == b"fLaC",
    "audio/mp4": lambda head: _mp4(head, is_audio=True),
    "audio/mpeg": _mpeg,
    "audio/wav": lambda head: head[:4] == b"RIFF" and head[8:12] == b"WAVE",
    "video/mp4": lambda head: _mp4(head, is_audio=False),
    "video/webm": _webm,
}
"""Every content type that a contract may name."""
