"""English names, and Korean ones in Latin letters: capitalised words, and what stands around them.

My name is ┐                       ┌ here.
Mr.        ├─▶ Olivia Smith ◀──────┘
Regards,   ┘    known given name, or known surname of Korea
"""

import re
from collections.abc import Iterator

from lakehouse.privacy.text.english_words import AMBIGUOUS_GIVEN, GIVEN, NOT_NAMES, ROMANISED, SURNAMES
from lakehouse.privacy.text.finding import Finding

_LETTER = "A-Za-zÀ-ÖØ-öø-ž"
_CAP = rf"[A-ZÀ-ÖØ-Þ][{_LETTER}'’]+(?:-[{_LETTER}'’]+)?"
_CAPITALISED = re.compile(rf"(?<![\w@.'’-]){_CAP}(?: (?:[A-Z]\.|{_CAP})){{0,3}}(?![A-Za-z0-9_@])")
_ANY_NAME = re.compile(rf"[{_LETTER}][{_LETTER}'’-]+(?: [{_LETTER}][{_LETTER}'’-]+)?")
_LABEL = re.compile(r"(?i)(?:(?:my|full|real|first|last|student'?s?|his|her)\s+name\s+is|\bname\s?[:=]|\bnamed|\bcall me|\bsigned,?)\s$")
_SELF = re.compile(
    r"(?i)(?:\bI'?m|\bI am|\bthis is|\bit'?s|\bhere is|\bhey|\bhi|\bhello|\bdear|\bthanks,?|\bthank you,?|\bregards,?|\bsincerely,?|\bbest,?|\bwishes,?|\bcheers,?|\byours,?|\blove,?|\bfrom|\bby|\basked|\btold|\bwith|\bmet)\s$"
)
_TITLE = re.compile(r"(?:\b(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof)\.?|\b[Pp]rofessor|\b[Tt]eacher|\b[Tt]utor|\b[Cc]oach|\b[Ii]nstructor)\s$")
_RELATION = re.compile(
    r"(?i)\b(?:friend|classmate|brother|sister|mother|father|mom|dad|son|daughter|cousin|uncle|aunt|grandmother|grandfather|partner|roommate|student|teacher|tutor|neighbou?r),?\s$"
)
_TITLES = frozenset(["Professor", "Teacher", "Tutor", "Coach", "Instructor", "Miss", "Dr", "Prof", "I"])
_HERE = re.compile(r"\s(?:here\b|speaking\b)|\s?[<(]\s?[\w.+-]+@")


_TOLD_BY = ("name", "call me", "igned", "Mr", "Ms", "Miss", "Mx", "Dr", "rof", "eacher", "utor", "oach", "nstructor")


def found(text: str) -> Iterator[Finding]:
    is_told = any(sign in text for sign in _TOLD_BY)
    for match in _CAPITALISED.finditer(text):
        # Most capitalised words begin a sentence, and are no names.
        if is_told or " " in match[0] or match[0].split("'")[0] in GIVEN:
            yield from _in_words(text, match)
    if "name" in text:
        yield from _uncapitalised(text)


def _in_words(text: str, match: re.Match) -> Iterator[Finding]:
    """The part of a row of capitalised words that is a name: words before it that are none, such as *Dear*, are its context."""
    words = [(m.start() + match.start(), m[0]) for m in re.finditer(r"\S+", match[0])]
    while words and _is_context(words[0][1]):
        words.pop(0)
    kept = []
    for at, word in words:
        if _is_context(word) and word not in SURNAMES:
            break
        kept.append((at, word))
    while kept and len(kept[-1][1]) == 2 and kept[-1][1][1] == ".":
        kept.pop()
    if not kept:
        return
    start, end = kept[0][0], kept[-1][0] + len(re.split("['’]s$", kept[-1][1])[0])
    before = text[max(0, start - 24) : start]
    if _is_name([word for _, word in kept], before, text, end):
        yield Finding(start, end, "NAME")


def _is_context(word: str) -> bool:
    """Whether a capitalised word is none of a name, but may stand before one: *Dear*, *I'm*, *Professor*."""
    plain = re.split("['’]", word.rstrip("."))[0]
    return plain in _TITLES or plain in NOT_NAMES


def _is_name(words: list[str], before: str, text: str, end: int) -> bool:
    plain = [w.split("'s")[0].split("’s")[0] for w in words]
    is_given = plain[0] in GIVEN
    if before and (_LABEL.search(before) or _TITLE.search(before)):
        return True
    if len(plain) == 1:
        is_told = (
            bool(_SELF.search(before) or _RELATION.search(before) or _HERE.match(text, end)) if before or _HERE.match(text, end) else False
        )
        return is_given and plain[0] not in AMBIGUOUS_GIVEN and (is_told or plain[0] != words[0])  # Emma's
    if is_given and plain[0] not in AMBIGUOUS_GIVEN:
        return True
    if plain[0] in AMBIGUOUS_GIVEN or is_given:
        return plain[-1] in SURNAMES
    if any(w in ROMANISED for w in (plain[0], plain[-1])) and all(_is_romanised(w) for w in plain if w not in ROMANISED):
        return True
    return bool(_SELF.search(before) or _RELATION.search(before) or _HERE.match(text, end)) and len(plain) <= 3


_SYLLABLE = r"(?:[bcdghjkmnprstwy]{0,2}h?(?:ae|eo|eu|oo|ye|ya|yo|yu|wa|wo|we|wi|ui|ee|ou|[aeiou])(?:ng|n|m|l|k|p|h|t)?)"
_ROMAN = re.compile(rf"(?i){_SYLLABLE}-?{_SYLLABLE}?")


def _is_romanised(word: str) -> bool:
    return bool(_ROMAN.fullmatch(word))


def _uncapitalised(text: str) -> Iterator[Finding]:
    """my name is olivia smith: a label, and a given name that is known in small letters."""
    for match in re.finditer(r"(?i)\bname is\s", text):
        words = _ANY_NAME.match(text, match.end())
        if not words or not words[0][0].islower():
            continue
        first, _, second = words[0].partition(" ")
        if first.capitalize() in GIVEN:
            length = len(words[0]) if second.capitalize() in SURNAMES else len(first)
            yield Finding(words.start(), words.start() + length, "NAME")
