"""Names, addresses and manners of writing numbers that the recognisers were never tuned on.

Names and road addresses come from Faker's Korean and English lists, which nobody looked at while the recognisers were
written, and from a short list of rare ones that dictionaries of names lack.
"""

import random
from collections.abc import Callable

from faker import Faker

from tests.free_text import numbers
from tests.free_text.written import parts

_RARE_SURNAMES = parts("남궁 제갈 선우 황보 독고 표 마 길 위 어 편 용 예 봉 피 탁")
_RARE_GIVEN = parts("가온 나래 다솜 라온 슬기 한별 빛나 초롱 단비 솔 별 봄 혁 이레 우람 누리 새봄 찬미 기쁨 은총")
_WORLD = parts(
    "Priya Raman|Wei Zhang|Nguyen Thi Lan|Aisha Khan|Yuki Tanaka|Björn Svensson|Fatima Al-Sayed|Oksana Koval|Thabo Mokoena|Camila Rojas",
    "|",
)
_HANGUL = "공일이삼사오육칠팔구"


def is_rare(name: str) -> bool:
    """Whether it is of the short list of names that dictionaries lack."""
    return any(name.startswith(surname) and name[len(surname) :] in _RARE_GIVEN for surname in _RARE_SURNAMES)


def _fakers(rng: random.Random) -> tuple[Faker, Faker]:
    made = Faker("ko_KR"), Faker("en_US")
    for n, one in enumerate(made):
        one.seed_instance(rng.randint(0, 2**32) + n)
    return made


class HeldOut:
    """The makers of the held-out half; one object a set, so that a seed decides everything."""

    def __init__(self, rng: random.Random) -> None:
        self._ko, self._en = _fakers(rng)

    def name(self, rng: random.Random) -> str:
        if rng.random() < 0.25:
            return rng.choice(_RARE_SURNAMES) + rng.choice(_RARE_GIVEN)
        return self._ko.last_name() + self._ko.first_name()

    def name_en(self, rng: random.Random) -> str:
        draw = rng.random()
        if draw < 0.2:
            return rng.choice(_WORLD)
        return f"{self._en.first_name()} {self._en.last_name()}" if draw < 0.85 else self._en.first_name()

    def surname_en(self, rng: random.Random) -> str:
        return self._en.last_name()

    def phone(self, rng: random.Random) -> str:
        middle, last = numbers.digits(rng, 4), numbers.digits(rng, 4)
        draw = rng.random()
        if draw < 0.15:
            spoken = lambda text: "".join(_HANGUL[int(c)] for c in text)  # noqa: E731
            return f"공일공 {spoken(middle)} {spoken(last)}"
        if draw < 0.3:
            return f"０１０－{middle}－{last}".translate({ord(str(n)): chr(0xFF10 + n) for n in range(10)})
        if draw < 0.5:
            return f"010 - {middle} - {last}"
        if draw < 0.7:
            return f"{rng.choice(('053', '055', '041', '063', '061'))}-{rng.randint(200, 999)}-{last}"
        return rng.choice(
            (
                f"010–{middle}–{last}",
                f"82-10-{middle}-{last}",
                f"(010) {middle}-{last}",
                f"011-{rng.randint(200, 999)}-{last}",
                f"010/{middle}/{last}",
            )
        )

    def phone_en(self, rng: random.Random) -> str:
        number = f"{rng.randint(201, 989)}", f"{rng.randint(200, 999)}", numbers.digits(rng, 4)
        return rng.choice(("1 ({}) {}-{}", "{} {} {}", "({}){}-{}", "+1{}{}{}")).format(*number)

    def address(self, rng: random.Random) -> str:
        return self._ko.address()

    def address_en(self, rng: random.Random) -> str:
        return self._en.address().replace("\n", ", ")

    def email(self, rng: random.Random) -> str:
        plain = self._en.email()
        return plain if rng.random() < 0.8 else plain.replace("@", rng.choice((" @ ", "(at)", "＠")))

    def user_id(self, rng: random.Random) -> str:
        return self._en.user_name() + str(rng.randint(1, 999))

    def plain(self) -> dict[str, Callable[[random.Random], str]]:
        """What only looks like personal data: trades, towns, slogans, and numbers of books, goods, files and moments."""
        ko, en = self._ko, self._en
        return {
            "N_JOB": lambda rng: ko.job(),
            "N_JOB_EN": lambda rng: en.job(),
            "N_PHRASE": lambda rng: en.catch_phrase(),
            "N_CITY": lambda rng: en.city(),
            "N_COLOUR": lambda rng: en.color_name(),
            "N_ISBN": lambda rng: en.isbn13(),
            "N_EAN": lambda rng: en.ean13(),
            "N_HEX": lambda rng: numbers.code(rng, 12) if rng.random() < 0.3 else en.md5()[: rng.choice((8, 16, 32))],
            "N_MILLIS": lambda rng: str(rng.randint(1_700_000_000_000, 1_800_000_000_000)),
            "N_FLOAT": lambda rng: f"{rng.uniform(0, 10):.{rng.randint(2, 12)}f}",
            "N_EIGHT": lambda rng: numbers.digits(rng, 8),
            "N_DATE": lambda rng: rng.choice(("{}-{:02d}-{:02d}", "{}.{:02d}.{:02d}", "{}/{:02d}/{:02d}", "{}{:02d}{:02d}")).format(
                rng.randint(2019, 2027), rng.randint(1, 12), rng.randint(1, 28)
            ),
        }
