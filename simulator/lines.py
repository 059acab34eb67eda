"""Columns → events as producers write them: one JSON text each.

    Slice ─▶ {"event_id": …, "contract": …, "org_id": …, "payload": {…}}, with zone and time beside it

Written by hand-made templates, a microsecond or two an event; tests read every line back with the contract's own
validator. Costs are written as texts, so that not even a JSON reader can bend them.
"""

from dataclasses import dataclass

import numpy as np

from simulator import writings
from simulator.calendar import texts
from simulator.city import SKILLS, City
from simulator.slices import Slice
from simulator.visits import (
    AI_FAILURES,
    AI_FEATURES,
    AI_MODELS,
    CART,
    CHECKLIST,
    CLICK,
    DWELL,
    LOGIN_FAILED,
    LOGIN_SUCCEEDED,
    LOGIN_TYPES,
    MISSION,
    NAMES_CONTENT,
    NO_CAMPAIGN,
    NOBODY,
    PROGRESS,
    PURCHASE,
    RATING,
    REVIEW,
    SCROLL,
    WEB_TYPES,
    campaign_id,
    campaigns,
    content_numbers,
)

DEVICES = ("desktop", "phone", "tablet")
METHODS = ("password", "google", "kakao", "naver", "apple", "sso")
EXPERIMENT_SHARE = 0.01  # of the visits: their web events carry a field that no contract knows yet
EXPERIMENT_FIELD = "ab_variant"
_AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/131.0 Safari/537.36",
    "Mozilla/5.0 (Linux; Android 15; SM-S921N) AppleWebKit/537.36 Chrome/131.0 Mobile Safari/537.36",
    "Mozilla/5.0 (iPad; CPU OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Version/18.1 Mobile Safari/604.1",
)
CURRENCY = "KRW"
_ESSAY_SHARE = 0.04


@dataclass
class Lines:
    """Events of one slice: `text`, one JSON object each; `time_ms` and `zone` beside them."""

    text: list[str]
    time_ms: np.ndarray
    zone: np.ndarray


def hex_ids(rng: np.random.Generator, count: int, size: int = 16) -> list[str]:
    """Random ids of `size` bytes, in hexadecimal."""
    digits, width = rng.bytes(size * count).hex(), 2 * size
    return [digits[n : n + width] for n in range(0, width * count, width)]


def attempt_ids(city: City, part: Slice) -> list[str]:
    """Of the slice's sittings. The same for everybody who asks: made from the place, not drawn."""
    return [f"at-{city.seed % 10_000:04d}-{part.number:05x}-{n:05x}" for n in range(len(part.sittings.visit))]


def write(city: City, part: Slice) -> Lines:
    """All events of the slice, in order of time."""
    writer = _Writer(city, part)
    blocks = [writer.web(), writer.started(), writer.answered(), writer.finished(), writer.logins(), writer.ai()]
    text = [line for block in blocks for line in block[0]]
    time_ms = np.concatenate([block[1] for block in blocks])
    zone = part.visits.zone[np.concatenate([block[2] for block in blocks])]
    order = np.argsort(time_ms, kind="stable")
    return Lines([text[n] for n in order], time_ms[order], zone[order])


