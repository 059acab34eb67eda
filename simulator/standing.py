"""What the source database holds before the first simulated day: the schools, their people, their exams.

    City ─▶ (table, columns, rows), in the order in which foreign keys allow to write them

Rows are tuples as COPY wants them. `changed_at` is the first moment of the first day: that is when the city came into
this database. A person who signs up later is a row of the slice in which they do (source_writer.py).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from simulator.city import ADAPTIVE, SKILLS, City
from simulator.sittings import MOST_ITEMS
from simulator.snapshot import ORG_TYPES, org_name

TEACHES = ("teacher", "tutor")
LESSON_ZONES = ("kzone", "kzone_ai")
LEAVER_EVERY = 200  # of the accounts that nobody ever uses, one in so many is closed
POLICY_VERSION = "2025-03"


@dataclass(frozen=True)
class Batch:
    """Rows of one table. `columns` are theirs, zone_id and org_id among them."""

    table: str
    columns: tuple[str, ...]
    rows: list[tuple]


def moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)


def batches(city: City) -> Iterator[Batch]:
    """Everything that stands on the first morning, organizations first."""
    at = moment(city.calendar.first_ms)
    yield _organizations(city, at)
    yield _exams(city, at)
    yield _items(city, at)
    yield from accounts(city, range(city.people.first_new), at)


def accounts(city: City, numbers: Iterable[int], at: datetime | None) -> Iterator[Batch]:
    """Users and what goes with an account. `at`: when they came; of new users, None: when they signed up."""
    people, names = city.people, city.identities
    users, teachers, classes, students, sessions, links, consents, lessons = ([] for _ in range(8))
    code, ends = f"{city.seed % 10_000:04d}", moment(city.calendar.end_ms)
    teacher_of, pupil_of = _first_of(city, *TEACHES), _first_of(city, "student")
    for n in numbers:
        zone, org, role = city.zones[people.zone[n]], int(people.org[n]), people.roles[people.role[n]]
        user, signed_up = names.user_id(n, zone), moment(people.signed_up_ms[n])
        came = at or signed_up
        tenant = (zone, people.org_id(org), came)
        country = ("KR", "KR", "KR", "US")[n % 4]
        users.append(
            (
                *tenant,
                user,
                role,
                names.email(n),
                names.full_name(n),
                names.phone(n),
                names.birth_on(n, role == "student"),
                country,
                signed_up,
            )
        )
        consents += [
            (*tenant, f"co-{code}-{n:06d}-{p}", user, purpose, (n + p) % 5 > 0 or p == 0, POLICY_VERSION, signed_up)
            for p, purpose in enumerate(("service", "ai_training"))
        ]
        if role in TEACHES:
            teachers.append((*tenant, user, SKILLS[n % len(SKILLS)], signed_up.date()))
            if teacher_of.get(org) == n:
                classes.append((*tenant, f"cl-{code}-{org:05d}", user, f"Class of {names.full_name(n)}", came))
                exam = city.exams.exam_id(int(people.zone[n]) * city.exams.per_zone)
                sessions.append((*tenant, f"se-{code}-{org:05d}", exam, f"cl-{code}-{org:05d}", came, ends))
            if zone in LESSON_ZONES:
                lessons.append(
                    (*tenant, f"le-{code}-{n:06d}", user, "lesson", f"Lesson by {names.full_name(n)}", 240_000 + n % 60_000, came, came)
                )
        elif role == "student":
            students.append((*tenant, user, f"cl-{code}-{org:05d}" if org in teacher_of else None, signed_up.date()))
        elif role == "parent" and org in pupil_of:
            links.append((*tenant, f"li-{code}-{n:06d}", user, names.user_id(pupil_of[org], zone), came))
    head = ("zone_id", "org_id", "changed_at")
    yield Batch("users", (*head, "user_id", "role", "email", "full_name", "phone", "birth_on", "country_code", "signed_up_at"), users)
    yield Batch("teachers", (*head, "user_id", "skill", "joined_on"), teachers)
    yield Batch("classes", (*head, "class_id", "user_id", "class_name", "created_at"), classes)
    yield Batch("students", (*head, "user_id", "class_id", "joined_on"), students)
    yield Batch("exam_sessions", (*head, "exam_session_id", "exam_id", "class_id", "opens_at", "closes_at"), sessions)
    yield Batch("parent_student_links", (*head, "link_id", "user_id", "student_user_id", "created_at"), links)
    yield Batch(
        "user_consents", (*head, "consent_id", "user_id", "consent_purpose", "is_granted", "policy_version", "decided_at"), consents
    )
    yield Batch(
        "kzone_contents",
        (*head, "content_id", "user_id", "content_type", "content_title", "duration_ms", "created_at", "published_at"),
        lessons,
    )


@lru_cache(maxsize=4)
def _first_of(city: City, *roles: str) -> dict[int, int]:
    """Organization → the number of one of its people with such a role, among those of the first morning."""
    people = city.people
    return {int(people.org[n]): n for n in range(people.first_new) if people.roles[people.role[n]] in roles}


def leavers(city: City) -> Batch:
    """Accounts beside the city's own, which only come and go: nothing refers to them, so that they can be deleted."""
    at, code = moment(city.calendar.first_ms), f"{city.seed % 10_000:04d}"
    count = max(2, city.people.size // LEAVER_EVERY)
    orgs = city.people.org_zone
    rows = [
        (city.zones[orgs[n % len(orgs)]], city.people.org_id(n % len(orgs)), at, f"leaver.{code}.{n:05d}", "student", f"leaver.{code}.{n:05d}@mail.example.com", at - timedelta(days=30))
        for n in range(count)
    ]  # fmt: skip
    return Batch("users", ("zone_id", "org_id", "changed_at", "user_id", "role", "email", "signed_up_at"), rows)


def movers(city: City) -> list[tuple[datetime, str]]:
    """(when, user_id) of those whose account changes, at a noon of the simulated days; in order of time."""
    people, calendar = city.people, city.calendar
    noon = [moment(calendar.first_ms) + timedelta(days=n % calendar.days, hours=12) for n in range(0, people.first_new, 37)]
    return sorted(zip(noon, (city.identities.user_id(n, city.zones[people.zone[n]]) for n in range(0, people.first_new, 37))))


def _organizations(city: City, at: datetime) -> Batch:
    rows = []
    for org, zone in enumerate(city.people.org_zone.tolist()):
        created = at - timedelta(days=800 + org % 900)
        rows.append(
            (
                city.zones[zone],
                city.people.org_id(org),
                at,
                org_name(city, org, zone),
                ORG_TYPES[org % 3],
                ("KR", "KR", "US", "JP")[org % 4],
                created,
            )
        )
    return Batch("organizations", ("zone_id", "org_id", "changed_at", "org_name", "org_type", "country_code", "created_at"), rows)


def _exams(city: City, at: datetime) -> Batch:
    exams, rows = city.exams, []
    for n in range(exams.size):
        length = MOST_ITEMS if exams.length[n] == ADAPTIVE else int(exams.length[n])
        zone = city.zones[exams.zone[n]]
        rows.append(
            (zone, None, at, exams.exam_id(n), exams.title(n), exams.type[n], length, length * 120_000, moment(exams.published_ms[n]))
        )
    return Batch(
        "exams",
        ("zone_id", "org_id", "changed_at", "exam_id", "exam_title", "exam_type", "item_count", "time_limit_ms", "published_at"),
        rows,
    )


def _items(city: City, at: datetime) -> Batch:
    exams = city.exams
    rows = [
        (city.zones[exams.zone[exam]], None, at, exams.item_id(n), exams.exam_id(exam), SKILLS[exams.item_skill[n]], float(exams.a[n]), float(exams.b[n]), float(exams.c[n]))
        for n, exam in enumerate(exams.item_exam.tolist())
    ]  # fmt: skip
    columns = ("zone_id", "org_id", "changed_at", "item_id", "exam_id", "skill", "item_discrimination", "item_difficulty", "item_guessing")
    return Batch("items", columns, rows)
