"""All recognisers over one text, and their findings put together.

    text ─▶ prepared ─▶ numbers, marks, addresses ─▶ names ─▶ merged ─▶ "[KIND]"
             NFC, full-width → ASCII, dashes → -

Most texts have no digit and no capitalised pair, and pay for a few looks; tests/free_text and `python -m bench text` say how much.
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
_DIGIT = re.compile(r"[0-9]")
_CAPITAL = re.compile(r"[A-ZÀ-Þ]|name")
_HANGUL = re.compile(r"[가-힣]")


def prepared(text: str) -> str:
    """The text in which findings are told: composed, without signs that only look different or are not seen."""
    if text.isascii():
        return text
    if not unicodedata.is_normalized("NFC", text):
        text = unicodedata.normalize("NFC", text)
    return text.translate(_PLAIN) if _ODD.search(text) else text


def findings(text: str) -> list[Finding]:
    """Where personal data stands in a prepared text, in order, none over another."""
    found: list[Finding] = []
    if _DIGIT.search(text):
        found += numbers.found(text)
        found += addresses.found(text)
    elif "일" in text:
        found += numbers.found(text)
    if "@" in text or _DIGIT.search(text) or _MARK.search(text):
        found += marked.found(text)
    if _HANGUL.search(text):
        found += korean_names.found(text, found)
    if _CAPITAL.search(text):
        found += english_names.found(text)
    return merged(found) if len(found) > 1 else found


_MARK = re.compile(r"골뱅이|\bat\b|[:=：]|아이디|계정|카톡")


def redacted(text: str) -> str:
    """The text with each finding replaced by its kind. A text without findings comes back as it is prepared."""
    text = prepared(text)
    out, at = [], 0
    for start, end, kind in findings(text):
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
