"""A small town with everything that could go wrong in it, by seed: what the tests of order, lateness and kills build from.

Sittings and takes that cross midnight, ends without a start, attempt ids used again a week later, places answered twice,
takes scored twice, visits without a user, users who change zones, payments that are settled on another day and refunded
later, and source rows that are changed and deleted.
"""

import random
from datetime import datetime, timedelta
from decimal import Decimal

from clean_rows import Row, ability, ai, calibrated, exam, login, seoul, source, take, video, web

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
    for number in range(60):
        rows.append(_change(chance, number, days, users))
    for number in range(30):
        rows += _take(chance, number, days, users)
        rows += _payment(chance, number, days, users)
    return rows + _measured(random.Random(seed + 1_000), days, users)


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
    if chance.random() < 0.4:
        more["content_id"] = f"content-{chance.randrange(5)}"
        kind, told = chance.choice(
            [(kind, {}), ("rating", {"rating_score": chance.randrange(1, 6)}), ("progress", {"progress_ratio": chance.random()})]
        )
        more |= told
    if kind == "page_view" and chance.random() < 0.3:
        more["campaign_id"] = chance.choice(["spring", "autumn"])
    return web(kind, _when(chance, days), event_id=f"visit-{number:05d}", session_id=f"visit-{chance.randrange(60)}", **more, **who)


def _take(chance: random.Random, number: int, days: int, users: int) -> list[Row]:
    """The steps of a take, in voice or motion; some are missing, and some are told again, otherwise."""
    at, kind = _when(chance, days), chance.choice(["recording", "clip"])
    who = _who(chance, users) | {"practice_id": f"take-{number % 25}"}
    score = "accuracy_score" if kind == "recording" else "similarity_score"
    told = {
        "started": {"content_id": f"lesson-{number % 3}"},
        "uploaded": {"media_id": f"media-{number:05d}", "duration_ms": chance.randrange(90_000)},
        chance.choice(["scored", "failed", "discarded"]): {score: chance.random() * 100, "model_name": chance.choice(["x", "w"])},
    }
    rows = []
    for place, (step, values) in enumerate(told.items()):
        at = _later(at, chance.randrange(1, 20_000))
        if chance.random() < 0.8:
            rows.append(take(f"{kind}_{step}", at, event_id=f"take-{number:04d}-{place}", **({"content_id": None} | values), **who))
    if chance.random() < 0.2:
        rows.append(take(f"{kind}_scored", _later(at, 5), event_id=f"take-{number:04d}-again", **{score: 1.0, "content_id": None}, **who))
    return rows


def _payment(chance: random.Random, number: int, days: int, users: int) -> list[Row]:
    """Ordered, then perhaps paid, then perhaps refunded or deleted, each change some hours later."""
    ordered = _when(chance, days)
    what = {"payment_id": f"pay-{number % 25}", "created_at": seoul(ordered), "price_currency": chance.choice(["KRW", "USD"])}
    what |= {"price_amount": Decimal(chance.randrange(1, 9_999_999)) / 100, **_who(chance, users)}
    at, rows = ordered, []
    for place, (op, status) in enumerate([("c", "pending"), ("u", "paid"), chance.choice([("u", "refunded"), ("d", "paid")])]):
        paid = {"paid_at": seoul(at)} if status != "pending" else {}
        change = {"event_id": f"pay-{number:04d}-{place}", "op": op, "source_lsn": 10 * number + place}
        rows.append(source("payments", at, payment_status=status, **paid, **what, **change))
        at = _later(at, chance.randrange(60_000))
        if chance.random() < 0.3:
            break
    return rows


def _measured(chance: random.Random, days: int, users: int) -> list[Row]:
    """Abilities of whoever and items of whatever, on days with answers and on others; estimates of equals, too."""
    on = [(datetime(2025, 11, 3) + timedelta(days=day)).date().isoformat() for day in range(days)]
    found = [
        ability(f"pid-{user}", skill, day, chance.choice([-1.0, chance.gauss(0, 1)]))
        for user in range(users)
        for day in on
        for skill in ("algebra", "logic", "overall")
        if chance.random() < 0.5
    ]
    return found + [calibrated(f"item-{item}", day, chance.gauss(0, 1)) for item in range(7) for day in on if chance.random() < 0.3]


def _change(chance: random.Random, number: int, days: int, users: int) -> Row:
    at, change = _when(chance, days), {"event_id": f"change-{number:05d}", "source_lsn": chance.randrange(20), "op": chance.choice("rcuud")}
    kind = chance.choice(["organizations", "users", "exams", "items", "classes", "kzone_contents", "video"])
    if kind == "video":
        step, told = chance.choice([("video_published", {"duration_ms": number, "content_type": "video"}), ("video_removed", {})])
        return video(step, at, event_id=change["event_id"], content_id=f"video-{chance.randrange(4)}", **told)
    own = {
        "organizations": {"org_id": chance.randrange(1, 4), "org_name": f"School {number}"},
        "users": {"user_pid": f"pid-{chance.randrange(users + 3)}", "birth_year": chance.randrange(1990, 2012)},
        "exams": {"exam_id": f"exam-{chance.randrange(6)}", "exam_title": f"Exam {number}", "published_at": seoul(at)},
        "classes": {"class_id": f"class-{chance.randrange(3)}"},
        "kzone_contents": {"content_id": f"content-{chance.randrange(7)}", "duration_ms": number},
        "items": {"item_id": f"item-{chance.randrange(8)}", "item_difficulty": chance.gauss(0, 1)},
    }[kind]
    return source(kind, at, **own, **change)
