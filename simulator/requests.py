"""Records → requests as clients send them: mostly some 200 events at once, some alone, some compressed.

Records in order of sending ─▶ by zone ─▶ Request: host, body, what the collector must answer
"""

import gzip
from dataclasses import dataclass, field

import numpy as np

from simulator.city import City
from simulator.mishaps import DUPLICATE, LATE, MALFORMED, Record

BATCH = (150, 250)
SINGLE_SHARE = 0.1  # of the requests
GZIP_SHARE = 0.2


@dataclass(slots=True)
class Request:
    """`expected`: index of an event → the code it must be refused with. `refused_whole`: the code for the whole body."""

    host: str
    body: bytes
    events: int
    is_gzip: bool = False
    expected: dict[int, str] = field(default_factory=dict)
    refused_whole: str | None = None
    duplicates: int = 0
    late: int = 0


def requests(city: City, records: list[Record], number: int) -> list[Request]:
    """The requests of one slice, `number` of it; in order of their first event, all zones mixed."""
    rng = city.rng(5, number)
    made: list[tuple[int, Request]] = []
    for zone, host in enumerate(city.hosts):
        mine = [record for record in records if record.zone == zone]
        together = [record for record in mine if not record.alone]
        for batch in _batches(rng, together):
            made.append((batch[0].send_ms, _request(host, batch, bool(rng.random() < GZIP_SHARE))))
        for record in mine:
            if record.alone:
                made.append((record.send_ms, Request(host, record.text.encode(), 1, refused_whole=record.code)))
    return [request for _, request in sorted(made, key=lambda pair: pair[0])]


def _batches(rng: np.random.Generator, records: list[Record]):
    done = 0
    while done < len(records):
        size = 1 if rng.random() < SINGLE_SHARE else int(rng.integers(*BATCH))
        yield records[done : done + size]
        done += size


def _request(host: str, batch: list[Record], is_gzip: bool) -> Request:
    text = batch[0].text if len(batch) == 1 else f"[{','.join(record.text for record in batch)}]"
    body = text.encode()
    return Request(
        host,
        gzip.compress(body, 1, mtime=0) if is_gzip else body,
        len(batch),
        is_gzip,
        {n: record.code for n, record in enumerate(batch) if record.kind == MALFORMED},
        duplicates=sum(record.kind == DUPLICATE for record in batch),
        late=sum(record.kind == LATE for record in batch),
    )