class _Writer:
    """What the events of a visit have in common, and a template a kind of event."""

    def __init__(self, city: City, part: Slice) -> None:
        self.city, self.part, self.rng = city, part, part.rng
        who, people, names = part.visits, city.people, city.identities
        self.users = [None if u == NOBODY else int(u) for u in who.user]
        self.user = ["" if u is None else names.user_id(u, city.zones[people.zone[u]]) for u in self.users]
        self.org = ["" if u is None else f'"org_id":{people.org_id(people.org[u])},' for u in self.users]
        self.session = hex_ids(self.rng, len(who), 12)
        self.seen = [f'"session_id":"{s}","device_type":"{DEVICES[d]}"' for s, d in zip(self.session, who.device)]
        experiment = self.rng.random(len(who)) < EXPERIMENT_SHARE
        self.extra = [f',"{EXPERIMENT_FIELD}":"b"' if e else "" for e in experiment]
        self.attempt = attempt_ids(city, part)

    def _outer(self, contract: str, event_type: str, event_id: str, visit: int, when: str, rest: str, signed: bool = True) -> str:
        org, user = (self.org[visit], f'"user_id":"{self.user[visit]}",') if signed else ("", "")
        return (
            f'{{"event_id":"{event_id}","contract":"{contract}",{org}"payload":'
            f'{{"event_type":"{event_type}","occurred_at":"{when}",{user}{rest}}}}}'
        )

    def web(self):
        web, times = self.part.web, self.part.times(self.part.web)
        rows = zip(hex_ids(self.rng, len(times)), web.visit.tolist(), texts(times), web.type.tolist(), web.user.tolist(), web.page.tolist(), np.where(np.isin(web.type, NAMES_CONTENT), content_numbers(web), web.thing).tolist(), web.amount.tolist(), campaigns(web).tolist())  # fmt: skip
        lines = [
            self._outer("web.behaviour.events", WEB_TYPES[kind], event_id, visit, when, f"{self.seen[visit]}{_did(kind, page, thing, amount)}{self._review(kind, visit, amount)}{_led(campaign)}{self.extra[visit]}", user != NOBODY)
            for event_id, visit, when, kind, user, page, thing, amount, campaign in rows
        ]  # fmt: skip
        return lines, times, web.visit

    def started(self):
        sittings = self.part.sittings
        times = self.part.times(sittings)
        lines = [
            self._outer("exam.events", "attempt_started", event_id, visit, when, f'{self.seen[visit]},"attempt_id":"{attempt}","exam_id":"{self.city.exams.exam_id(exam)}"')
            for event_id, visit, when, attempt, exam in zip(hex_ids(self.rng, len(times)), sittings.visit.tolist(), texts(times), self.attempt, sittings.exam.tolist())
        ]  # fmt: skip
        return lines, times, sittings.visit

    def answered(self):
        sittings, exams, times = self.part.sittings, self.city.exams, self.part.response_times
        visit = self.part.response_visit
        heads = [
            f'{self.seen[v]},"attempt_id":"{a}","exam_id":"{exams.exam_id(e)}"'
            for v, a, e in zip(sittings.visit.tolist(), self.attempt, sittings.exam.tolist())
        ]
        wrote = (self.rng.random(len(times)) < _ESSAY_SHARE).tolist()
        rows = zip(hex_ids(self.rng, len(times)), visit.tolist(), texts(times), sittings.r_sitting.tolist(), sittings.r_item.tolist(), sittings.r_index.tolist(), exams.item_skill[sittings.r_item].tolist(), sittings.r_is_correct.tolist(), sittings.r_time_ms.tolist(), wrote)  # fmt: skip
        lines = [
            self._outer(
                "exam.events", "response_given", event_id, v, when,
                f'{heads[sitting]},"item_id":"{exams.item_id(item)}","response_index":{index},"skill":"{SKILLS[skill]}",'
                f'"is_correct":{"true" if right else "false"},"response_time_ms":{took}{self._essay(v, took) if essay else ""}',
            )
            for event_id, v, when, sitting, item, index, skill, right, took, essay in rows
        ]  # fmt: skip
        return lines, times, visit

    def finished(self):
        sittings, exams = self.part.sittings, self.city.exams
        done = np.flatnonzero(sittings.is_finished)
        times, visit = self.part.end_times[done], sittings.visit[done]
        rows = zip(hex_ids(self.rng, len(done)), done.tolist(), visit.tolist(), texts(times), texts(self.part.times(sittings)[done]), sittings.exam[done].tolist(), sittings.score_centi[done].tolist(), sittings.theta_micro[done].tolist(), sittings.error_micro[done].tolist(), sittings.length[done].tolist(), sittings.time_spent_ms[done].tolist())  # fmt: skip
        lines = [
            self._outer(
                "exam.events", "attempt_finished", event_id, v, when,
                f'{self.seen[v]},"attempt_id":"{self.attempt[n]}","exam_id":"{exams.exam_id(exam)}","started_at":"{began}","score":{score / 100},'
                f'"theta":{theta / 1e6:.6f},"standard_error":{error / 1e6:.6f},"item_count":{length},"time_spent_ms":{spent}',
            )
            for event_id, n, v, when, began, exam, score, theta, error, length, spent in rows
        ]  # fmt: skip
        return lines, times, visit

    def logins(self):
        logins, names = self.part.logins, self.city.identities
        times, lines = self.part.times(logins), []
        rows = zip(hex_ids(self.rng, len(times)), logins.visit.tolist(), texts(times), logins.type.tolist(), logins.method.tolist(), logins.is_unknown.tolist())  # fmt: skip
        for event_id, visit, when, kind, method, is_unknown in rows:
            rest = f'{self.seen[visit]},"ip_address":"{names.ip_address(self.users[visit])}"'
            if kind in (LOGIN_SUCCEEDED, LOGIN_FAILED):
                rest += f',"auth_method":"{METHODS[method]}","user_agent":"{_AGENTS[self.part.visits.device[visit]]}"'
            if kind == LOGIN_FAILED:
                rest += ',"failure_reason":"unknown_account"' if is_unknown else ',"failure_reason":"wrong_password"'
            line = self._outer("auth.login.events", LOGIN_TYPES[kind], event_id, visit, when, rest)
            lines.append(line.replace(f'"user_id":"{self.user[visit]}"', f'"user_id":"{self.user[visit]}.typo"') if is_unknown else line)
        return lines, times, logins.visit

    def ai(self):
        ai, names = self.part.ai, self.city.identities
        times, lines = self.part.times(ai), []
        rows = zip(hex_ids(self.rng, len(times)), ai.visit.tolist(), texts(times), ai.model.tolist(), ai.feature.tolist(), ai.is_failed.tolist(), ai.failure.tolist(), ai.input_tokens.tolist(), ai.output_tokens.tolist(), ai.cost_micro.tolist(), ai.latency_ms.tolist())  # fmt: skip
        for event_id, visit, when, model, feature, is_failed, failure, sent, written, cost, latency in rows:
            rest = (
                f'"session_id":"{self.session[visit]}","ai_request_id":"ai-{event_id[:20]}","model_name":"{AI_MODELS[model]}",'
                f'"ai_feature":"{AI_FEATURES[feature]}","latency_ms":{latency},"prompt_text":"{writings.prompt(names, self.users[visit], sent)}"'
            )
            if is_failed:
                rest += f',"failure_reason":"{AI_FAILURES[failure]}"'
                lines.append(self._outer("ai.usage.events", "ai_request_failed", event_id, visit, when, rest))
                continue
            rest += f',"input_tokens":{sent},"output_tokens":{written},"cost_usd":"{cost // 10**6}.{cost % 10**6:06d}"'
            lines.append(self._outer("ai.usage.events", "ai_request_completed", event_id, visit, when, rest))
        return lines, times, ai.visit

    def _essay(self, visit: int, number: int) -> str:
        return f',"answer_text":"{writings.answer(self.city.identities, self.users[visit], number)}"'

    def _review(self, kind: int, visit: int, number: int) -> str:
        return f',"review_text":"{writings.review(self.city.identities, self.users[visit], number)}"' if kind == REVIEW else ""


