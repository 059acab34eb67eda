"""Recordings and dances, made up: tiny, all different, and the same for the same city.

number of a take ─▶ voice: a tone as WAV (8 kHz, 8 bit)     motion: 33 landmarks a frame as JSON, ten frames a second
"""

import json
import struct
from dataclasses import dataclass

import numpy as np

from simulator.practice import VOICE

_RATE_HZ = 8_000
_FRAME_MS = 100
_LANDMARKS = 33
KINDS = ("speech", "keypoints")
CONTENT_TYPES = ("audio/wav", "application/json")


@dataclass(slots=True)
class MediaUpload:
    """One object on its way to the collector."""

    host: str
    media_id: str
    kind: str
    content_type: str
    user_id: str
    org_id: int
    data: bytes


def recorded(kind: int, number: int, duration_ms: int) -> bytes:
    return _tone(number, duration_ms) if kind == VOICE else _dance(number, duration_ms)


def _tone(number: int, duration_ms: int) -> bytes:
    """One pitch, which sinks a little; `number` chooses it."""
    samples = duration_ms * _RATE_HZ // 1_000
    at = np.arange(samples) / _RATE_HZ
    pitch = 110 + number % 977 * 0.5
    wave = 127.5 + 90 * np.sin(2 * np.pi * pitch * at * (1 - 0.05 * at)) + number // 977 % 30
    data = np.clip(wave, 0, 255).astype(np.uint8).tobytes() + bytes(samples % 2)
    form = struct.pack("<HHIIHH", 1, 1, _RATE_HZ, _RATE_HZ, 1, 8)
    chunks = b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", samples) + data
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def _dance(number: int, duration_ms: int) -> bytes:
    frames = duration_ms // _FRAME_MS
    turn = (np.arange(frames)[:, None] + number % 1_009 * 0.01) * 0.3 + np.arange(_LANDMARKS) * 0.19
    points = np.round(np.stack([np.cos(turn), np.sin(turn), turn % 1, np.full(turn.shape, 0.97)], axis=2), 3).tolist()
    told = [{"at_ms": n * _FRAME_MS, "landmarks": frame} for n, frame in enumerate(points)]
    return json.dumps({"take": number, "frames": told}, separators=(",", ":")).encode()
