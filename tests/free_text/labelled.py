"""The labelled texts: frames filled with made-up values, and where each value stands.

    seed ─▶ tuned(), held_out() ─▶ Labelled(text, spans)

The same seed gives the same texts for ever: nothing is random but what the seed decides.
"""

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.free_text import frames, held_out_frames, lists, numbers
from tests.free_text.held_out import HeldOut

_PLACE = re.compile(r"\{([^}]+)\}")
_PARTICLES = {"이": ("이", "가"), "은": ("은", "는"), "을": ("을", "를"), "과": ("과", "와"), "이라": ("이라", "라"), "아": ("아", "야")}
_KINDS = {"NAME_EN": "NAME", "SURNAME_EN": "NAME", "PHONE_EN": "PHONE", "ADDRESS_EN": "ADDRESS"}
_NO_SPAN = "BANK"
PLAIN_SHARE = 0.45  # texts without any personal data
Maker = Callable[[random.Random], str]


@dataclass(frozen=True, slots=True)
class Span:
    start: int
    end: int
    kind: str


@dataclass(frozen=True, slots=True)
class Labelled:
    text: str
    spans: tuple[Span, ...]


def tuned(count: int, seed: int = 20_251_123) -> list[Labelled]:
    """Texts of the lists and frames that the recognisers were made with."""
    rng = random.Random(seed)
    frames_of = (frames.KO, frames.KO_PLAIN), (frames.EN, frames.EN_PLAIN)
    return [_text(rng, frames_of, _TUNED) for _ in range(count)]


def held_out(count: int, seed: int = 20_260_302) -> list[Labelled]:
    """Texts of lists and frames that the recognisers were never tuned on."""
    rng = random.Random(seed)
    other = HeldOut(rng)
    makers = (
        _TUNED
        | other.plain()
        | {
            "NAME": other.name,
            "NAME_EN": other.name_en,
            "SURNAME_EN": other.surname_en,
            "PHONE": other.phone,
            "PHONE_EN": other.phone_en,
            "ADDRESS": other.address,
            "ADDRESS_EN": other.address_en,
            "EMAIL": other.email,
            "USER_ID": other.user_id,
        }
    )
    frames_of = (held_out_frames.KO, held_out_frames.KO_PLAIN), (held_out_frames.EN, held_out_frames.EN_PLAIN)
    return [_text(rng, frames_of, makers) for _ in range(count)]


def _text(rng: random.Random, frames_of: tuple, makers: Mapping[str, Maker]) -> Labelled:
    """One to four sentences; in some of them one that names somebody, in a few two."""
    telling, plain = frames_of[rng.random() < 0.35]
    chosen = rng.sample(plain, rng.randint(1, 3))
    if rng.random() > PLAIN_SHARE:
        for frame in rng.sample(telling, 1 if rng.random() < 0.85 else 2):
            chosen.insert(rng.randint(0, len(chosen)), frame)
    text, spans = "", []
    for frame in chosen:
        text += " " if text else ""
        text = _filled(rng, frame, makers, text, spans)
    return Labelled(text, tuple(spans))


def _filled(rng: random.Random, frame: str, makers: Mapping[str, Maker], text: str, spans: list[Span]) -> str:
    at = 0
    for place in _PLACE.finditer(frame):
        text += frame[at : place.start()]
        at, name = place.end(), place[1]
        if name in _PARTICLES:
            text += _PARTICLES[name][0 if _is_closed(text[-1]) else 1]
            continue
        value = makers[name](rng)
        if not name.startswith("N_") and name != _NO_SPAN:
            spans.append(Span(len(text), len(text) + len(value), _KINDS.get(name, name)))
        text += value
    return text + frame[at:]


def _is_closed(letter: str) -> bool:
    """Whether a Hangul syllable ends in a consonant, which decides the particle after it."""
    return (ord(letter) - 0xAC00) % 28 > 0


