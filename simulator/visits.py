"""Visits, and what people do in them besides exams: sign in, look around, ask the tutor, buy.

    quantiles of the day ─▶ Visits ─▶ web events, sign-ins, AI requests (offsets in ms since the visit began)

A third of the visits are anonymous. Some visitors sign up on the way, and go on signed in.
"""

from dataclasses import dataclass

import numpy as np

from simulator.city import City
from simulator.curve import moments

NOBODY = -1
ANONYMOUS_SHARE = 0.30
ELSEWHERE_SHARE = 0.07  # visits to another zone than the user's own
WEB_TYPES = ("page_view", "click", "scroll", "dwell", "signup", "mission_complete", "checklist", "progress", "rating", "review", "add_to_cart", "purchase")  # fmt: skip
PAGE_VIEW, CLICK, SCROLL, DWELL, SIGNUP, MISSION, CHECKLIST, PROGRESS, RATING, REVIEW, CART, PURCHASE = range(len(WEB_TYPES))
NAMES_CONTENT = (PROGRESS, RATING, REVIEW)
_SIGNED_IN = np.array([0.34, 0.16, 0.12, 0.19, 0, 0.05, 0.03, 0.06, 0.012, 0.008, 0.03, 0])
_ANONYMOUS = np.array([0.48, 0.17, 0.13, 0.20, 0, 0, 0, 0, 0, 0, 0.02, 0])
_BUYS_SHARE = 0.4  # of the carts of those who are signed in
LOGIN_SUCCEEDED, LOGIN_FAILED, LOGOUT = range(3)
LOGIN_TYPES = ("login_succeeded", "login_failed", "logout")
AI_MODELS = ("gemini-2.0-flash", "gemini-2.5-flash", "gemini-2.5-pro")
# Nano-dollars a token, sent and written.
AI_PRICES = np.array([[100, 400], [300, 2_500], [1_250, 10_000]])
AI_FAILURES = ("overloaded", "timeout", "refused")
AI_FEATURES = ("tutor_chat", "essay_feedback", "hint", "explanation", "translation")


@dataclass
class Visits:
    """A row a visit, in order of time. `user` is NOBODY where it is anonymous; `signs_up` where the account is made on the way."""

    zone: np.ndarray
    user: np.ndarray
    device: np.ndarray
    signs_up: np.ndarray
    start_ms: np.ndarray  # since the day's midnight

    def __len__(self) -> int:
        return len(self.zone)


@dataclass
class WebEvents:
    """`user` is NOBODY before a sign-up and in anonymous visits; `page`, `thing`, `amount` mean what the type makes of them."""

    visit: np.ndarray
    offset_ms: np.ndarray
    type: np.ndarray
    user: np.ndarray
    page: np.ndarray
    thing: np.ndarray
    amount: np.ndarray


THINGS = 400  # contents, and what else there is to name
NO_CAMPAIGN = -1
_CAMPAIGNS = 6


def campaigns(web: WebEvents) -> np.ndarray:
    """Number of the campaign whose link led to each page view, or NO_CAMPAIGN: a quarter of the views of a few pages."""
    led = (web.type == PAGE_VIEW) & (web.page < _CAMPAIGNS) & (web.amount % 4 == 0)
    return np.where(led, web.page, NO_CAMPAIGN)


def campaign_id(number: int) -> str:
    return f"campaign-{number}"


def content_numbers(web: WebEvents) -> np.ndarray:
    """Number of the content that each event names, where its type names one: a few are viewed far more often than most."""
    return web.thing**3 // THINGS**2


@dataclass
class Logins:
    visit: np.ndarray
    offset_ms: np.ndarray
    type: np.ndarray
    method: np.ndarray
    is_unknown: np.ndarray  # the account that was named does not exist


@dataclass
class AiRequests:
    """`cost_micro`: price in millionths of a dollar, exact. Tokens and cost are 0 where the call failed."""

    visit: np.ndarray
    offset_ms: np.ndarray
    model: np.ndarray
    feature: np.ndarray
    is_failed: np.ndarray
    input_tokens: np.ndarray
    output_tokens: np.ndarray
    cost_micro: np.ndarray
    latency_ms: np.ndarray

    @property
    def failure(self) -> np.ndarray:
        """Index of AI_FAILURES; why the call failed, where it did."""
        return self.offset_ms % len(AI_FAILURES)


def begin(city: City, rng: np.random.Generator, day: int, part: int) -> Visits:
    """The visits of one slice: the part-th of the day's equal shares, in order of time."""
    people, parts = city.people, city.slices_per_day
    count = city.visits_per_day * (part + 1) // parts - city.visits_per_day * part // parts
    quantile = (part + (np.arange(count) + rng.random(count)) / count) / parts
    first, last = (_signed_up_before(city, day, part + n) for n in (0, 1))
    signs_up = np.zeros(count, dtype=bool)
    signs_up[rng.choice(count, min(last - first, count), replace=False)] = True
    is_anonymous = (rng.random(count) < ANONYMOUS_SHARE) & ~signs_up
    user = people.draw(rng, count, _signed_up_before(city, day, 0))
    user[signs_up] = np.arange(first, first + signs_up.sum())
    is_elsewhere = ((rng.random(count) < ELSEWHERE_SHARE) & ~signs_up) | is_anonymous
    zone = np.where(is_elsewhere, rng.choice(len(city.zones), count, p=people.zone_shares), people.zone[user])
    device = np.where(is_anonymous, rng.integers(0, 3, count), people.device[user])
    return Visits(zone, np.where(is_anonymous, NOBODY, user), device, signs_up, moments(quantile))


