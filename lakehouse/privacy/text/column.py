"""A whole Arrow column of texts, redacted: a pattern a recogniser, in C++, says which texts it must look at at all.

    texts ─ SUSPECT[n] ─ no ──▶ recogniser n does not see it     (a fraction of a microsecond)
                       └ yes ─▶ recogniser n                     (tens of microseconds)

A pattern may suspect a harmless text, and must never pass one in which its recogniser would find something:
tests/free_text holds them to that.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.privacy.text.korean_words import FIRST, GIVEN, LONG_SURNAMES, SECOND, SURNAMES
from lakehouse.privacy.text.scan import RECOGNISERS, redacted


def _any_of(letters: frozenset[str]) -> str:
    return f"[{''.join(sorted(letters))}]"


_SURNAME, _FIRST = _any_of(SURNAMES), _any_of(FIRST | {name[0] for name in GIVEN})
_SECOND = _any_of(SECOND | {name[1] for name in GIVEN})
_TITLES = (
    "님|씨|쌤|샘|선생|교수|강사|튜터|원장|학생|군|양|어머|아버|학부모|선배|후배|언니|오빠|누나|코치|조교|담임|반장|작가|올림|드림|배상"
)
_LABELS = "이름|성명|성함|본명|실명|예금주|작성자|신청자|제출자|응시자|보호자|수취인|사람|받는|글쓴이|담당자|name"
_GREETINGS = (
    r"(?i:\b(?:I'?m|I am|this is|it'?s|here is|hey|hi|hello|dear|thanks,?|thank you,?|regards,?|sincerely,?|best,?|wishes,?|cheers,?|yours,?|love,?|"
    r"from|by|asked|told|with|met|friend,?|classmate,?|brother,?|sister,?|mother,?|father,?|mom,?|dad,?|son,?|daughter,?|cousin,?|uncle,?|aunt,?|"
    r"partner,?|roommate,?|student,?|neighbou?r,?|grandmother,?|grandfather,?))\s[A-ZÀ-Þ]"
)
_ID = r"(?i:(?:^|[^a-z])id(?:[^a-z]|$))"

SUSPECT = {
    "numbers": r"[0-9][-0-9 .()/]{4,}[0-9*]|[공영]\s?일",
    "addresses": r"[로길동리가읍면을지]\s?(?:지하\s?|산\s?)?[0-9]|[0-9][A-Za-z]? [A-Z0-9]|Box [0-9]|[ADF]PO |(?:ro|gil)\b.*, [A-Z][a-z]+-|US(?:NS|S|CGC|NV) [A-Z]",
    "marked": rf"@|골뱅이|(?i:[(\[]at[)\]])|[0-9]\.[0-9]{{1,3}}\.[0-9]|[0-9a-fA-F]:[0-9a-fA-F]{{0,4}}:|[MSRGD][0-9]{{3}}[A-Z]|여권|(?i:passport)"
    rf"|아이디|계정|카톡|카카오|인스타|텔레그램|유저|(?i:user|account|log|kakao|insta)|{_ID}",
    "korean_names": rf"(?:^|[^가-힣]){_SURNAME}{_FIRST}{_SECOND}|{'|'.join(sorted(LONG_SURNAMES))}|(?:{_LABELS})[^가-힣]?.{{0,3}}{_SURNAME}"
    rf"|{_FIRST}{_SECOND}\s?(?:{_TITLES})|{_SURNAME}{_SECOND} ?씨"
    rf"|{_FIRST}{_SECOND}(?:이[가는도를랑한에네]|아|야|한테|에게|랑)|(?:^|[^가-힣])[김박최윤황홍송권류엄강장임](?: |선생|쌤|샘|교수|강사|원장)",
    "english_names": rf"[A-ZÀ-ÞĀ-Ž][^\s]*[ \t\n][A-ZÀ-ÞĀ-Ž]|(?i:name|call me|signed|mr|ms|miss|mx|dr|prof|teacher|tutor|coach|instructor)|{_GREETINGS}"
    r"|[A-ZÀ-Þ]\S*['’]s|[A-ZÀ-Þ]\S*\s(?:here|speaking)\b|[A-ZÀ-Þ]\S*\s?[<(]",
}
_ODD = r"[^\x00-\x7f가-힣ㄱ-ㅎ…·’‘“”]"  # what prepared() might change: all recognisers look


def looks(texts: pa.Array) -> np.ndarray:
    """Which recognisers must look at each text, as bits in the order of RECOGNISERS; none at a null."""
    bits = np.zeros(len(texts), np.int64)
    for n, name in enumerate(RECOGNISERS):
        bits |= _matches(texts, SUSPECT[name]).astype(np.int64) << n
    return np.where(_matches(texts, _ODD), (1 << len(RECOGNISERS)) - 1, bits)


def _matches(texts: pa.Array, pattern: str) -> np.ndarray:
    return pc.fill_null(pc.match_substring_regex(texts, pattern), False).to_numpy(zero_copy_only=False)


def redacted_column(texts: pa.Array) -> pa.Array:
    """Every text as redacted() would have it. A null stays one."""
    texts = texts.cast(pa.string())
    bits = looks(texts)
    at = np.flatnonzero(bits)
    changed = [redacted(text, look) for text, look in zip(texts.take(pa.array(at)).to_pylist(), bits[at].tolist())]
    return pc.replace_with_mask(texts, pa.array(bits > 0), pa.array(changed, texts.type))
