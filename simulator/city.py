"""MegaCity as it stands before the first day: who lives there, and which exams there are.

    seed, scale ─▶ City: organizations, users (latent ability a skill), exams, items (3PL parameters)

Numpy columns only, a few dozen bytes a user; names and addresses are made from the index when they are needed
(identity.py). A row's position is its number for ever.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from lakehouse.contracts import registry
from lakehouse.errors import BadInputError
from simulator.calendar import Calendar
from simulator.curve import DAY_MS
from simulator.identity import Identities

EVENTS_PER_DAY = 100_000 / 7  # at scale 1
EVENTS_PER_VISIT = 10.7  # what a visit comes to on average, all streams together
USERS = 2_000  # at scale 1
NEW_USERS_SHARE = 0.06  # of the users, those who sign up during the simulated days
POOL = 50  # items of an exam
EXAMS_PER_ZONE = 4  # at scale 1; grows with the square root of the scale
SKILLS = ("reading", "listening", "writing", "grammar", "algebra", "geometry", "statistics", "science")
SLICE_EVENTS = 25_000  # generated at once: what bounds the memory
MAX_SCALE = 2_500
_ZONE_SHARES = np.array([22, 12, 13, 8, 8, 6, 14, 9, 8], dtype=float) / 100
_ROLES = {"student": 0.88, "parent": 0.05, "teacher": 0.04, "tutor": 0.02, "org_admin": 0.009, "zone_admin": 0.001}
_EXAM_TYPES = ("practice", "mock", "placement", "final")
_FIXED_LENGTH = {"practice": 10, "mock": 20, "final": 25}
ADAPTIVE = 0  # an exam's length where the stop rule decides


@dataclass(frozen=True)
class City:
    """The parameters that a city follows from. Raises BadInputError for a scale that is out of bounds."""

    seed: int = 1
    scale: float = 1.0
    calendar: Calendar = field(default_factory=Calendar)

    def __post_init__(self) -> None:
        if not 0.01 <= self.scale <= MAX_SCALE:
            raise BadInputError(f"a scale of {self.scale} cannot be simulated", hint=f"--scale takes 0.01 to {MAX_SCALE}")

    def rng(self, *stream: int) -> np.random.Generator:
        """Random numbers of their own for every part of the city, so that no part depends on another's draws."""
        return np.random.Generator(np.random.PCG64DXSM(np.random.SeedSequence([self.seed, *stream])))

    @cached_property
    def zones(self) -> tuple[str, ...]:
        return tuple(z.zone_id for z in registry().zones)

    @cached_property
    def hosts(self) -> tuple[str, ...]:
        return tuple(z.site_host for z in registry().zones)

    @cached_property
    def identities(self) -> Identities:
        return Identities(self.seed)

    @cached_property
    def visits_per_day(self) -> int:
        return max(len(self.zones), round(EVENTS_PER_DAY * self.scale / EVENTS_PER_VISIT))

    @cached_property
    def slices_per_day(self) -> int:
        return max(1, round(EVENTS_PER_DAY * self.scale / SLICE_EVENTS))

    @cached_property
    def people(self) -> "People":
        return People(self)

    @cached_property
    def exams(self) -> "Exams":
        return Exams(self)


class People:
    """Organizations and users, as columns. Users from `first_new` on sign up during the simulated days, in this order.

    zone, role, device   int8 indices        org  int32 index of the organization        ability  float32 [users, skills]
    """

    def __init__(self, city: City) -> None:
        rng = city.rng(1)
        self.roles = tuple(_ROLES)
        self.zone_shares = _ZONE_SHARES
        self.size = max(40, round(USERS * city.scale))
        self.first_new = self.size - round(NEW_USERS_SHARE * self.size)
        self.zone = rng.choice(len(city.zones), self.size, p=_ZONE_SHARES).astype(np.int8)
        self.role = rng.choice(len(_ROLES), self.size, p=list(_ROLES.values())).astype(np.int8)
        self.device = rng.choice(3, self.size, p=[0.35, 0.5, 0.15]).astype(np.int8)
        self.orgs_per_zone = max(3, round(5 * city.scale**0.5))
        self.org_zone = np.repeat(np.arange(len(city.zones)), self.orgs_per_zone)
        self.org = (self.zone.astype(np.int32) * self.orgs_per_zone + rng.integers(0, self.orgs_per_zone, self.size)).astype(np.int32)
        general = rng.normal(0, 0.9, (self.size, 1))
        self.ability = (general + rng.normal(0, 0.45, (self.size, len(SKILLS)))).astype(np.float32)
        self.signed_up_ms = city.calendar.first_ms - rng.integers(DAY_MS, 700 * DAY_MS, self.size)
        self._drawn_until = np.cumsum(rng.lognormal(0, 1.0, self.size))

    @staticmethod
    def org_id(org: int) -> int:
        """Tenants are numbered from 11, as those of the source database."""
        return int(org) + 11

    def draw(self, rng: np.random.Generator, count: int, below: int) -> np.ndarray:
        """`count` users of those numbered less than `below`; some are far more active than others."""
        return np.searchsorted(self._drawn_until[:below], rng.random(count) * self._drawn_until[below - 1], side="right")


class Exams:
    """Exams and their items, as columns. The items of exam e are numbered e*POOL to (e+1)*POOL - 1.

    a, b, c  discrimination, difficulty and guessing, float64, rounded to the four decimals that are published
    """

    def __init__(self, city: City) -> None:
        rng = city.rng(2)
        self.per_zone = max(2, round(EXAMS_PER_ZONE * city.scale**0.5))
        self.size = self.per_zone * len(city.zones)
        self.zone = np.repeat(np.arange(len(city.zones)), self.per_zone)
        self.type = tuple(_EXAM_TYPES[n % self.per_zone % len(_EXAM_TYPES)] for n in range(self.size))
        self.length = np.array([_FIXED_LENGTH.get(kind, ADAPTIVE) for kind in self.type])
        self.published_ms = city.calendar.first_ms - rng.integers(30 * DAY_MS, 900 * DAY_MS, self.size)
        skills = np.stack([rng.permutation(len(SKILLS))[:3] for _ in range(self.size)])
        items = self.size * POOL
        self.item_exam = np.repeat(np.arange(self.size), POOL)
        self.item_skill = skills[self.item_exam, rng.integers(0, 3, items)].astype(np.int8)
        self.a = np.round(np.clip(rng.lognormal(0.4, 0.3, items), 0.4, 3), 4)
        self.b = np.round(np.clip(rng.normal(0, 1.1, items), -3.5, 3.5), 4)
        self.c = np.round(rng.uniform(0.05, 0.28, items), 4)
        self._code = city.seed % 10_000

    def exam_id(self, exam: int) -> str:
        return f"ex-{self._code:04d}-{exam:04d}"

    def item_id(self, item: int) -> str:
        return f"it-{self._code:04d}-{item // POOL:04d}-{item % POOL:02d}"

    def title(self, exam: int) -> str:
        skill = SKILLS[self.item_skill[exam * POOL]]
        return f"{skill.capitalize()} {self.type[exam]} {exam % self.per_zone + 1}"
