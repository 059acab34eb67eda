"""Every byte of a folder, as it lies there and as it reads: files whole, each Parquet page and each message once it is decompressed.

    files ─▶ raw bytes ─────────────────────────────────────────┐
         ├─▶ Parquet: column chunks ─▶ pages (dictionary         ├─▶ which needles are in there, and where
         │            pages too) ─▶ decompressed ───────────────┤
         └─▶ segments of a log: messages ─▶ decompressed ───────┘

Reading values through a library would not do: a dictionary page may hold a value that no row has any more. Page headers
are Thrift's compact protocol, of which only as much is read here as is needed to find the next page
(https://github.com/apache/parquet-format, parquet.thrift: PageHeader). DuckDB's own file is compressed in ways that nobody
else reads: warehouse.py answers for it, by asking every table and by copying them into a file without holes.
"""

import mmap
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from lakehouse.storage.segment import HEADER, SUFFIX, SegmentReader

_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(1, 13)
_DATA_PAGE_V2 = 3
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_MOST_UNPACKED_BYTES = 64 * 1024 * 1024
Reading = tuple[str, bytes | mmap.mmap]


@dataclass(frozen=True)
class Hit:
    """`path` is below the folder that was scanned; `needle` is what must not be told to anybody."""

    path: Path
    needle: bytes
    where: str


@dataclass
class Scan:
    """What was looked at, and what was found. `read_bytes` are those of files, `decoded_bytes` what these came to in clear."""

    files: int = 0
    read_bytes: int = 0
    decoded_bytes: int = 0
    hits: list[Hit] = field(default_factory=list)


def scan(folder: Path, needles: Sequence[bytes]) -> tuple[list[Hit], int]:
    """All hits below `folder`, and how many bytes were looked at (decompressed ones included)."""
    found = scanned(folder, needles)
    return found.hits, found.read_bytes + found.decoded_bytes


def scanned(folder: Path, needles: Sequence[bytes], without: Collection[str] = (), tell: Callable[[str], None] = lambda _: None) -> Scan:
    """`without`: names of folders right below that are somebody else's. A file that goes while it is looked for is gone."""
    found = Scan()
    for path in sorted(_files(folder, without)):
        tell(str(path.relative_to(folder)))
        try:
            readings = _readings(path)
            for where, data in readings:
                if where == "bytes":
                    found.files += 1
                    found.read_bytes += len(data)
                else:
                    found.decoded_bytes += len(data)
                found.hits += [Hit(path.relative_to(folder), needle, where) for needle in needles if data.find(needle) >= 0]
        except FileNotFoundError:
            continue
    return found


def _files(folder: Path, without: Collection[str]) -> Iterator[Path]:
    for where, folders, names in os.walk(folder):
        if Path(where) == folder:
            folders[:] = [name for name in folders if name not in without]
        yield from (path for name in names if (path := Path(where) / name).is_file() and not path.is_symlink())


def _readings(path: Path) -> Iterator[Reading]:
    with path.open("rb") as file:
        if not os.fstat(file.fileno()).st_size:
            yield "bytes", b""
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield "bytes", data
            if data[:4] == data[-4:] == b"PAR1":
                yield from _pages(path, data[:])
    if path.suffix == SUFFIX:
        yield from _messages(path)


def _messages(path: Path) -> Iterator[Reading]:
    """What a log's messages hold, packed as lakehouse.envelope packs them, or any third party's bare text."""
    reader, at = SegmentReader(path), 0
    try:
        while (found := reader.next(at)) is not None:
            start, data = found
            at = start + HEADER.size + len(data)
            if data[:4] == _ZSTD_MAGIC:
                yield f"message at {start}", zstandard.ZstdDecompressor().decompress(data, max_output_size=_MOST_UNPACKED_BYTES)
    finally:
        reader.close()


def _pages(path: Path, data: bytes) -> Iterator[tuple[str, bytes]]:
    metadata = pq.ParquetFile(path).metadata
    for group in range(metadata.num_row_groups):
        for column in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(column)
            at = chunk.data_page_offset
            if chunk.has_dictionary_page:
                at = min(at, chunk.dictionary_page_offset)
            end = at + chunk.total_compressed_size
            while at < end:
                header, start = _struct(data, at)
                body = data[start : start + header[3]]
                yield f"{chunk.path_in_schema} at {at}", _decompressed(body, header, chunk.compression)
                at = start + header[3]


def _decompressed(body: bytes, header: dict, codec: str) -> bytes:
    """PageHeader: 1 type, 2 uncompressed size, 3 compressed size, 8 DataPageHeaderV2 (5, 6: bytes of levels, in clear)."""
    levels = header[8][5] + header[8][6] if header[1] == _DATA_PAGE_V2 else 0
    compressed = body[levels:]
    if codec == "UNCOMPRESSED" or not compressed or (header[1] == _DATA_PAGE_V2 and header[8].get(7) is False):
        return body
    return body[:levels] + pa.decompress(compressed, decompressed_size=header[2] - levels, codec=codec.lower(), asbytes=True)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _struct(data: bytes, at: int) -> tuple[dict, int]:
    fields, number = {}, 0
    while data[at]:
        head = data[at]
        at += 1
        if head >> 4:
            number += head >> 4
        else:
            number, at = _varint(data, at)
            number = (number >> 1) ^ -(number & 1)
        fields[number], at = _value(data, at, head & 0x0F)
    return fields, at + 1


def _value(data: bytes, at: int, kind: int):
    if kind in (_TRUE, _FALSE):
        return kind == _TRUE, at
    if kind in (_I16, _I32, _I64):
        value, at = _varint(data, at)
        return (value >> 1) ^ -(value & 1), at
    if kind == _BYTE:
        return data[at], at + 1
    if kind == _DOUBLE:
        return data[at : at + 8], at + 8
    if kind == _BINARY:
        length, at = _varint(data, at)
        return data[at : at + length], at + length
    if kind == _STRUCT:
        return _struct(data, at)
    if kind in (_LIST, _SET):
        size, of = data[at] >> 4, data[at] & 0x0F
        at += 1
        if size == 15:
            size, at = _varint(data, at)
        values = []
        for _ in range(size):
            value, at = _value(data, at, of)
            values.append(value)
        return values, at
    raise ValueError(f"Thrift type {kind} does not occur in a page header")
