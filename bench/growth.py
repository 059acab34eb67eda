"""What a day costs when the lake is old: refine and the dbt build, after sixty days of history over the same day after two.

    2 or 60 days of history, straight into clean, one full build
      ─▶ one more equal day by the bus ─▶ land ─▶ refine (measured) ─▶ model (measured) ─▶ and once more

CPU seconds and bytes read of the whole command, start-up included, the better of two days. Bytes are those of every read,
whether the disk or the page cache answered; what is looked at in a mapped file (the index of event keys) is not among them. Days are
equal in all but their ids: the same users at the same hours.
"""

import random
import resource
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench import Row, run
from lakehouse.contracts import registry
from lakehouse.contracts.model import Contract
from lakehouse.contracts.project import arrow_schema, clean_fields
from lakehouse.envelope import Envelope, pack_envelopes
from lakehouse.places import clean_table
from lakehouse.settings import Settings
from lakehouse.storage.open import open_bus, open_tables, open_vault

YOUNG, OLD = 3, 61
ATTEMPTS_A_DAY, VISITS_A_DAY, USERS = 2_500, 15_000, 2_000
_FIRST_DAY = datetime(2025, 10, 1, tzinfo=UTC)
_MEASURED = ("refine", "model")


@dataclass(frozen=True)
class Cost:
    cpu_s: float
    read_mb: float


def rows() -> list[Row]:
    young, old = (_costs_of_day(number) for number in (YOUNG, OLD))
    events = ATTEMPTS_A_DAY * 10 + VISITS_A_DAY
    found = []
    for command in _MEASURED:
        for title, unit, of in (("CPU", "CPU seconds", attrgetter("cpu_s")), ("bytes read", "MB", attrgetter("read_mb"))):
            before, after = min(map(of, young[command])), min(map(of, old[command]))
            note = f"{events:,} events a day; {after:.1f} over {before:.1f} {unit}"
            found.append(
                Row(
                    f"{command}, {title}: a day after {OLD - 1} days over one after {YOUNG - 1}",
                    after / before,
                    1.2,
                    at_most=True,
                    note=note,
                )
            )
    return found


def _costs_of_day(number: int) -> dict[str, list[Cost]]:
    """Command → what it cost on two days, the last one the lake's day `number`."""
    with tempfile.TemporaryDirectory(prefix="growth") as folder:
        settings = Settings(home=Path(folder))
        day = {contract_id: _payloads(contract_id) for contract_id in ("exam.events", "web.behaviour.events")}
        for contract_id, payloads in day.items():
            _fill_clean(settings, registry().get(contract_id), payloads, days=number - 1)
        _run(settings, "model")
        costs: dict[str, list[Cost]] = {command: [] for command in _MEASURED}
        for later in (number - 1, number):
            for contract_id, payloads in day.items():
                _publish(settings, registry().get(contract_id), payloads, later)
            _run(settings, "land")
            for command in _MEASURED:
                costs[command].append(_run(settings, command))
        return costs


def _run(settings: Settings, command: str) -> Cost:
    cpu_s, read_mb = _spent()
    run(settings.home, command)
    after_s, after_mb = _spent()
    return Cost(after_s - cpu_s, after_mb - read_mb)