def _signed_up_before(city: City, day: int, part: int) -> int:
    """Users there are when this slice begins: new ones are spread evenly over all slices."""
    people, slices = city.people, city.calendar.days * city.slices_per_day
    done = day * city.slices_per_day + part
    return people.first_new + (people.size - people.first_new) * done // slices


def browse(rng: np.random.Generator, visits: Visits) -> WebEvents:
    """A page view, and then a handful of other things, some seconds apart."""
    length = rng.geometric(1 / 6.0, len(visits)) + visits.signs_up * 2
    visit = np.repeat(np.arange(len(visits)), length)
    step = np.arange(len(visit)) - np.repeat(np.cumsum(length) - length, length)
    is_signed_in = (visits.user[visit] != NOBODY) & (~visits.signs_up[visit] | (step >= 1))
    chance = rng.random(len(visit))
    kind = np.where(is_signed_in, _kinds(_SIGNED_IN, chance), _kinds(_ANONYMOUS, chance))
    kind[step == 0] = PAGE_VIEW
    kind[visits.signs_up[visit] & (step == 1)] = SIGNUP
    gap = np.clip(rng.lognormal(9.6, 0.8, len(visit)), 500, 300_000).astype(np.int64)
    until = np.cumsum(gap)
    offset = until - (until - gap)[np.repeat(np.cumsum(length) - length, length)] + 1_000
    user = np.where(is_signed_in, visits.user[visit], NOBODY)
    columns = [
        visit,
        offset,
        kind,
        user,
        rng.integers(0, 60, len(visit)),
        rng.integers(0, THINGS, len(visit)),
        rng.integers(0, 10_000, len(visit)),
    ]
    buys = np.flatnonzero((kind == CART) & is_signed_in & (rng.random(len(visit)) < _BUYS_SHARE))
    bought = [column[buys] for column in columns]
    bought[1] = bought[1] + 90_000
    bought[2] = np.full(len(buys), PURCHASE)
    return WebEvents(*(np.concatenate(pair) for pair in zip(columns, bought)))


def _kinds(shares: np.ndarray, chance: np.ndarray) -> np.ndarray:
    return np.searchsorted(np.cumsum(shares / shares.sum()), chance, side="right")


def sign_in(rng: np.random.Generator, visits: Visits, stays_ms: np.ndarray) -> Logins:
    """Most signed-in visits begin with a sign-in; some of those fail first, and some visits end with a sign-out.

    `stays_ms`: how long each visit lasts.
    """
    known = np.flatnonzero((visits.user != NOBODY) & ~visits.signs_up)
    succeeds = known[rng.random(len(known)) < 0.65]
    fails = known[rng.random(len(known)) < 0.09]
    leaves = known[rng.random(len(known)) < 0.18]
    visit = np.concatenate([succeeds, fails, leaves])
    kind = np.repeat([LOGIN_SUCCEEDED, LOGIN_FAILED, LOGOUT], [len(succeeds), len(fails), len(leaves)])
    offset = np.where(kind == LOGIN_SUCCEEDED, 800, np.where(kind == LOGIN_FAILED, 200, stays_ms[visit] + 1_500))
    is_unknown = (kind == LOGIN_FAILED) & (rng.random(len(visit)) < 0.12)
    return Logins(visit, offset, kind, rng.choice(6, len(visit), p=[0.36, 0.2, 0.25, 0.12, 0.05, 0.02]), is_unknown)


def ask(rng: np.random.Generator, visits: Visits) -> AiRequests:
    """A quarter of the signed-in visits ask an AI feature, a few times."""
    asks = np.flatnonzero((visits.user != NOBODY) & ~visits.signs_up & (rng.random(len(visits)) < 0.25))
    times = rng.geometric(0.33, len(asks))
    visit = np.repeat(asks, times)
    count = len(visit)
    model = rng.choice(len(AI_MODELS), count, p=[0.6, 0.28, 0.12])
    is_failed = rng.random(count) < 0.02
    sent = np.where(is_failed, 0, np.clip(rng.lognormal(6.3, 0.8, count), 20, 100_000).astype(np.int64))
    written = np.where(is_failed, 0, np.clip(rng.lognormal(5.6, 0.7, count), 5, 8_000).astype(np.int64))
    nano = sent * AI_PRICES[model, 0] + written * AI_PRICES[model, 1]
    latency = np.clip(300 + written * 9 * rng.lognormal(0, 0.3, count), 50, 120_000).astype(np.int64)
    return AiRequests(
        visit, rng.integers(5_000, 900_000, count), model, rng.integers(0, len(AI_FEATURES), count), is_failed, sent, written,
        (nano + 500) // 1_000, latency,
    )  # fmt: skip
