"""Every byte of a folder, as it lies there and as it reads: files whole, and each Parquet page once it is decompressed.

    files ─▶ raw bytes ─────────────────────────────────┐
         └─▶ Parquet: column chunks ─▶ pages (dictionary ├─▶ which needles are in there, and where
                      pages too) ─▶ decompressed ────────┘

Reading values through a library would not do: a dictionary page may hold a value that no row has any more. Page headers
are Thrift's compact protocol, of which only as much is read here as is needed to find the next page
(https://github.com/apache/parquet-format, parquet.thrift: PageHeader).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(1, 13)
_DATA_PAGE_V2 = 3


@dataclass(frozen=True)
class Hit:
    path: Path
    needle: bytes
    where: str


def scan(folder: Path, needles: list[bytes]) -> tuple[list[Hit], int]:
    """All hits below `folder`, and how many bytes were looked at (decompressed ones included)."""
    hits, looked_at = [], 0
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        for where, data in _readings(path):
            looked_at += len(data)
            hits += [Hit(path, needle, where) for needle in needles if needle in data]
    return hits, looked_at


def _readings(path: Path) -> Iterator[tuple[str, bytes]]:
    data = path.read_bytes()
    yield "bytes", data
    if data[:4] == data[-4:] == b"PAR1":
        yield from _pages(path, data)


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
