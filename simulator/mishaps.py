"""What goes wrong on the way: events sent twice, sent late, and events that no contract allows.

    Lines of a slice ─▶ 0.5 % again │ 1 % late │ 0.1 % malformed ─▶ Records in order of sending ─▶ requests.py
                              └──────────┴─▶ held until the slice in which they are sent

A malformed event is a copy of a real one with an event_id of its own and one thing wrong with it, so that the world
stays as it is whatever becomes of it; the code that the door must answer is known.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lakehouse import verdicts
from simulator.city import City
from simulator.curve import DAY_MS, HOUR_MS, moments
from simulator.lines import Lines, hex_ids
from simulator.slices import Slice

DUPLICATE_SHARE = 0.005
LATE_SHARE = 0.01
MALFORMED_SHARE = 0.001
LEAST_LATE_MS = HOUR_MS + HOUR_MS // 20
MOST_LATE_MS = 3 * DAY_MS
NORMAL, DUPLICATE, LATE, MALFORMED = range(4)
WHOLE_BODY = "whole body"


@dataclass(slots=True)
class Record:
    """One event on its way. `code`: what the door must answer, None where it must accept; `alone`: it spoils a whole body."""

    send_ms: int
    zone: int
    text: str
    kind: int = NORMAL
    code: str | None = None
    alone: bool = False


class Mishaps:
    """Keeps what is not sent yet. One slice after the other goes in; what is to be sent by its end comes out."""

    def __init__(self, city: City, stream: int = 4) -> None:
        """`stream`: of the city's random numbers."""
        self._city = city
        self._stream = stream
        self._held: list[Record] = []
        self._spoiled = 0

    def records(self, part: Slice, lines: Lines) -> list[Record]:
        """In order of sending: this slice's, and those of earlier ones whose time has come."""
        rng = self._city.rng(self._stream, part.number)
        count = len(lines.text)
        chance = rng.random(count)
        is_late = chance < LATE_SHARE
        again = np.flatnonzero((chance >= LATE_SHARE) & (chance < LATE_SHARE + DUPLICATE_SHARE))
        lateness = np.clip(np.exp(rng.normal(np.log(8 * HOUR_MS), 1.1, count)), LEAST_LATE_MS, MOST_LATE_MS).astype(np.int64)
        send = lines.time_ms + np.where(is_late, lateness, 0)
        new = [
            Record(at, zone, text, LATE if late else NORMAL)
            for at, zone, text, late in zip(send.tolist(), lines.zone.tolist(), lines.text, is_late.tolist())
        ]
        new += [
            Record(int(lines.time_ms[n] + wait), int(lines.zone[n]), lines.text[n], DUPLICATE)
            for n, wait in zip(again, _waits(rng, len(again)))
        ]
        new += self._spoil(rng, lines)
        pool = sorted(self._held + new, key=lambda record: record.send_ms)
        until = self._end_ms(part)
        cut = next((n for n, record in enumerate(pool) if record.send_ms >= until), len(pool))
        self._held = pool[cut:]
        return pool[:cut]

    def rest(self) -> list[Record]:
        """What is still held after the last slice: late events and second sendings that come after the simulated days."""
        rest, self._held = self._held, []
        return rest

    def _end_ms(self, part: Slice) -> int:
        done = (part.number % self._city.slices_per_day + 1) / self._city.slices_per_day
        return self._city.calendar.first_ms + part.day * DAY_MS + (DAY_MS if done == 1 else int(moments(np.array([done]))[0]))

    def _spoil(self, rng: np.random.Generator, lines: Lines) -> list[Record]:
        """Every kind of malformed event in turn, each made from a random event of the slice that it can be made from."""
        count = rng.binomial(len(lines.text), MALFORMED_SHARE)
        spoiled = []
        for event_id in hex_ids(rng, count):
            kind, allowed = KINDS[self._spoiled % len(KINDS)]
            self._spoiled += 1
            for n in rng.integers(0, len(lines.text), 400).tolist():
                event = json.loads(lines.text[n])
                if allowed(event):
                    event["event_id"] = event_id
                    text, code, alone = kind(event)
                    spoiled.append(Record(int(lines.time_ms[n]), int(lines.zone[n]), text, MALFORMED, code, alone))
                    break
        return spoiled


