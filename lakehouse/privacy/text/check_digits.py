"""Check digits and dates of numbers: pure functions over strings of ASCII digits."""

from datetime import date

_RESIDENT_WEIGHTS = (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)
_BUSINESS_WEIGHTS = (1, 3, 7, 1, 3, 7, 1, 3)
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def is_luhn(digits: str) -> bool:
    total = sum(map(int, digits[-1::-2])) + sum(_DOUBLED[int(c)] for c in digits[-2::-2])
    return total % 10 == 0


def has_birth_date(digits: str) -> bool:
    """Whether a registration number of 13 digits begins with a day that there was, in the century that its seventh tells."""
    century = {"9": 1800, "0": 1800, "1": 1900, "2": 1900, "5": 1900, "6": 1900, "3": 2000, "4": 2000, "7": 2000, "8": 2000}[digits[6]]
    try:
        date(century + int(digits[:2]), int(digits[2:4]), int(digits[4:6]))
    except ValueError:
        return False
    return True


def is_foreigner(digits: str) -> bool:
    return digits[6] in "5678"


def is_registration(digits: str) -> bool:
    """Check digit of a resident's or a foreigner's number. Numbers given out since October 2020 have none: of these one
    in ten passes by chance."""
    total = sum(w * int(c) for w, c in zip(_RESIDENT_WEIGHTS, digits))
    return ((13 if is_foreigner(digits) else 11) - total % 11) % 10 == int(digits[12])


def is_business(digits: str) -> bool:
    total = sum(w * int(c) for w, c in zip(_BUSINESS_WEIGHTS, digits)) + int(digits[8]) * 5 + int(digits[8]) * 5 // 10
    return -total % 10 == int(digits[9])


def is_card(digits: str) -> bool:
    """A number of a card network, the Korean domestic ones (9…) among them, with its check digit."""
    return _is_of_a_network(digits) and is_luhn(digits)


def _is_of_a_network(digits: str) -> bool:
    head2, head4, length = int(digits[:2]), int(digits[:4]), len(digits)
    if length == 15:
        return head2 in (34, 37)
    if length == 14:
        return head2 in (36, 38, 39)
    is_16 = (
        digits[0] in "4"
        or 51 <= head2 <= 55
        or 2221 <= head4 <= 2720
        or 3528 <= head4 <= 3589
        or head2 in (60, 62, 64, 65)
        or digits[0] == "9"
    )
    return length == 16 and is_16
