"""Addresses, Korean and English.

    [region] [district]  road + number  [building]  [동 호 층]     the road-name form
    [region] [district]  동/리 + lot                                the lot-number form

Korean says *towards three* as it writes *Road 3* (-로 3): so a road or lot counts where a district stands before it, or
where a flat, or a word such as 주소, says that it is one.
"""

import re
from collections.abc import Iterator

from lakehouse.privacy.text.english_words import STREET_SUFFIXES
from lakehouse.privacy.text.finding import Finding

_PROVINCE = (
    r"(?:서울|부산|대구|인천|광주|대전|울산|세종|경기|강원|충북|충남|전북|전남|경북|경남|제주|충청[남북]|전라[남북]|경상[남북])"
    r"(?:특별자치[시도]|특별시|광역시|시|도)?"
)
_DISTRICT = r"[가-힣]{1,5}(?:시|군|구)"
_TOWN = r"[가-힣]{1,5}(?:읍|면)"
_ROAD = r"[가-힣A-Za-z][가-힣A-Za-z0-9·.]{0,11}(?:대로|로|길)(?:\s?\d{1,4}[가나다라마바사아]?(?:번?[가나다라마바]?길))?"
_NUMBER = r"(?:지하\s?)?\d{1,5}(?:-\d{1,4})?"
_LOT = rf"[가-힣]{{1,5}}\d{{0,2}}(?:동|리|가)\s?(?:\d가\s?)?(?:산\s?)?{_NUMBER}(?:번지)?"
_PLACE = r"[가-힣0-9·]{1,10}(?:거리|마을|가|리|읍|면|동|단지)(?:\s[가-힣0-9]{1,10}(?:길|동|리|마을))?"
_FLAT = r"(?:(?:지하\s?)?\d{1,4}\s?동\s?)?(?:\d{1,3}\s?층\s?)?(?:[A-Z]?\d{2,4}\s?호)|\d{1,4}\s?동|(?:지하\s?)?\d{1,3}\s?층"
_BUILDING = r"[가-힣A-Za-z0-9]{2,14}(?:아파트|빌라|빌딩|오피스텔|타워|맨션|래미안|푸르지오|힐스테이트|자이|캐슬|아이파크|팰리스|타운|하우스|센터|상가|[가-힣]{0,3}동|[가-힣]{0,3}호텔)?"
_DETAIL = rf"(?:\s?\([가-힣0-9, ]{{2,24}}\))?(?:,?\s?(?:{_FLAT})|,?\s{_BUILDING}\s(?:{_FLAT}))?(?:\s?\([가-힣0-9, ]{{2,24}}\))?"
_AREA = rf"(?:{_PROVINCE}\s+(?:{_DISTRICT}\s+){{0,2}}|(?:{_DISTRICT}\s+){{1,2}}|세종(?:특별자치시)?\s+)(?:{_TOWN}\s+)?"

_IN_AREA = re.compile(
    rf"(?<![가-힣])(?:\(?\d{{5}}\)?\s)?{_AREA}(?:{_ROAD}\s?{_NUMBER}(?:번지)?|{_LOT}|{_PLACE}\s{_NUMBER}(?![\d가-힣])(?:번지)?){_DETAIL}"
)
_BARE = re.compile(rf"(?<![가-힣])(?:{_ROAD}\s?{_NUMBER}|{_LOT}){_DETAIL}")
_SURE_FLAT = re.compile(r"(?:(?<![가-힣])[가-힣A-Za-z0-9]{2,12}\s?)?(?<!\d)\d{1,4}동\s?\d{2,4}호(?!선)")
_SAYS_WHERE = re.compile(r"(?:주소|배송지|사는\s?곳|거주|자택|우리\s?집|집이|집은|집)\W*(?:는|은|이|를|을|가)?\W*$")
_LIVES_AFTER = re.compile(r"\s?(?:에|에서)\s?(?:살|거주|사는|산다)|\s?(?:로|으로|앞으로)\s?(?:보내|배송|부쳐)")

_STREET = rf"(?:{'|'.join(sorted(STREET_SUFFIXES, key=len, reverse=True))})"
_UNIT = r"(?:,? (?:Apt|Apartment|Suite|Unit|Flat|Room|#)\.? ?#?\w{1,6})"
_CITY = r"(?:,? [A-Z][a-z]+(?: [A-Z][a-z]+){0,3})"
_ZIP = r"(?:,? [A-Z]{2} \d{5}(?:-\d{4})?)"
_ENGLISH = re.compile(
    rf"(?<![\w.-])\d{{1,5}}[A-Za-z]? (?:(?:[A-Z][\w'’.-]*|\d{{1,3}}(?:st|nd|rd|th)) ){{1,4}}?{_STREET}\b\.?{_UNIT}?(?:,{_CITY}(?:,? [A-Z]{{2}}\b)?(?:,? \d{{5}}(?:-\d{{4}})?)?{_UNIT}?(?:,{_CITY})?)?"
)
# Whatever the street is called: a house number, and at the end a state and its code; a box of the post or of the forces.
_WITH_CODE = re.compile(rf"(?<![\w.-])\d{{1,5}} [A-Z][\w'’.-]*(?: [\w'’.-]+){{0,4}}{_UNIT}?,{_CITY}{_ZIP}\b")
_BOX = re.compile(
    rf"\b(?:(?:PSC|Unit|CMR) \d{{1,5}},? Box \d{{1,5}}|P\.?O\.? Box \d{{1,6}}|US(?:NS|S|CGC|NV) [A-Z][a-z]+)(?:,? (?:[ADF]PO [A-Z]{{2}} \d{{5}}(?:-\d{{4}})?|{_CITY}{_ZIP}))?"
)
_ROMANISED = re.compile(
    r"(?<![\w.-])(?:\d{1,5}(?:-\d{1,4})?,? )?[A-Z][a-z]+(?:[ -]?\d{0,3}(?:beon)?)-?(?:daero|ro|gil)\b(?:,? \d{1,4}(?:-\d{1,4})?)?(?:, [A-Z][a-z]+-(?:gu|si|dong|gun|do|eup|myeon))+(?:, [A-Z][a-z]+)?"
)


# What every address has in it; looked for first, since most texts have none of it.
_KOREAN_SIGN = re.compile(r"[로길동리가읍면을지]\s?(?:지하\s?|산\s?)?\d")
_ENGLISH_SIGN = re.compile(r"\d[A-Za-z]? [A-Z0-9]|Box \d|[ADF]PO |US(?:NS|S|CGC|NV) [A-Z]")


def found(text: str) -> Iterator[Finding]:
    if not text.isascii() and _KOREAN_SIGN.search(text):
        yield from _korean(text)
    if _ENGLISH_SIGN.search(text):
        for pattern in (_ENGLISH, _WITH_CODE, _BOX):
            yield from (Finding(m.start(), m.end(), "ADDRESS") for m in pattern.finditer(text))
    if "ro" in text or "gil" in text:
        yield from (Finding(m.start(), m.end(), "ADDRESS") for m in _ROMANISED.finditer(text))


def _korean(text: str) -> Iterator[Finding]:
    yield from (Finding(m.start(), m.end(), "ADDRESS") for m in _IN_AREA.finditer(text))
    for match in _BARE.finditer(text):
        before = text[max(0, match.start() - 12) : match.start()]
        if _SAYS_WHERE.search(before) or _LIVES_AFTER.match(text, match.end()) or _SURE_FLAT.search(match[0]):
            yield Finding(match.start(), match.end(), "ADDRESS")
    yield from (Finding(m.start(), m.end(), "ADDRESS") for m in _SURE_FLAT.finditer(text))
