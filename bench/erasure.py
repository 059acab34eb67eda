"""What forgetting costs (`python -m bench.erasure`), and what sealing costs, which makes it possible.

one lake, and one of ten times the rows ─▶ close ─▶ seconds over seconds: the size must not matter
the large one ─▶ purge of one, of a hundred ─▶ bytes written over bytes of the files that held them; CPU over CPU
one batch ─▶ land, sealed and not ─▶ CPU over CPU
"""

import shutil
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock
from uuid import uuid4

import msgspec
import numpy as np
import pyarrow as pa

from beam_pipelines import land, sinks
from beam_pipelines import stores as opened_stores
from beam_pipelines.landing import Pulled
from beam_pipelines.running import directly
from bench import Row
from lakehouse.contracts import registry
from lakehouse.contracts.project import arrow_schema, clean_fields
from lakehouse.envelope import Envelope, pack_envelopes
from lakehouse.places import clean_table
from lakehouse.privacy.chain import ActorKind
from lakehouse.privacy.erasure.clean import Clean
from lakehouse.privacy.erasure.close import close
from lakehouse.privacy.erasure.office import Office
from lakehouse.privacy.requests import Kind, Request, Whom, due_at
from lakehouse.settings import Settings
from lakehouse.storage.open import open_tables

CONTRACT = "exam.events"
ROWS, TIMES, DAYS, USERS, CLOSED, MANY = 200_000, 10, 30, 8_000, 21, 100
LANDED, LANDINGS = 100_000, 9
_FIRST_DAY = datetime(2025, 10, 1, tzinfo=UTC)
_PAYLOAD = b'{"event_type":"attempt_started","occurred_at":"2025-10-01T00:00:00Z","user_id":"%b","attempt_id":"a-%d","exam_id":"exam-1"}'


def rows() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="erasure") as folder:
        small, large = (_lake(Path(folder) / name, rows) for name, rows in (("small", ROWS), ("large", ROWS * TIMES)))
        return [_closing(small, large), *_purging(large, Path(folder)), _sealing(Path(folder) / "landing")]


def _closing(small: Settings, large: Settings) -> Row:
    """In turns, so that a busy machine is as busy for both."""
    took: dict[Settings, list[float]] = {small: [], large: []}
    offices = {at: Office(at, "bench", ActorKind.SERVICE) for at in took}
    for number in range(CLOSED):
        for at, office in offices.items():
            request = _asked(office, f"student-{number}")
            began = time.perf_counter()
            close(office, [request])
            took[at].append(time.perf_counter() - began)
    before, after = (statistics.median(took[at][1:]) for at in (small, large))
    note = f"{ROWS * TIMES:,} rows over {ROWS:,}; {after * 1000:.1f} over {before * 1000:.1f} ms, the median of {CLOSED - 1}"
    return Row(f"stage 1 of an erasure: a lake of {TIMES} times the rows", after / before, 1.2, at_most=True, note=note)


def _asked(office: Office, user: str) -> Request:
    now = datetime.now(UTC)
    request = Request(str(uuid4()), Kind.ERASURE, office.vault.digest(user), "app", "self", "pipa", now, due_at(now, "pipa"), now, "bench")
    office.requests.add(request, Whom(user))
    return request


def _purging(large: Settings, folder: Path) -> list[Row]:
    one, one_s = _purged(large, folder / "one", 1)
    many, many_s = _purged(large, folder / "many", MANY)
    written, held = (sum(getattr(each, name) for each in one) for name in ("bytes_written", "bytes_held"))
    name = f"{ROWS * TIMES:,} rows on {DAYS} days"
    return [
        Row(
            "stage 2 for one person: bytes written over bytes of the files that held them",
            written / held,
            1.1,
            at_most=True,
            note=f"{name}; {written / 1e6:.1f} over {held / 1e6:.1f} MB",
        ),
        Row(
            f"stage 2: {MANY} people in one purge over one",
            many_s / one_s,
            2.0,
            at_most=True,
            note=f"{name}; {many_s:.2f} over {one_s:.2f} CPU seconds, {sum(p.rows for p in many):,} and {sum(p.rows for p in one):,} rows",
        ),
    ]