def _spent() -> tuple[float, float]:
    """CPU seconds of all children so far, and MB that they and we have read: Linux adds those of a child that has ended to ours."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    read = next(int(line.split()[1]) for line in Path("/proc/self/io").read_text().splitlines() if line.startswith("rchar"))
    return used.ru_utime + used.ru_stime, read / 1e6


def _payloads(contract_id: str) -> list[dict]:
    """What happens on every day, as payloads of the first one."""
    chance = random.Random(contract_id)
    if contract_id == "exam.events":
        return [payload for number in range(ATTEMPTS_A_DAY) for payload in _attempt(chance, number)]
    return [_visit(chance) for _ in range(VISITS_A_DAY)]


def _attempt(chance: random.Random, number: int) -> list[dict]:
    began = _FIRST_DAY + timedelta(seconds=chance.randrange(12 * 3600))  # from 9:00 to 21:00 in Seoul: no sitting crosses midnight
    common = {"user_id": f"user-{chance.randrange(USERS)}", "attempt_id": f"attempt-{number}", "exam_id": f"exam-{number % 40}"}
    found = [{"event_type": "attempt_started", "occurred_at": began} | common]
    for place in range(1, 9):
        item = chance.randrange(300)
        answer = {"item_id": f"item-{item}", "skill": f"skill-{item % 12}", "response_index": place, "is_correct": chance.random() < 0.6}
        at = began + timedelta(seconds=40 * place)
        found.append({"event_type": "response_given", "occurred_at": at, "response_time_ms": chance.randrange(40_000)} | answer | common)
    result = {"started_at": began, "score": chance.random() * 100, "theta": chance.gauss(0, 1), "time_spent_ms": 400_000}
    found.append({"event_type": "attempt_finished", "occurred_at": began + timedelta(seconds=400)} | result | common)
    return found


def _visit(chance: random.Random) -> dict:
    at = _FIRST_DAY + timedelta(seconds=chance.randrange(12 * 3600))
    user = chance.randrange(USERS)
    return {"event_type": "page_view", "occurred_at": at, "user_id": f"user-{user}", "session_id": f"visit-{user}", "page_path": "/"}


def _event_id(contract: Contract, day: int, place: int) -> str:
    return f"{contract.table}-{day:04d}-{place:08d}"


def _fill_clean(settings: Settings, contract: Contract, payloads: list[dict], days: int) -> None:
    """What refine would have left after so many days, written without it: one commit a day."""
    pids = open_vault(settings).subjects({p["user_id"] for p in payloads})
    fields = clean_fields(contract, registry().vocabulary)
    plain = [
        {
            "user_pid": pids[p["user_id"]].pid,
            "zone_id": "univprep",
            "contract_version": contract.version,
            "received_at": p["occurred_at"],
            **p,
        }
        for p in payloads
    ]
    first = pa.Table.from_pylist(plain, arrow_schema(fields))
    tables, keys = open_tables(settings), np.random.default_rng(0)
    for day in range(days):
        shifted = first
        for name in ("occurred_at", "received_at", "started_at"):
            if name in first.column_names:
                shifted = _with(shifted, name, pc.add(first[name], pa.scalar(timedelta(days=day), pa.duration("us"))))
        for name in ("attempt_id", "session_id"):
            if name in first.column_names:
                shifted = _with(shifted, name, pc.binary_join_element_wise(first[name], pa.scalar(str(day)), "-"))
        shifted = _with(shifted, "event_id", pa.array([_event_id(contract, day, place) for place in range(len(plain))]))
        shifted = _with(shifted, "event_key", pa.array(keys.integers(-(2**63), 2**63 - 1, len(plain))))
        shifted = _with(shifted, "dt", pa.array([(_FIRST_DAY + timedelta(days=day)).date()] * len(plain)))
        tables.append(clean_table(contract.domain, contract.table), shifted, f"day-{day:04d}", {})


def _with(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    place = table.column_names.index(name)
    return table.set_column(place, table.schema.field(place), values)


def _publish(settings: Settings, contract: Contract, payloads: list[dict], day: int) -> None:
    bus, encode = open_bus(settings), msgspec.json.Encoder().encode
    moved = timedelta(days=day)
    envelopes = []
    for place, payload in enumerate(payloads):
        own = {n: v + moved if isinstance(v, datetime) else v for n, v in payload.items()}
        own |= {n: f"{own[n]}-{day}" for n in ("attempt_id", "session_id") if n in own}
        envelopes.append(
            Envelope(
                event_id=_event_id(contract, day, place),
                contract=contract.id,
                contract_version=contract.version,
                source="bench",
                zone_id="univprep",
                org_id=None,
                subject=own["user_id"],
                received_at=own["occurred_at"],
                payload=msgspec.Raw(encode(own)),
            )
        )
    bus.publish(contract.topic, pack_envelopes(envelopes))
    bus.close()


if __name__ == "__main__":
    for row in rows():
        print(f"{row.name}: {row.value:.2f} (at most {row.target}), {row.note}")
