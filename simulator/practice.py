"""What people do in K-Zone beside watching: practise voice and motion, publish videos; and everywhere, give and take back consents.

    Slice ─▶ Practice: takes (voice, motion), videos, consents, as columns (offsets in ms since the visit began)

Random numbers of its own, so that nothing else in the city depends on these. In proportion: of 25 million events a day,
300,000 voice and 120,000 motion takes, and 40,000 videos.
"""

from dataclasses import dataclass

import numpy as np

from simulator.city import City
from simulator.slices import Slice
from simulator.visits import NOBODY, SIGNUP

K_ZONES = ("kzone", "kzone_ai")
VOICE, MOTION = range(2)
SCORED, FAILED, DISCARDED = range(3)
PUBLISHED, UPDATED, REMOVED = range(3)
GRANTED, WITHDRAWN = range(2)
PURPOSES = ("service", "analytics", "marketing", "ai_training", "voice_processing", "motion_processing")
SOURCES = ("signup", "settings", "practice")
AT_SIGNUP, IN_SETTINGS = 0, 1
_VOICE_SHARE, _MOTION_SHARE, _VIDEO_SHARE = 0.43, 0.185, 0.105  # of the signed-in visits to K-Zone
_CONSENT_SHARE = 0.03  # of the signed-in visits anywhere
_MOST_TAKES = 5
_TAKE_MS = 45_000
_LONGEST_MS = 900_000  # from a visit's begin to the last thing that happens here
_OUTCOMES = [0.92, 0.05, 0.03]
SCORING_MODELS = (("voice-scorer-2.0", "voice-scorer-2.1"), ("motion-scorer-1.4", "motion-scorer-1.5"))
TAKE_FAILURES = ("unusable_recording", "timeout", "overloaded")


@dataclass
class Takes:
    """A row a take of one exercise: started, then uploaded and scored, or uploaded and failed, or discarded.

    duration_ms  of the recording, exact; score_centi, prosody_centi: scores × 100, exact integers
    """

    kind: np.ndarray
    visit: np.ndarray
    offset_ms: np.ndarray
    outcome: np.ndarray
    exercise: np.ndarray
    duration_ms: np.ndarray
    score_centi: np.ndarray
    prosody_centi: np.ndarray

    @property
    def version(self) -> np.ndarray:
        """Index of the kind's SCORING_MODELS: a quarter of the exercises are scored by the new one already."""
        return (self.exercise % 4 == 0).astype(np.int64)

    @property
    def failure(self) -> np.ndarray:
        """Index of TAKE_FAILURES; why the take failed, where it did."""
        return self.exercise % len(TAKE_FAILURES)

    @property
    def is_uploaded(self) -> np.ndarray:
        return self.outcome != DISCARDED

    @property
    def upload_ms(self) -> np.ndarray:
        """Offset of the upload (or of being discarded)."""
        return self.offset_ms + self.duration_ms + 1_500

    @property
    def end_ms(self) -> np.ndarray:
        """Offset of the score, or of the failure."""
        return self.upload_ms + 2_000


@dataclass
class Videos:
    """A row a step in the life of a video: published, updated, removed. `number` is the video's within the slice."""

    visit: np.ndarray
    offset_ms: np.ndarray
    type: np.ndarray
    number: np.ndarray
    duration_ms: np.ndarray
    choice: np.ndarray


@dataclass
class Consents:
    visit: np.ndarray
    offset_ms: np.ndarray
    type: np.ndarray
    purpose: np.ndarray
    source: np.ndarray


@dataclass
class Practice:
    """Columns of one slice. `rng` is for whoever goes on with them: ids, texts, media."""

    takes: Takes
    videos: Videos
    consents: Consents
    rng: np.random.Generator


def practise(city: City, part: Slice) -> Practice:
    rng, who = city.rng(7, part.number), part.visits
    in_time = part.begins_ms + _LONGEST_MS < city.calendar.end_ms
    known = (who.user != NOBODY) & ~who.signs_up & in_time
    in_k_zone = np.flatnonzero(known & np.isin(who.zone, [city.zones.index(z) for z in K_ZONES]))
    return Practice(_takes(rng, in_k_zone), _videos(rng, in_k_zone), _consents(rng, part, np.flatnonzero(known)), rng)


def _takes(rng: np.random.Generator, visits: np.ndarray) -> Takes:
    begun = [(kind, visits[rng.random(len(visits)) < share]) for kind, share in ((VOICE, _VOICE_SHARE), (MOTION, _MOTION_SHARE))]
    times = [np.minimum(rng.geometric(0.5, len(chosen)), _MOST_TAKES) for _, chosen in begun]
    kind = np.concatenate([np.full(count.sum(), k) for (k, _), count in zip(begun, times)])
    visit = np.concatenate([np.repeat(chosen, count) for (_, chosen), count in zip(begun, times)])
    place = np.concatenate([np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) for count in times])
    size = len(kind)
    # An eighth of a millisecond is a sample of the tone, a tenth of a second a frame of the dance: durations are exact.
    duration = np.where(kind == VOICE, rng.integers(250, 900, size), 100 * rng.integers(3, 7, size))
    score = np.clip(rng.normal(7_800, 1_100, size), 0, 10_000).astype(np.int64)
    prosody = np.clip(rng.normal(7_200, 1_300, size), 0, 10_000).astype(np.int64)
    offset = 15_000 + kind * 300_000 + place * _TAKE_MS + rng.integers(0, 20_000, size)
    return Takes(kind, visit, offset, rng.choice(3, size, p=_OUTCOMES), rng.integers(0, 120, size), duration, score, prosody)


def _videos(rng: np.random.Generator, visits: np.ndarray) -> Videos:
    published = visits[rng.random(len(visits)) < _VIDEO_SHARE]
    count = len(published)
    number, duration, chance = np.arange(count), rng.integers(20_000, 900_000, count), rng.random(count)
    updated, removed = number[chance < 0.3], number[chance > 0.93]
    rows = [(PUBLISHED, number, 30_000), (UPDATED, updated, 200_000), (REMOVED, removed, 400_000)]
    at = np.concatenate([which for _, which, _ in rows])
    offset = np.concatenate([np.full(len(which), later) for _, which, later in rows]) + rng.integers(0, 60_000, len(at))
    kind = np.concatenate([np.full(len(which), k) for k, which, _ in rows])
    return Videos(published[at], offset, kind, at, duration[at], rng.integers(0, 1_000, count)[at])


def _consents(rng: np.random.Generator, part: Slice, known: np.ndarray) -> Consents:
    """Whoever signs up agrees to the service in the same breath; others change their mind now and then."""
    is_signup = part.web.type == SIGNUP
    new, new_offset = part.web.visit[is_signup], part.web.offset_ms[is_signup] + 200
    changed = known[rng.random(len(known)) < _CONSENT_SHARE]
    size = len(changed)
    visit = np.concatenate([new, changed])
    offset = np.concatenate([new_offset, rng.integers(5_000, 600_000, size)])
    kind = np.concatenate([np.full(len(new), GRANTED), (rng.random(size) < 0.25).astype(np.int64)])
    purpose = np.concatenate([np.zeros(len(new), np.int64), rng.integers(1, len(PURPOSES), size)])
    source = np.concatenate([np.full(len(new), AT_SIGNUP), rng.integers(IN_SETTINGS, len(SOURCES), size)])
    return Consents(visit, offset, kind, purpose, source)
