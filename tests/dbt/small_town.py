"""A small town with everything that could go wrong in it, by seed: what the tests of order, lateness and kills build from.

Sittings that cross midnight, ends without a start, attempt ids used again a week later, places answered twice, visits
without a user, users who change zones, and source rows that are changed and deleted.
"""

import random
from datetime import datetime, timedelta
from decimal import Decimal

from clean_rows import Row, ai, exam, login, seoul, source, web

_ZONES = ("univprep", "kzone", "mpcstudy")


def town(seed: int, days: int = 8, users: int = 12) -> list[Row]:
    chance = random.Random(seed)
    rows: list[Row] = [row for number in range(60) for row in _sitting(chance, number, days, users)]
    for number in range(days * users * 2):
        rows.append(_visit(chance, number, days, users))
    for number in range(days * 6):
        kind = chance.choice(["ai_request_completed", "ai_request_completed", "ai_request_failed"])
        cost = {"cost_usd": Decimal(chance.randrange(1, 999_999)) / 1_000_000} if kind == "ai_request_completed" else {}
        who = _who(chance, users)
        rows.append(ai(kind, _when(chance, days), event_id=f"{seed}-ai-{number:05d}", model_name=chance.choice("xyz"), **cost, **who))
        kind = chance.choice(["login_succeeded", "login_failed", "logout"])
        rows.append(login(kind, _when(chance, days), event_id=f"{seed}-login-{number:05d}", **_who(chance, users)))
    for number in range(40):
        rows.append(_change(chance, number, days, users))
    return rows


def _when(chance: random.Random, days: int) -> str:
    moment = datetime(2025, 11, 3) + timedelta(seconds=chance.randrange(days * 86_400))
    return moment.isoformat(sep=" ")


def _later(at: str, seconds: int) -> str:
    return (datetime.fromisoformat(at) + timedelta(seconds=seconds)).isoformat(sep=" ")


def _who(chance: random.Random, users: int) -> dict:
    return {"user_pid": f"pid-{chance.randrange(users)}", "zone_id": chance.choice(_ZONES)}


def _sitting(chance: random.Random, number: int, days: int, users: int) -> list[Row]:
    at = _when(chance, days)
    who = _who(chance, users) | {"attempt_id": f"attempt-{number % 50}", "exam_id": f"exam-{number % 4}"}
    name = f"sitting-{number:04d}"
    rows = []
    if chance.random() < 0.8:
        rows.append(exam("attempt_started", at, event_id=f"{name}-start", device_type=chance.choice(["phone", "desktop"]), **who))
    for place in range(chance.randrange(6)):
        at = _later(at, chance.randrange(1, 8_000))
        answer = {"item_id": f"item-{place}", "skill": chance.choice(["algebra", "logic", None]), "is_correct": chance.random() < 0.5}
        again = 1 + chance.randrange(max(place, 1))  # now and then a place that was answered before
        rows.append(exam("response_given", at, event_id=f"{name}-r{place}", response_index=again, **answer, **who))
    if chance.random() < 0.7:
        result = {"score": chance.random() * 100, "theta": chance.gauss(0, 1), "time_spent_ms": chance.randrange(86_400_000)}
        rows.append(exam("attempt_finished", _later(at, 60), event_id=f"{name}-end", **result, **who))
    return rows


def _visit(chance: random.Random, number: int, days: int, users: int) -> Row:
    kind = chance.choice(["page_view", "page_view", "dwell", "signup", "mission_complete", "add_to_cart", "purchase"])
    who = _who(chance, users)
    if kind in ("page_view", "add_to_cart") and chance.random() < 0.3:
        who["user_pid"] = None
    more = {"dwell_ms": chance.randrange(100_000)} if kind == "dwell" else {}
    return web(kind, _when(chance, days), event_id=f"visit-{number:05d}", session_id=f"visit-{chance.randrange(60)}", **more, **who)


def _change(chance: random.Random, number: int, days: int, users: int) -> Row:
    at, change = _when(chance, days), {"event_id": f"change-{number:05d}", "source_lsn": chance.randrange(20), "op": chance.choice("rcuud")}
    kind = chance.choice(["organizations", "users", "exams", "items"])
    own = {
        "organizations": {"org_id": chance.randrange(1, 4), "org_name": f"School {number}"},
        "users": {"user_pid": f"pid-{chance.randrange(users + 3)}", "birth_year": chance.randrange(1990, 2012)},
        "exams": {"exam_id": f"exam-{chance.randrange(6)}", "exam_title": f"Exam {number}", "published_at": seoul(at)},
        "items": {"item_id": f"item-{chance.randrange(8)}", "item_difficulty": chance.gauss(0, 1)},
    }[kind]
    return source(kind, at, **own, **change)