def _did(kind: int, page: int, thing: int, amount: int) -> str:
    """The fields that a type of web event has of its own."""
    path = f',"page_path":"/learn/{page}"'
    if kind == CLICK:
        return f'{path},"element_id":"button-{thing % 40}"'
    if kind == SCROLL:
        return f'{path},"scroll_ratio":{amount / 10_000}'
    if kind == DWELL:
        return f'{path},"dwell_ms":{dwell_ms(amount)}'
    if kind in (MISSION, CHECKLIST):
        return f'{path},"mission_id":"mission-{thing % 50}"'
    if kind == PROGRESS:
        return f'{path},"content_id":"content-{thing}","progress_ratio":{amount / 10_000}'
    if kind == RATING:
        return f'{path},"content_id":"content-{thing}","rating_score":{1 + amount % 5}'
    if kind == REVIEW:
        return f'{path},"content_id":"content-{thing}"'
    if kind in (CART, PURCHASE):
        cart = f',"product_id":"product-{thing % 80}","quantity":{1 + amount % 3}'
        paid = f',"price_amount":"{price(amount)}","price_currency":"{CURRENCY}"' if kind == PURCHASE else ""
        return f"{path}{cart}{paid}"
    return path


def price(amount):
    """What a purchase costs, of a number or of a column, in CURRENCY."""
    return (1 + amount % 3) * 9_900


def _led(campaign: int) -> str:
    return "" if campaign == NO_CAMPAIGN else f',"campaign_id":"{campaign_id(campaign)}"'


def dwell_ms(amount):
    """How long a page was in view, of a number or of a column: 1 s to 3 min."""
    return 1_000 + amount * 18
