"""Columns of practice → events as producers write them, and the media objects that they refer to.

Slice, Practice ─▶ Lines (as lines.py makes them) and MediaUploads
"""

from dataclasses import dataclass

import numpy as np

from simulator.calendar import texts
from simulator.city import City
from simulator.lines import DEVICES, Lines, hex_ids
from simulator.media import CONTENT_TYPES, KINDS, MediaUpload, recorded
from simulator.practice import DISCARDED, FAILED, PURPOSES, SCORED, SCORING_MODELS, SOURCES, TAKE_FAILURES, VOICE, WITHDRAWN, Practice
from simulator.slices import Slice

VOICE_EVENTS, MOTION_EVENTS, VIDEO_EVENTS, CONSENT_EVENTS = (
    "kzone.voice.events",
    "kzone.motion.events",
    "creator.video.events",
    "consent.events",
)
SCORES = {VOICE_EVENTS: "accuracy_score", MOTION_EVENTS: "similarity_score", VIDEO_EVENTS: None, CONSENT_EVENTS: None}
"""Every stream of practice, and the field of its score where it has one."""
TAKE_CONTRACTS = (VOICE_EVENTS, MOTION_EVENTS)
TAKE_TYPES = (
    ("recording_started", "recording_uploaded", "recording_scored", "recording_failed", "recording_discarded"),
    ("clip_started", "clip_uploaded", "clip_scored", "clip_failed", "clip_discarded"),
)
STARTED, UPLOADED, WAS_SCORED, WAS_FAILED, WAS_DISCARDED = range(5)
VIDEO_TYPES = ("video_published", "video_updated", "video_removed")
CONSENT_TYPES = ("consent_granted", "consent_withdrawn")
_REASONS = ("by_creator", "policy", "copyright")
_TITLES = ("발음 10분 연습", "Count to eight with me", "후렴 안무 느리게", "My first K-pop cover")


@dataclass
class Practised:
    lines: Lines
    uploads: list[MediaUpload]


def write(city: City, part: Slice, practice: Practice) -> Practised:
    """All events of the slice's practice, in order of time, and the objects that were recorded."""
    writer = _Writer(city, part, practice)
    writer.takes()
    writer.videos()
    writer.consents()
    order = np.argsort(np.array(writer.times, np.int64), kind="stable")
    visit = np.array(writer.visits, np.int64)[order]
    lines = Lines([writer.texts[n] for n in order], np.array(writer.times, np.int64)[order], part.visits.zone[visit])
    return Practised(lines, writer.uploads)


