"""Numbers of made-up people, and numbers that only look like them: every maker takes a random.Random and gives a text.

Check digits are worked out from the published rules, apart from lakehouse/privacy/text.
"""

import calendar
import random


def digits(rng: random.Random, count: int) -> str:
    return "".join(rng.choice("0123456789") for _ in range(count))


def mobile(rng: random.Random) -> str:
    middle, last = digits(rng, 4), digits(rng, 4)
    return rng.choice(["010-{}-{}", "010{}{}", "010 {} {}", "010.{}.{}", "+82 10-{}-{}", "+82-10-{}-{}", "010-{} {}"]).format(middle, last)


def landline(rng: random.Random) -> str:
    area = rng.choice(["02", "031", "032", "042", "051", "062", "064", "070"])
    return rng.choice(["{}-{}-{}", "({}) {}-{}", "{} {} {}", "{}){}-{}"]).format(
        area, digits(rng, rng.choice((3, 4))).replace("0", "7"), digits(rng, 4)
    )


def phone_en(rng: random.Random) -> str:
    area, exchange, line = str(rng.randint(201, 989)), str(rng.randint(200, 999)), digits(rng, 4)
    return rng.choice(["({}) {}-{}", "{}-{}-{}", "+1 {} {} {}", "+1-{}-{}-{}", "{}.{}.{}"]).format(area, exchange, line)


def _birth(rng: random.Random, first: int, last: int) -> tuple[int, int, int]:
    year, month = rng.randint(first, last), rng.randint(1, 12)
    return year, month, rng.randint(1, calendar.monthrange(year, month)[1])


_WEIGHTS = (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)


def _registration(rng: random.Random, is_foreigner: bool, modulus_base: int) -> str:
    year, month, day = _birth(rng, 1950, 2012)
    sex = rng.choice((1, 2)) + (2 if year >= 2000 else 0) + (4 if is_foreigner else 0)
    body = f"{year % 100:02d}{month:02d}{day:02d}{sex}{rng.randint(0, 95):02d}{digits(rng, 3)}"
    total = sum(w * int(c) for w, c in zip(_WEIGHTS, body))
    return body + str((modulus_base - total % 11) % 10)


def resident(rng: random.Random) -> str:
    """As issued until October 2020, with a check digit."""
    number = _registration(rng, False, 11)
    return rng.choice((f"{number[:6]}-{number[6:]}", f"{number[:6]}-{number[6:]}", number, f"{number[:6]} - {number[6:]}"))


def resident_since_2020(rng: random.Random) -> str:
    """Whose last six digits mean nothing."""
    year, month, day = _birth(rng, 1960, 2024)
    sex = rng.choice((1, 2)) + (2 if year >= 2000 else 0)
    return f"{year % 100:02d}{month:02d}{day:02d}-{sex}{digits(rng, 6)}"


def foreigner(rng: random.Random) -> str:
    number = _registration(rng, True, 13)
    return rng.choice((f"{number[:6]}-{number[6:]}", number))


def business(rng: random.Random) -> str:
    body = str(rng.randint(100, 999)) + digits(rng, 6)
    weights = (1, 3, 7, 1, 3, 7, 1, 3)
    total = sum(w * int(c) for w, c in zip(weights, body)) + (int(body[8]) * 5) // 10 + int(body[8]) * 5 % 10
    number = body + str(-total % 10)
    return f"{number[:3]}-{number[3:5]}-{number[5:]}"


def wrong_business(rng: random.Random) -> str:
    right = business(rng)
    return right[:-1] + str((int(right[-1]) + rng.randint(1, 9)) % 10)


def _luhn_digit(body: str) -> str:
    total = 0
    for n, c in enumerate(reversed(body)):
        doubled = int(c) * (2 if n % 2 == 0 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return str(-total % 10)


def card(rng: random.Random) -> str:
    head, length = rng.choice((("4", 16), ("5" + str(rng.randint(1, 5)), 16), ("37", 15), ("3569", 16), ("9420", 16), ("6210", 16)))
    body = head + digits(rng, length - 1 - len(head))
    number = body + _luhn_digit(body)
    parts = [number[:4], number[4:10], number[10:]] if length == 15 else [number[n : n + 4] for n in range(0, 16, 4)]
    return rng.choice(("-", " ", "")).join(parts)


def wrong_card(rng: random.Random) -> str:
    body = "4" + digits(rng, 14)
    number = body + str((int(_luhn_digit(body)) + rng.randint(1, 9)) % 10)
    return rng.choice(("-", " ", "")).join(number[n : n + 4] for n in range(0, 16, 4))


def account(rng: random.Random) -> str:
    parts = rng.choice(((3, 3, 6), (3, 2, 6), (4, 3, 6), (3, 4, 4, 2), (6, 2, 6), (4, 2, 7)))
    return "-".join(digits(rng, n) for n in parts)


def ip(rng: random.Random) -> str:
    if rng.random() < 0.2:
        return f"2001:db8:{rng.randint(1, 65535):x}:{rng.randint(1, 65535):x}::{rng.randint(1, 65535):x}"
    return ".".join(str(rng.randint(128, 223) if n == 0 else rng.randint(11, 250)) for n in range(4))


def passport(rng: random.Random) -> str:
    return rng.choice("MMMSR") + (digits(rng, 8) if rng.random() < 0.5 else digits(rng, 3) + rng.choice("ABCDEFGH") + digits(rng, 4))


def licence(rng: random.Random) -> str:
    return f"{rng.randint(11, 26)}-{rng.randint(0, 24):02d}-{digits(rng, 6)}-{rng.randint(10, 99)}"


def code(rng: random.Random, count: int) -> str:
    return "".join(rng.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(count))
