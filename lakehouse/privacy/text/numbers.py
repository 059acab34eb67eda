"""Numbers: one net catches every run of digits, then each kind looks at it in turn.

    text ─ _RUN ─▶ "010-1234-5678" ─▶ registration? card? business? licence? phone? account? ─▶ Finding
                    a run in many texts, so nothing else is looked for where there is none

What has no check digit, and no form of its own, is told by the words before it: an account by its bank, an old passport
by the word.
"""

import re
from collections.abc import Iterator

from lakehouse.privacy.text import check_digits
from lakehouse.privacy.text.finding import Finding

_RUN = re.compile(r"[+(]?\d[\d .()/-]{4,}[\d*]+")
_GAP = r"[-. /]?"
_WIDE = r"(?:\)? ?[-./] ?|\)? |\))"

_REGISTRATION = re.compile(r"(?<![\d-])\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])( ?- ?| )?[1-8](?:\d{6}|\*{6}|\d\*{5})(?![\d-])")
_CARD = re.compile(r"(?<![\d-])(?:\d{4}[- ]?\d{4}[- ]?\d{4}[- ]?\d{4}|3\d{3}[- ]?\d{6}[- ]?\d{4,5})(?![\d-])")
_BUSINESS = re.compile(r"(?<![\d-])\d{3}(-?)\d{2}\1\d{5}(?![\d-])")
_LICENCE = re.compile(r"(?<![\d-])(?:1[1-9]|2[0-8])-\d{2}-\d{6}-\d{2}(?![\d-])")
_PHONES = re.compile(
    rf"(?<![\d-])(?:"
    rf"(?:(?:\+82[- .]?|82[- .])\(?0?\)?|\(?0)1[016789]{_WIDE}?\d{{3,4}}{_WIDE}?\d{{4}}"  # mobile
    rf"|\(?(?:\+82[- .]?)?0(?:2|3[1-3]|4[1-4]|5[1-5]|6[1-4]|70|50\d){_WIDE}\d{{3,4}}{_WIDE}\d{{4}}"  # landline, internet, safe numbers
    rf"|\+\d{{1,3}}(?:{_GAP}\(?\d{{1,4}}\)?){{2,5}}"  # any country
    rf"|(?:\+?1{_GAP})?\(?[2-9]\d{{2}}\)?[-. ]?(?<=[-. )])[2-9]\d{{2}}[-. ]\d{{4}}"  # North America
    rf"|0[127]\d{{2,3}} \d{{3}} ?\d{{3,4}}"  # Great Britain
    rf")(?![\d-])"
)
_LANDLINE = re.compile(r"(?<![\d-])0(?:2|3[1-3]|4[1-4]|5[1-5]|6[1-4]|70)\d{7,8}(?![\d-])")
_ACCOUNT = re.compile(r"(?<![\d-])(?:\d{2,6}(?:[- ]\d{2,8}){1,4}|\d{10,14})(?![\d-])")
_SPOKEN = re.compile(r"[공영]\s?일\s?[공영][\s-]{0,2}[공영일이삼사오육륙칠팔구]{3,4}[\s-]{0,2}[공영일이삼사오육륙칠팔구]{4}")

_BANK = r"(?:국민|신한|우리|하나|농협|기업|산업|수협|씨티|제일|대구|부산|광주|전북|경남|제주)\s?(?:은행|뱅크)|농협|수협|KB|NH|IBK|카카오\s?뱅크|케이\s?뱅크|토스\s?뱅크|토스|새마을\s?금고|신협|우체국"
_ACCOUNT_BEFORE = re.compile(rf"(?:{_BANK}|계좌(?:\s?번호)?|(?i:account|acct|iban)(?i:\s?(?:number|no))?)\W*(?:는|은|이|로|is)?\W*$")
_BANK_AFTER = re.compile(rf"\W{{0,3}}(?:{_BANK})")
_REGISTRATION_BEFORE = re.compile(r"(?i)(?:주민|등록\s?번호|외국인|신분증|registration|\brrn|\barc)[^\d.]{0,16}$")
_BUSINESS_BEFORE = re.compile(r"(?i)(?:사업자|business|\bbrn)[^\d.]{0,20}$")
_PHONE_BEFORE = re.compile(r"(?i)(?:전화|연락처|번호|휴대폰|핸드폰|폰|phone|mobile|tel|cell|call|text)[^\d.,]{0,8}$")


def found(text: str) -> Iterator[Finding]:
    for run in _RUN.finditer(text):
        yield from _in_run(text, run.start(), run.end())
    if "일" in text:
        yield from (Finding(m.start(), m.end(), "PHONE") for m in _SPOKEN.finditer(text))


def _in_run(text: str, start: int, end: int) -> Iterator[Finding]:
    """Each kind takes what it is sure of; what one has taken is not looked at again."""
    taken: list[tuple[int, int]] = []
    for pattern, judge in _JUDGES:
        for match in pattern.finditer(text, start, end):
            first, last = match.span()
            if any(first < b and a < last for a, b in taken):
                continue
            if kind := judge(text, match):
                taken.append((first, last))
                yield Finding(first, last, kind)


def _plain(match: re.Match) -> str:
    return "".join(c for c in match[0] if c.isdigit() or c == "*")


def _before(text: str, match: re.Match, reach: int = 24) -> str:
    return text[max(0, match.start() - reach) : match.start()]


def _registration(text: str, match: re.Match) -> str | None:
    """Written in two parts nothing else looks like it. In one it may be an order's number, unless the check digit or
    the words before it speak for it."""
    digits = _plain(match)
    if not check_digits.has_birth_date(digits):
        return None
    if (
        match[1] is None
        and "*" not in digits
        and not check_digits.is_registration(digits)
        and not _REGISTRATION_BEFORE.search(_before(text, match))
    ):
        return None
    return "FOREIGNER" if check_digits.is_foreigner(digits) else "RESIDENT"


def _card(text: str, match: re.Match) -> str | None:
    return "CARD" if check_digits.is_card(_plain(match)) else None


def _business(text: str, match: re.Match) -> str | None:
    if not check_digits.is_business(_plain(match)):
        return None
    return "BUSINESS" if match[1] or _BUSINESS_BEFORE.search(_before(text, match)) else None


def _licence(text: str, match: re.Match) -> str | None:
    return "LICENCE"


def _phone(text: str, match: re.Match) -> str | None:
    count = len(_plain(match))
    if not 8 <= count <= 15:
        return None
    if match[0][0] in "+(0" or match[0].startswith(("82", "1")):
        return "PHONE"
    return "PHONE" if count == 10 and (match[0].count("-") != 1 or _PHONE_BEFORE.search(_before(text, match))) else None


def _landline(text: str, match: re.Match) -> str | None:
    """In one piece it may be any number."""
    return "PHONE" if _PHONE_BEFORE.search(_before(text, match)) else None


def _account(text: str, match: re.Match) -> str | None:
    is_named = 10 <= len(_plain(match)) <= 16 and (_ACCOUNT_BEFORE.search(_before(text, match)) or _BANK_AFTER.match(text, match.end()))
    return "ACCOUNT" if is_named else None


_JUDGES = (
    (_REGISTRATION, _registration),
    (_CARD, _card),
    (_LICENCE, _licence),
    (_BUSINESS, _business),
    (_ACCOUNT, _account),
    (_PHONES, _phone),
    (_LANDLINE, _landline),
)