def _purged(lake: Settings, home: Path, people: int):
    """On a copy, each its own: what is purged once is gone."""
    shutil.copytree(lake.home, home)
    settings = lake.model_copy(update={"home": home})
    office = Office(settings, "bench", ActorKind.SERVICE)
    names = [f"student-{1_000 + number}" for number in range(people)]
    known = office.vault.find(names)
    began = time.process_time()
    done = Clean(settings).purge([Whom(name, pid=known[name].pid, key_id=known[name].key_id) for name in names], lambda _: None)
    took = time.process_time() - began
    shutil.rmtree(home)
    return done, took


def _lake(home: Path, rows: int) -> Settings:
    """Rows straight into clean, a day a batch, some people far more active than others; the vault knows them all."""
    settings, contract, chance = Settings(home=home), registry().get(CONTRACT), np.random.default_rng(1)
    pids = [
        known.pid for known in Office(settings, "bench", ActorKind.SERVICE).vault.subjects([f"student-{n}" for n in range(USERS)]).values()
    ]
    schema, tables = arrow_schema(clean_fields(contract, registry().vocabulary)), open_tables(settings)
    for day in range(DAYS):
        each = rows // DAYS
        who = np.minimum(chance.zipf(1.3, each) - 1 + chance.integers(0, USERS, each), USERS - 1)
        at, number = _FIRST_DAY + timedelta(days=day, hours=3), day * each
        same = {"zone_id": "univprep", "org_id": 17, "contract_version": "1.0.0", "exam_id": "exam-1", "event_type": "attempt_started"}
        same |= {contract.event_time: at, "received_at": at, "dt": at.date()}
        own = {
            "event_id": [f"event-{number + n:012d}" for n in range(each)],
            "event_key": pa.array(range(number, number + each), pa.int64()),
            "user_pid": [pids[n] for n in who.tolist()],
            "attempt_id": [f"attempt-{number + n:012d}" for n in range(each)],
        }
        columns = [own.get(f.name, pa.array([same.get(f.name)] * each, f.type)) for f in schema]
        tables.append(clean_table(contract.domain, contract.table), pa.table(columns, schema=schema), f"day-{day}", {})
    return settings


def _sealing(home: Path) -> Row:
    """In turns, too; the quickest of each."""
    users = [f"student-{n % USERS}" for n in range(LANDED)]
    envelopes = [
        Envelope(f"event-{n:09d}", CONTRACT, "1.0.0", "http", "univprep", _FIRST_DAY, msgspec.Raw(_PAYLOAD % (user.encode(), n)), 17, user)
        for n, user in enumerate(users)
    ]
    messages = dict(enumerate(pack_envelopes(envelopes)))
    took: dict[str, list[float]] = {"sealed": [], "plain": []}
    for turn in range(LANDINGS):
        took["sealed"].append(_landed(home, messages, f"sealed-{turn}"))
        with mock.patch.object(sinks, "sealed", _unsealed):
            took["plain"].append(_landed(home, messages, f"plain-{turn}"))
    sealed, plain = (min(seconds) for seconds in took.values())
    note = f"{LANDED:,} events of {USERS:,} people; {LANDED / sealed:,.0f} over {LANDED / plain:,.0f} events a CPU second"
    return Row("land with sealing over land without", plain / sealed, 0.6, note=note)


def _landed(home: Path, messages: dict[int, bytes], name: str) -> float:
    settings = Settings(home=home)
    opened_stores.stores(settings).met.subjects([f"student-{n}" for n in range(USERS)])  # met before, as most people were
    pulled = Pulled(CONTRACT, name, datetime.now(UTC), {f"{name}-{n}": data for n, data in messages.items()})
    began = time.process_time()
    directly([pulled], land.STEPS, settings)
    return time.process_time() - began


def _unsealed(to, envelopes):
    """Raw as it would be were payloads kept in clear: no vault, no keys, no ciphers."""
    schema = sinks.sealed_schema("platform.envelope")
    own = {"payload": [bytes(e.payload) for e in envelopes]}
    columns = [own.get(name) or [getattr(e, name) for e in envelopes] for name in schema.names]
    return pa.table(columns, schema=schema), list(range(len(envelopes)))
