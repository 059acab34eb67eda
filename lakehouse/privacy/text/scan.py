"""All recognisers over one text, and their findings put together.

    text ─▶ prepared ─▶ numbers, marks, addresses ─▶ names ─▶ merged ─▶ "[KIND]"
             NFC, full-width → ASCII, dashes → -

column.py says which recognisers need not look at a text at all.
"""

import re
import unicodedata
from collections.abc import Iterable

from lakehouse.privacy.text import addresses, english_names, korean_names, marked, numbers
from lakehouse.privacy.text.finding import Finding

_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_DASHES = dict.fromkeys(map(ord, "‐‑‒–—―−－ㅡ〜"), "-")
_SPACES = dict.fromkeys(map(ord, "\u00a0\u2002\u2003\u2009\u202f\u3000"), " ")
_UNSEEN = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"))
_PLAIN = {**_WIDE, **_DASHES, **_SPACES, **_UNSEEN}
_ODD = re.compile("[" + "".join(re.escape(chr(c)) for c in _PLAIN) + "]")
RECOGNISERS = ("numbers", "addresses", "marked", "korean_names", "english_names")
ALL = (1 << len(RECOGNISERS)) - 1
_NUMBERS, _ADDRESSES, _MARKED, _KOREAN, _ENGLISH = (1 << n for n in range(len(RECOGNISERS)))


def prepared(text: str) -> str:
    """The text in which findings are told: composed, without signs that only look different or are not seen."""
    if text.isascii():
        return text
    if not unicodedata.is_normalized("NFC", text):
        text = unicodedata.normalize("NFC", text)
    return text.translate(_PLAIN) if _ODD.search(text) else text


def findings(text: str, look: int = ALL) -> list[Finding]:
    """Where personal data stands in a prepared text, in order, none over another. `look`: bits of RECOGNISERS."""
    found: list[Finding] = []
    if look & _NUMBERS:
        found += numbers.found(text)
    if look & _ADDRESSES:
        found += addresses.found(text)
    if look & _MARKED:
        found += marked.found(text)
    if look & _KOREAN:
        found += korean_names.found(text, found)
    if look & _ENGLISH:
        found += english_names.found(text)
    return merged(found) if len(found) > 1 else found


def redacted(text: str, look: int = ALL) -> str:
    """The text with each finding replaced by its kind. A text without findings comes back as it is prepared."""
    text = prepared(text)
    out, at = [], 0
    for start, end, kind in findings(text, look):
        out += (text[at:start], f"[{kind}]")
        at = end
    return "".join([*out, text[at:]]) if out else text


def merged(found: Iterable[Finding]) -> list[Finding]:
    """Findings that overlap become one, of the kind of the longest: what any of them would hide stays hidden."""
    out: list[Finding] = []
    for one in sorted(found, key=lambda f: (f.start, -f.end)):
        if out and one.start < out[-1].end:
            last = out[-1]
            longer = last if last.end - last.start >= one.end - one.start else one
            out[-1] = Finding(last.start, max(last.end, one.end), longer.kind)
        else:
            out.append(one)
    return out