class _Writer:
    """What the events of a visit have in common, and the events of each kind."""

    def __init__(self, city: City, part: Slice, practice: Practice) -> None:
        self.city, self.part, self.practice = city, part, practice
        self.texts: list[str] = []
        self.times: list[int] = []
        self.visits: list[int] = []
        self.uploads: list[MediaUpload] = []
        self._session = hex_ids(practice.rng, len(part.visits), 12)

    def takes(self) -> None:
        takes, rng = self.practice.takes, self.practice.rng
        size = len(takes.kind)
        practice_ids, media_ids, event_ids = hex_ids(rng, size), hex_ids(rng, size), hex_ids(rng, 3 * size)
        begins = self.part.begins_ms[takes.visit]
        steps = [(begins + offset).tolist() for offset in (takes.offset_ms, takes.upload_ms, takes.end_ms)]
        for n, (kind, visit, outcome) in enumerate(zip(takes.kind.tolist(), takes.visit.tolist(), takes.outcome.tolist())):
            what = lambda step, at, rest, n=n, kind=kind, visit=visit: self._add(  # noqa: E731
                TAKE_CONTRACTS[kind],
                TAKE_TYPES[kind][step],
                event_ids[3 * n + min(at, 2)],
                visit,
                steps[at][n],
                f'"practice_id":"{practice_ids[n]}"{rest}',
            )
            what(STARTED, 0, _exercise(kind, int(takes.exercise[n])))
            if outcome == DISCARDED:
                what(WAS_DISCARDED, 1, "")
                continue
            what(UPLOADED, 1, f',"media_id":"{media_ids[n]}","duration_ms":{takes.duration_ms[n]}')
            self._upload(n, kind, visit, media_ids[n], int(takes.duration_ms[n]))
            model = f',"model_name":"{SCORING_MODELS[kind][takes.version[n]]}"'
            if outcome == FAILED:
                what(WAS_FAILED, 2, f'{model},"failure_reason":"{TAKE_FAILURES[takes.failure[n]]}"')
            elif outcome == SCORED:
                what(WAS_SCORED, 2, model + _scores(kind, int(takes.score_centi[n]), int(takes.prosody_centi[n])))

    def videos(self) -> None:
        videos = self.practice.videos
        ids = hex_ids(self.practice.rng, len(videos.visit))
        times = (self.part.begins_ms[videos.visit] + videos.offset_ms).tolist()
        for n, (visit, kind, number, choice) in enumerate(
            zip(videos.visit.tolist(), videos.type.tolist(), videos.number.tolist(), videos.choice.tolist())
        ):
            rest = f'"content_id":"video-{self.city.seed % 10_000:04d}-{self.part.number:05x}-{number:04x}"'
            if kind == 0:
                rest += f',"duration_ms":{videos.duration_ms[n]},"video_visibility":"public","content_type":"video","language_code":"ko","content_title":"{_TITLES[choice % 4]}"'
            elif kind == 1:
                rest += f',"content_title":"{_TITLES[(choice + 1) % 4]}"'
            else:
                rest += f',"removal_reason":"{_REASONS[choice % 3]}"'
            self._add(VIDEO_EVENTS, VIDEO_TYPES[kind], ids[n], visit, times[n], rest)

    def consents(self) -> None:
        consents = self.practice.consents
        ids = hex_ids(self.practice.rng, len(consents.visit))
        times = (self.part.begins_ms[consents.visit] + consents.offset_ms).tolist()
        rows = zip(ids, consents.visit.tolist(), times, consents.type.tolist(), consents.purpose.tolist(), consents.source.tolist())
        for event_id, visit, time_ms, kind, purpose, source in rows:
            rest = f'"consent_purpose":"{PURPOSES[purpose]}","consent_source":"{SOURCES[source]}"'
            rest += "" if kind == WITHDRAWN else ',"policy_version":"2025.2"'
            self._add(CONSENT_EVENTS, CONSENT_TYPES[kind], event_id, visit, time_ms, rest, has_device=False)

    def _add(self, contract: str, event_type: str, event_id: str, visit: int, time_ms: int, rest: str, has_device: bool = True) -> None:
        device = f'"device_type":"{DEVICES[self.part.visits.device[visit]]}",' if has_device else ""
        when = texts(np.array([time_ms]))[0]
        self.texts.append(
            f'{{"event_id":"{event_id}","contract":"{contract}","org_id":{self._org(visit)},"payload":{{"event_type":"{event_type}",'
            f'"occurred_at":"{when}","user_id":"{self._user(visit)}","session_id":"{self._session[visit]}",{device}{rest}}}}}'
        )
        self.times.append(time_ms)
        self.visits.append(visit)

    def _upload(self, n: int, kind: int, visit: int, media_id: str, duration_ms: int) -> None:
        host = self.city.hosts[self.part.visits.zone[visit]]
        data = recorded(kind, self.part.number * 10_007 + n, duration_ms)
        self.uploads.append(MediaUpload(host, media_id, KINDS[kind], CONTENT_TYPES[kind], self._user(visit), self._org(visit), data))

    def _user(self, visit: int) -> str:
        user = int(self.part.visits.user[visit])
        return self.city.identities.user_id(user, self.city.zones[self.city.people.zone[user]])

    def _org(self, visit: int) -> int:
        return self.city.people.org_id(self.city.people.org[self.part.visits.user[visit]])


def exercise_content(kind: int, number: int) -> str:
    """The content_id of the lesson or choreography that an exercise belongs to."""
    return f"lesson-{number // 10}" if kind == VOICE else f"dance-{number // 20}"


def _exercise(kind: int, number: int) -> str:
    content = f',"content_id":"{exercise_content(kind, number)}"'
    if kind == VOICE:
        return f'{content},"expected_text_id":"text-{number}","language_code":"ko"'
    return f'{content},"movement_id":"movement-{number}"'


def _scores(kind: int, score_centi: int, prosody_centi: int) -> str:
    if kind == VOICE:
        return f',"accuracy_score":{score_centi / 100},"prosody_score":{prosody_centi / 100}'
    return f',"similarity_score":{score_centi / 100}'
