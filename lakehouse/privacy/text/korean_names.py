"""Korean names: a surname and a given name, and what stands around them.

    이름은 ┐               ┌ 님, 씨, 쌤, 선생님, 학생 …
    저는   ├─▶ 김민준 ◀────┤ 한테, 에게, 께서
    담임   ┘               └ 입니다, 이라고 (after 저는)

Most eojeol do not begin with a surname and cost one look at their first syllable. A label makes anything a name that
could be one; a title or a particle asks for syllables of given names; without either the given name must be known.
"""

import re
from collections.abc import Iterator, Sequence

from lakehouse.privacy.text.finding import Finding
from lakehouse.privacy.text.korean_words import (
    FIRST,
    GIVEN,
    GIVEN_WORDS,
    LONG_SURNAMES,
    NOT_NAMES,
    NOUN_ENDINGS,
    RARE_SURNAMES,
    SECOND,
    SURE_SURNAMES,
    SURNAMES,
)

_WORD = re.compile(r"[가-힣]{2,}")
_LABEL = re.compile(
    r"(?:이름|성명|성함|본명|실명|예금주|작성자|신청자|제출자|응시자|보호자|수취인|받는\s?사람|보낸\s?사람|받는\s?분|글쓴이|담당자)\s?(?:은|는|이|가)?\s?[:：=(]?\s?$|name(?: is|:)\s?$"
)
_SELF = re.compile(r"(?:^|[^가-힣])(?:저는|나는|전|난|저|제가|내가)\s$")
_IS_SELF = re.compile(r"(?:이?라고|이?라는|입니다|이에요|이예요|예요|인데|이고|이야|올시다|이?라$)")
_TITLE = re.compile(
    r"(?:담임|강사|튜터|교수|원장|조교|친구|짝꿍|짝|반장|동생|형|누나|언니|오빠|아들|딸|학생|학부모|수강생|회원|우리\s?반|같은\s?반)\s$"
)
_HONORIFIC = re.compile(
    r"\s?(?:님|씨|쌤|샘|선생|교수|강사|튜터|원장|학생|군(?![가-힣])|양(?![가-힣])|어머니|어머님|아버지|아버님|학부모|선배|후배|언니|오빠|누나|코치|조교|담임|반장|작가|올림|드림|배상)"
)
_ANIMATE = re.compile(r"(?:한테|에게|께서|께|이랑|랑(?![가-힣]))")
_TAIL = re.compile(
    r"(?:입니|이에요|이예요|예요|이?라고|이?라는|이라서|라서|이고|이며|이랑|랑|한테|에게|께|님|씨|쌤|샘|은|는|이가|이는|이를|이의|이|가|을|를|과|와|의|도|만|아|야|인데|이야|이여|여|으로|로|선생|학생|이죠|죠|네|까지|부터|처럼|보다|하고)"
)
_CLOSED_FRIEND = re.compile(r"(?:이(?:가|는|도|를|랑|한테|에게|네)|아(?![가-힣]))")
_OPEN_FRIEND = re.compile(r"(?:야(?![가-힣])|한테|에게|랑(?![가-힣]))")
_ALONE = re.compile(
    r"(?<![가-힣])([김박최윤황홍송권류엄강장임])(?:\s?(?P<title>선생님|쌤(?![가-힣])|샘(?![가-힣])|교수님|강사님|원장님)"
    r"|\s(?P<given>[가-힣]{2})(?=입니|이라고|라고|이에요|예요|씨|님|올림|드림|[^가-힣]|$))"
)
_WORD_FOLLOWS = re.compile(r" [가-힣]")
Numbers = Sequence[Finding]


def found(text: str, numbers: Numbers) -> Iterator[Finding]:
    """`numbers`: what else was found; a name that stands beside somebody's number needs no other sign."""
    for word in _WORD.finditer(text):
        start, letters = word.start(), word[0]
        length = _name_at(text, letters, start, numbers) if letters[0] in SURNAMES or letters[:2] in LONG_SURNAMES else 0
        if not length and letters[:2] in GIVEN and letters[:3] not in NOT_NAMES and _is_given(text, start, letters):
            length = 2
        if length:
            yield Finding(start, start + length, "NAME")
    yield from _apart(text)


def _apart(text: str) -> Iterator[Finding]:
    """A surname that stands alone: before a given name, or before a title."""
    for match in _ALONE.finditer(text):
        if match["title"]:
            yield Finding(match.start(1), match.end(1), "NAME")
        elif match["given"] in GIVEN:
            yield Finding(match.start(1), match.end("given"), "NAME")


def _is_given(text: str, start: int, letters: str) -> bool:
    """A given name alone: before a title, or called and spoken of as a friend is (민준아, 민준이가, 지우야)."""
    if _HONORIFIC.match(text, start + 2) and (len(letters) > 2 or text[start + 2 : start + 3] == " "):
        return True
    is_closed = (ord(letters[1]) - 0xAC00) % 28 > 0
    return letters[:2] not in GIVEN_WORDS and bool((_CLOSED_FRIEND if is_closed else _OPEN_FRIEND).match(text, start + 2))


def _name_at(text: str, letters: str, start: int, numbers: Numbers) -> int:
    """How many letters of a word are a name; 0 where none are."""
    before = text[max(0, start - 14) : start]
    surname = 2 if letters[:2] in LONG_SURNAMES else 1
    is_labelled = bool(before) and bool(_LABEL.search(before))
    for given in (2, 1):
        length = surname + given
        if len(letters) < length or (surname == 2 and length > len(letters)):
            continue
        name, rest = letters[:length], letters[length:]
        if rest and not _TAIL.match(rest):
            continue
        if is_labelled and name not in NOT_NAMES and (given == 2 or not _WORD_FOLLOWS.match(text, start + length)):
            return length
        if given == 2 and _is_name(text, name, surname, before, start + length, rest, numbers):
            return length
        if given == 1 and surname == 1 and _is_short_name(text, name, before, start + length):
            return length
    return 0


def _is_name(text: str, name: str, surname: int, before: str, end: int, rest: str, numbers: Numbers) -> bool:
    if name in NOT_NAMES:
        return False
    given = name[surname:]
    if given in GIVEN:
        if name[0] not in RARE_SURNAMES or surname == 2:
            return True
    elif given[0] not in FIRST or given[1] not in SECOND or given[1] in NOUN_ENDINGS:
        return False
    elif surname == 2 or name[0] in SURE_SURNAMES:
        return True
    if _ANIMATE.match(rest) or _HONORIFIC.match(text, end) or (before and _TITLE.search(before)):
        return True
    if before and _SELF.search(before) and _IS_SELF.match(text, end):
        return True
    return not rest and any(_is_beside(text, name, end, number) for number in numbers)


def _is_short_name(text: str, name: str, before: str, end: int) -> bool:
    """A surname and one syllable: of all words of two syllables few are names, so only 씨 and 님 right behind tell."""
    return bool(before == "" or not before[-1].isalnum()) and text[end : end + 2] in (" 씨", "씨 ") and name[1] in SECOND


def _is_beside(text: str, name: str, end: int, number: Finding) -> bool:
    if number.kind == "ADDRESS":
        return False
    gap = text[end : number.start] if end <= number.start else text[number.end : end - len(name)]
    return len(gap) <= 3 and not any(c.isalnum() for c in gap)
