"""The source database's tables, as photographed: rows in snapshot envelopes, published straight on the bus.

    organizations, users, exams, items    photographed at the end of the last day
    attempts, responses                   photographed at the end of the day on which they end, slice by slice
        ─▶ Row ─▶ Envelope (source "snapshot", op "r") ─▶ topic source.<table>

Where there is a source database, source_writer.py writes them there instead, and change data capture publishes. An event_id is made from the row's number, never from a name:
it stays in clean, where no identifier may be.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
import numpy as np

from lakehouse.contracts import registry
from lakehouse.envelope import Envelope, encode
from simulator.calendar import texts
from simulator.city import ADAPTIVE, SKILLS, City
from simulator.curve import DAY_MS
from simulator.lines import attempt_ids
from simulator.sittings import MOST_ITEMS
from simulator.slices import Slice

SOURCE = "snapshot"
BEFORE_MIDNIGHT_MS = 1_000
ORG_TYPES = ("school", "academy", "institution")


@dataclass(slots=True)
class Row:
    """One row of a source table. `payload` is JSON text."""

    contract: str
    event_id: str
    zone_id: str
    org_id: int | None
    subject: str | None
    payload: str

    def line(self, received_at: datetime) -> bytes:
        version = registry().get(self.contract).version
        payload = msgspec.Raw(self.payload.encode())
        return encode(
            Envelope(self.event_id, self.contract, version, SOURCE, self.zone_id, received_at, payload, self.org_id, self.subject)
        )


def photographed_ms(city: City, times_ms: np.ndarray) -> np.ndarray:
    """The end of the day of each time, less a second."""
    return city.calendar.first_ms + (city.calendar.day_of(times_ms) + 1) * DAY_MS - BEFORE_MIDNIGHT_MS


def sat(city: City, part: Slice) -> Iterator[Row]:
    """The rows of attempts and responses of one slice."""
    sittings, people, exams = part.sittings, city.people, city.exams
    visit = sittings.visit
    zone = [city.zones[z] for z in part.visits.zone[visit]]
    org = [people.org_id(people.org[u]) for u in sittings.user]
    user = [city.identities.user_id(int(u), city.zones[people.zone[u]]) for u in sittings.user]
    attempt = attempt_ids(city, part)
    began, ended = texts(part.times(sittings)), texts(part.end_times)
    changed = texts(photographed_ms(city, part.end_times))
    for n, spent in enumerate(sittings.time_spent_ms.tolist()):
        done = bool(sittings.is_finished[n])
        result = (
            f',"finished_at":"{ended[n]}","score":{sittings.score_centi[n] / 100},"theta":{sittings.theta_micro[n] / 1e6:.6f},'
            f'"standard_error":{sittings.error_micro[n] / 1e6:.6f},"time_spent_ms":{spent}'
        )
        payload = (
            f'{{"op":"r","changed_at":"{changed[n]}","source_lsn":0,"attempt_id":"{attempt[n]}","exam_id":"{exams.exam_id(sittings.exam[n])}",'
            f'"user_id":"{user[n]}","attempt_status":"{"finished" if done else "abandoned"}","started_at":"{began[n]}"{result if done else ""}}}'
        )
        yield Row("source.attempts", f"snap.{attempt[n]}", zone[n], org[n], user[n], payload)
    rows = zip(sittings.r_sitting.tolist(), sittings.r_index.tolist(), sittings.r_item.tolist(), sittings.r_is_correct.tolist(), sittings.r_time_ms.tolist(), texts(part.response_times))  # fmt: skip
    for n, index, item, right, took, when in rows:
        response = f"{attempt[n]}-{index:02d}"
        payload = (
            f'{{"op":"r","changed_at":"{changed[n]}","source_lsn":0,"response_id":"{response}","attempt_id":"{attempt[n]}","item_id":"{exams.item_id(item)}",'
            f'"user_id":"{user[n]}","response_index":{index},"is_correct":{"true" if right else "false"},"response_time_ms":{took},"responded_at":"{when}"}}'
        )
        yield Row("source.responses", f"snap.{response}", zone[n], org[n], user[n], payload)


def standing(city: City) -> Iterator[Row]:
    """The rows of organizations, exams, items and users. Call it once all slices are generated: new users are known then."""
    at = texts(np.array([city.calendar.end_ms - BEFORE_MIDNIGHT_MS]))[0]
    base = {"op": "r", "changed_at": at, "source_lsn": 0}
    yield from _organizations(city, base)
    yield from _exams(city, base)
    yield from _items(city, base)
    yield from _users(city, base)


def org_name(city: City, org: int, zone: int) -> str:
    return f"{city.zones[zone].replace('_', ' ').title()} {ORG_TYPES[org % 3].title()} {org % city.people.orgs_per_zone + 1}"


def _organizations(city: City, base: dict) -> Iterator[Row]:
    created = texts(city.calendar.first_ms - (800 + np.arange(len(city.people.org_zone)) % 900) * DAY_MS)
    for org, zone in enumerate(city.people.org_zone.tolist()):
        payload = base | {
            "org_name": org_name(city, org, zone),
            "org_type": ORG_TYPES[org % 3],
            "country_code": ("KR", "KR", "US", "JP")[org % 4],
            "created_at": created[org],
        }
        yield Row("source.organizations", _id(city, "org", org), city.zones[zone], city.people.org_id(org), None, _json(payload))


def _exams(city: City, base: dict) -> Iterator[Row]:
    exams = city.exams
    published = texts(exams.published_ms)
    for n in range(exams.size):
        length = MOST_ITEMS if exams.length[n] == ADAPTIVE else int(exams.length[n])
        payload = base | {"exam_id": exams.exam_id(n), "exam_title": exams.title(n), "exam_type": exams.type[n]}
        payload |= {"item_count": length, "time_limit_ms": length * 120_000, "published_at": published[n]}
        yield Row("source.exams", _id(city, "exam", n), city.zones[exams.zone[n]], None, None, _json(payload))


def _items(city: City, base: dict) -> Iterator[Row]:
    exams = city.exams
    for n, exam in enumerate(exams.item_exam.tolist()):
        payload = base | {"item_id": exams.item_id(n), "exam_id": exams.exam_id(exam), "skill": SKILLS[exams.item_skill[n]]}
        payload |= {"item_discrimination": float(exams.a[n]), "item_difficulty": float(exams.b[n]), "item_guessing": float(exams.c[n])}
        yield Row("source.items", _id(city, "item", n), city.zones[exams.zone[exam]], None, None, _json(payload))


def _users(city: City, base: dict) -> Iterator[Row]:
    people, names = city.people, city.identities
    signed_up = texts(people.signed_up_ms)
    for n in range(people.size):
        zone, role = city.zones[people.zone[n]], people.roles[people.role[n]]
        user = names.user_id(n, zone)
        payload = base | {"user_id": user, "role": role, "email": names.email(n), "full_name": names.full_name(n), "phone": names.phone(n)}
        payload |= {"birth_on": names.birth_on(n, role == "student").isoformat(), "country_code": ("KR", "KR", "KR", "US")[n % 4]}
        payload["signed_up_at"] = signed_up[n]
        yield Row("source.users", _id(city, "user", n), zone, people.org_id(people.org[n]), user, _json(payload))


def _id(city: City, table: str, number: int) -> str:
    return f"snap.{city.seed % 10_000:04d}.{city.calendar.end_on:%Y%m%d}.{table}.{number}"


def _json(payload: dict) -> str:
    return json.dumps(payload, ensure_ascii=False)


def received_now() -> datetime:
    return datetime.now(UTC)
