"""The collector's memory does not follow the size of a clip."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from uploading import all_records

MB = 1024 * 1024
HEAD = b"\x00\x00\x00\x18ftypmp42"  # how an MP4 begins
PIECE = hashlib.shake_128(b"frames").digest(64 * 1024)


def clip(size_mb: int) -> Iterator[bytes]:
    yield HEAD
    for _ in range(size_mb * 16):
        yield PIECE


def digest(size_mb: int) -> bytes:
    whole = hashlib.sha256()
    for piece in clip(size_mb):
        whole.update(piece)
    return whole.digest()


def peak_mb(pid: int) -> float:
    """The most resident memory that the process ever had."""
    return int(re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())[1]) / 1024


def test_memory_is_flat_over_ten_times_the_size(collect, record_property) -> None:
    collector, peaks = collect(), []
    for size_mb in (2, 20, 200):
        answer = collector.put(f"clip-of-{size_mb:03d}-mb", (clip(size_mb), digest(size_mb)), "video/mp4", "dance_video")
        assert answer.status_code == 201, answer.text
        peaks.append(peak_mb(collector.process.pid))
    print(f"peak RSS after 2, 20 and 200 MB: {', '.join(f'{p:.0f} MB' for p in peaks)}")
    assert sorted(r.plain_bytes for r in all_records()) == [len(HEAD) + n * MB for n in (2, 20, 200)]
    assert peaks[2] - peaks[0] < 16, peaks


def test_memory_is_flat_while_reading(collect) -> None:
    from lakehouse.contracts import registry
    from lakehouse.privacy.media import open_media
    from lakehouse.settings import settings
    from lakehouse.storage.open import open_files, open_vault

    collector = collect()
    assert collector.put("clip-of-100-mb", (clip(100), digest(100)), "video/mp4", "dance_video").status_code == 201
    contract, _ = registry().media_kind("dance_video")
    (record,), vault = all_records(), open_vault(settings())
    owner = vault.keys([record.subject])[record.subject]
    with open_media(open_files(settings()), vault, contract, owner.pid, "clip-of-100-mb") as media:
        next(media.pieces)
        whole, largest = 0, 0
        for piece in media.pieces:
            whole, largest = whole + len(piece), max(largest, len(piece))
    assert whole + 64 * 1024 == record.plain_bytes and largest <= 64 * 1024