def _waits(rng: np.random.Generator, count: int) -> list[int]:
    """Half are sent again at once, some within two hours, some days later."""
    chance = rng.random(count)
    soon, days = rng.integers(60_000, 2 * HOUR_MS, count), rng.integers(DAY_MS // 2, 3 * DAY_MS, count)
    return np.where(chance < 0.5, 0, np.where(chance < 0.8, soon, days)).tolist()


Spoiled = tuple[str, str, bool]


def _payload(code: str, **changes) -> Callable[[dict], Spoiled]:
    """Set fields of the payload; None removes one."""

    def spoil(event: dict) -> Spoiled:
        event["payload"] |= changes
        event["payload"] = {name: value for name, value in event["payload"].items() if value is not None}
        return json.dumps(event, ensure_ascii=False), code, False

    return spoil


def _outer(code: str, **changes) -> Callable[[dict], Spoiled]:
    return lambda event: (json.dumps(event | changes, ensure_ascii=False), code, False)


def _named_twice(event: dict) -> Spoiled:
    return json.dumps(event).replace('"payload": {', '"payload": {"occurred_at": "x", ', 1), verdicts.MALFORMED_JSON, False


def _torn(event: dict) -> Spoiled:
    text = json.dumps(event)
    return text[: len(text) // 2], verdicts.MALFORMED_JSON, True


def _not_a_number(event: dict) -> Spoiled:
    return json.dumps(event | {"org_id": float("nan")}), verdicts.MALFORMED_JSON, True


def _always(event: dict) -> bool:
    return True


def _has(field: str) -> Callable[[dict], bool]:
    return lambda event: field in event["payload"]


def _is(contract: str) -> Callable[[dict], bool]:
    return lambda event: event["contract"] == contract


KINDS: tuple[tuple[Callable[[dict], Spoiled], Callable[[dict], bool]], ...] = (
    (_payload(verdicts.MISSING_FIELD, occurred_at=None), _always),
    (_payload(verdicts.WRONG_TYPE, occurred_at=1763900000), _always),
    (_payload(verdicts.BAD_FORMAT, occurred_at="yesterday evening"), _always),
    (_payload(verdicts.IN_THE_FUTURE, occurred_at="2999-12-31T23:59:59Z"), _always),
    (_payload(verdicts.TOO_LONG_AGO, occurred_at="1970-01-21T09:58:20Z"), _always),
    (_payload(verdicts.UNKNOWN_EVENT_TYPE, event_type="teleported"), _always),
    (_payload(verdicts.OUT_OF_RANGE, session_id="s" * 300), _always),
    (_payload(verdicts.OUT_OF_RANGE, response_time_ms=-5), _has("response_time_ms")),
    (_payload(verdicts.NOT_ALLOWED, device_type="abacus"), _has("device_type")),
    (_payload(verdicts.NUL_CHARACTER, session_id="before\x00after"), _always),
    (_payload(verdicts.UNKNOWN_FIELD, shoe_size=42), _is("auth.login.events")),
    (_payload(verdicts.OUT_OF_RANGE, cost_usd="-1.00"), _has("cost_usd")),
    (_payload(verdicts.BAD_FORMAT, user_id="somebody else"), _has("user_id")),
    (_outer(verdicts.UNKNOWN_CONTRACT, contract="weather.events"), _always),
    (_outer(verdicts.OUT_OF_RANGE, org_id=-7), _always),
    (_outer(verdicts.WRONG_TYPE, payload=[1, 2, 3]), _always),
    (_named_twice, _always),
    (_torn, _always),
    (_not_a_number, _always),
)