def _name_en(rng: random.Random) -> str:
    if rng.random() < 0.3:
        return f"{rng.choice(lists.ROMAN)} {rng.choice(lists.ROMAN_SURNAMES)}"
    return f"{rng.choice(lists.GIVEN_EN)} {rng.choice(lists.SURNAMES_EN)}"


def _address(rng: random.Random) -> str:
    where = rng.choice(lists.DISTRICTS)
    if rng.random() < 0.35:
        lot = f"{where} {rng.choice(lists.DONGS)} {rng.randint(1, 999)}-{rng.randint(1, 40)}"
        return rng.choice((lot, f"{lot}번지"))
    road = f"{where} {rng.choice(lists.ROADS)} {rng.randint(1, 400)}"
    flat = f"{rng.randint(101, 130)}동 {rng.randint(101, 2504)}호"
    return rng.choice(
        (
            road,
            f"{road}, {flat}",
            f"{road} {rng.choice(lists.FLATS)} {flat}",
            f"{road}, {rng.randint(2, 15)}층",
            f"{road} ({rng.choice(lists.DONGS)})",
        )
    )


def _address_en(rng: random.Random) -> str:
    street = f"{rng.randint(2, 9_999)} {rng.choice(lists.STREETS)}"
    return rng.choice(
        (
            street,
            f"{street}, {rng.choice(lists.CITIES)}",
            f"{street}, Apt {rng.randint(1, 99)}, {rng.choice(lists.CITIES)}",
            f"{rng.randint(2, 500)} Teheran-ro, Gangnam-gu, Seoul",
        )
    )


def _email(rng: random.Random) -> str:
    return f"{numbers.code(rng, rng.randint(4, 9))}{rng.choice(('', '.', '_'))}{rng.choice(lists.ROMAN).lower()}@{rng.choice(lists.MAIL)}"


def _user_id(rng: random.Random) -> str:
    return (
        f"{rng.choice(lists.ROMAN)}.{rng.choice(lists.ROMAN_SURNAMES)}.{numbers.code(rng, 6)}".lower()
        if rng.random() < 0.6
        else f"{rng.choice(lists.ROMAN).lower()}{rng.randint(1, 2012)}"
    )


def _order(rng: random.Random) -> str:
    return rng.choice((f"2025{rng.randint(1, 12):02d}{rng.randint(1, 28):02d}-{numbers.digits(rng, 7)}", f"ORD-{numbers.digits(rng, 10)}", f"25{rng.randint(13, 99)}{numbers.digits(rng, 9)}", numbers.wrong_business(rng)))  # fmt: skip


_TUNED: dict[str, Maker] = {
    "NAME": lambda rng: rng.choice(lists.SURNAMES) + rng.choice(lists.GIVEN),
    "NAME_EN": _name_en,
    "SURNAME_EN": lambda rng: rng.choice(lists.SURNAMES_EN),
    "PHONE": lambda rng: numbers.mobile(rng) if rng.random() < 0.75 else numbers.landline(rng),
    "PHONE_EN": numbers.phone_en,
    "RESIDENT": lambda rng: numbers.resident(rng) if rng.random() < 0.7 else numbers.resident_since_2020(rng),
    "FOREIGNER": numbers.foreigner,
    "BUSINESS": numbers.business,
    "ADDRESS": _address,
    "ADDRESS_EN": _address_en,
    "EMAIL": _email,
    "CARD": numbers.card,
    "BANK": lambda rng: rng.choice(lists.BANKS),
    "ACCOUNT": numbers.account,
    "IP": numbers.ip,
    "PASSPORT": numbers.passport,
    "LICENCE": numbers.licence,
    "USER_ID": _user_id,
    "N_PRICE": lambda rng: f"{rng.randint(1, 200) * 900:,}",
    "N_SCORE": lambda rng: str(rng.randint(10, 100)),
    "N_ITEM": lambda rng: numbers.digits(rng, 6),
    "N_ORDER": _order,
    "N_LONG": lambda rng: rng.choice((numbers.wrong_card(rng), numbers.digits(rng, 11).replace("0", "3", 1))),
    "N_FOUR": lambda rng: numbers.digits(rng, 4),
}
