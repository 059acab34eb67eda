"""Who people are: names, accounts, addresses and numbers, made from a person's number in the city.

    index ─▶ user_id, full_name, email, phone, ip_address, birth_on

Nothing is stored: the same index of the same city always gives the same person. Everything is synthetic: example.com
mail, addresses of the ranges reserved for tests and documentation. The oldest site (mpcstudy) uses mail addresses as
account names, as such sites do.
"""

from datetime import date, timedelta

_SURNAMES = (("Kim", "김"), ("Lee", "이"), ("Park", "박"), ("Choi", "최"), ("Jung", "정"), ("Kang", "강"), ("Cho", "조"), ("Yoon", "윤"), ("Jang", "장"), ("Lim", "임"), ("Han", "한"), ("Oh", "오"), ("Seo", "서"), ("Shin", "신"), ("Kwon", "권"), ("Hwang", "황"), ("Ahn", "안"), ("Song", "송"), ("Ryu", "류"))  # fmt: skip
_GIVEN = (("Minjun", "민준"), ("Seoyeon", "서연"), ("Doyun", "도윤"), ("Jiwoo", "지우"), ("Hajun", "하준"), ("Haeun", "하은"), ("Jiho", "지호"), ("Soyul", "소율"), ("Junseo", "준서"), ("Chaewon", "채원"), ("Yejun", "예준"), ("Sua", "수아"), ("Siwoo", "시우"), ("Yuna", "유나"), ("Geonwoo", "건우"), ("Dain", "다인"), ("Taeyang", "태양"))  # fmt: skip
_ENGLISH_GIVEN = ("Olivia", "Liam", "Emma", "Noah", "Ava", "Ethan", "Mia", "Lucas", "Chloe", "Mason", "Grace", "Aiden", "Zoe")
_ENGLISH_SURNAMES = ("Smith", "Nguyen", "Brown", "Garcia", "Wilson", "Taylor", "Moore", "Martin", "Clark", "Walker", "Young")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_CODES = 36**6
_ODD = 1_000_000_007  # shares no factor with 36**6 or 10**8: stepping by it visits every number once
_MAIL = ("mail.example.com", "study.example.com", "campus.example.com")
MAIL_IS_ACCOUNT = "mpcstudy"


class Identities:
    """The people of one city. `seed` moves all codes and numbers, so that two cities share hardly anybody."""

    def __init__(self, seed: int) -> None:
        self._shift = seed * 7_368_787 + 11

    def code(self, index: int) -> str:
        """Six letters or digits, different for every index below 36**6."""
        number, out = (index * _ODD + self._shift) % _CODES, []
        for _ in range(6):
            number, digit = divmod(number, 36)
            out.append(_DIGITS[digit])
        return "".join(out)

    def roman_name(self, index: int) -> tuple[str, str]:
        """(given name, surname), in Latin letters."""
        if self._is_english(index):
            return self._pick(_ENGLISH_GIVEN, index), self._pick(_ENGLISH_SURNAMES, index // len(_ENGLISH_GIVEN))
        return self._pick(_GIVEN, index)[0], self._pick(_SURNAMES, index // len(_GIVEN))[0]

    def full_name(self, index: int) -> str:
        """As the person writes it: Korean names in Hangul."""
        if self._is_english(index):
            return " ".join(self.roman_name(index))
        return self._pick(_SURNAMES, index // len(_GIVEN))[1] + self._pick(_GIVEN, index)[1]

    def user_id(self, index: int, zone_id: str) -> str:
        if zone_id == MAIL_IS_ACCOUNT:
            return self.email(index)
        given, surname = self.roman_name(index)
        return f"{given}.{surname}.{self.code(index)}".lower()

    def email(self, index: int) -> str:
        given, surname = self.roman_name(index)
        return f"{given}.{surname}{self.code(index)}@{_MAIL[index % len(_MAIL)]}".lower()

    def phone(self, index: int) -> str:
        number = (index * _ODD + self._shift) % 10**8
        return f"010-{number // 10_000:04d}-{number % 10_000:04d}"

    def ip_address(self, index: int) -> str:
        """198.18.0.0/15 is reserved for benchmarks, 2001:db8::/32 for documentation; one in ten comes by IPv6."""
        place = (index * 2_654_435_761 + self._shift) % 2**32
        if index % 10 == 9:
            return f"2001:db8:{place >> 16:x}:{place & 0xFFFF:x}::{index % 9_999 + 1:x}"
        return f"198.{18 + (place >> 16) % 2}.{place >> 8 & 0xFF}.{place % 254 + 1}"

    def birth_on(self, index: int, is_student: bool) -> date:
        youngest = date(2012, 12, 31) if is_student else date(1996, 12, 31)
        return youngest - timedelta(days=(index * 7_919 + self._shift) % (15 * 365 if is_student else 35 * 365))

    def _is_english(self, index: int) -> bool:
        return (index * 31 + self._shift) % 4 == 0

    def _pick(self, names: tuple, index: int):
        return names[(index + self._shift) % len(names)]
