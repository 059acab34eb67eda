"""The live window from what is durable, where Redis lost it: first the bus, then raw, newest batches first.

    bus, what it still holds ─┐
                              ├─▶ envelopes, a batch at a time ─▶ the same counting as ever, each event once
    raw, landed in the window ┘

In that order nothing is missed: what is on the bus when we look is read there, and what is not on it any more has been
landed by then. Where the bus cannot show what was acknowledged (Pub/Sub), raw is looked at again and again for
FOLLOW_S, until what was under way must have landed.
"""

import io
import json
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pyarrow.parquet as pq

from lakehouse import places
from lakehouse.contracts.model import Contract
from lakehouse.envelope import Envelope
from lakehouse.errors import CorruptError
from lakehouse.judge import CLOCK_TOLERANCE
from lakehouse.log import get_log
from lakehouse.privacy.seal import unseal_all
from lakehouse.storage.protocols import Bus, Files, Vault
from live.reading import RecordReader

FOLLOW_S = 900.0
_LOOK_AGAIN_S = 5.0
_ENVELOPES_AT_ONCE = 5_000
log = get_log(__name__)


def rebuilding(
    bus: Bus, files: Files, vault: Vault, readers: Sequence[RecordReader], since: datetime
) -> Iterator[tuple[RecordReader, list[Envelope]]]:
    """Everything received since `since`, and perhaps more, in parts of bounded size; an empty part where it waits."""
    for reader in readers:
        for message in bus.untrimmed(reader.contract.topic):
            yield reader, reader.envelopes([message])[0]
    until, seen = time.monotonic() + (0 if bus.shows_untrimmed else FOLLOW_S), set()
    while True:
        for reader in readers:
            for path in _landed(files, reader.contract, since, seen):
                try:
                    for envelopes in _opened(files, vault, path):
                        yield reader, envelopes
                except CorruptError as error:
                    # The rest of the window is worth having. Refinement stops at this file too, and says what to do.
                    log.error("raw_file_unreadable", path=path, error=error)
        if time.monotonic() >= until:
            return
        look_again = time.monotonic() + _LOOK_AGAIN_S
        while time.monotonic() < look_again:
            yield readers[0], []


def _landed(files: Files, contract: Contract, since: datetime, seen: set[str]) -> list[str]:
    """Raw files with anything received since then, newest first; each once. `seen` is added to."""
    at, day, now = (contract.domain, contract.table), since.date(), datetime.now(UTC)
    found: list[tuple[str, str]] = []
    while day <= now.date() + timedelta(days=1):
        for path in files.list(f"{places.raw_dir(*at)}/dt={day.isoformat()}/"):
            if path not in seen and (received_at := _last_received(files, contract, path)) is not None:
                seen.add(path)
                found += [(received_at, path)] if received_at >= since.isoformat() else []
        day += timedelta(days=1)
    return [path for _, path in sorted(found, reverse=True)]


def _last_received(files: Files, contract: Contract, path: str) -> str | None:
    """By the commit of its batch; None where it is not committed: then its messages are on the bus still."""
    batch_id = path.rpartition("/")[2].removesuffix(".parquet").rpartition("-")[0]
    try:
        said = json.loads(files.get(places.raw_commit(contract.domain, contract.table, batch_id)))
    except FileNotFoundError:
        return None
    return said.get("last_received_at", said["first_received_at"])


def _opened(files: Files, vault: Vault, path: str) -> Iterator[list[Envelope]]:
    """The envelopes of a raw file, less those about people who are forgotten."""
    try:
        data = files.get(path)
    except FileNotFoundError:
        return  # it expired meanwhile, and so it was too old
    for part in pq.ParquetFile(io.BytesIO(data)).iter_batches(_ENVELOPES_AT_ONCE):
        rows = part.to_pylist()
        owners = vault.keys({row["subject"] for row in rows})
        keys = [(owner := owners.get(row["subject"])) and owner.key for row in rows]
        payloads = unseal_all(keys, [row["payload"] for row in rows], [row["event_id"].encode() for row in rows])
        yield [
            Envelope(**row | {"payload": msgspec.Raw(payload), "received_at": row["received_at"].astimezone(UTC)})
            for row, payload in zip(rows, payloads)
            if payload is not None
        ]


def since_when(now_minute: int, window_minutes: int) -> datetime:
    """What happened in the window was received at most the clocks' tolerance before it."""
    return datetime.fromtimestamp((now_minute - window_minutes) * 60, UTC) - CLOCK_TOLERANCE
