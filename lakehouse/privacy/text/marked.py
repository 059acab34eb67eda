"""What carries its own mark: mail and internet addresses, passports, and account names behind their label."""

import re
from collections.abc import Iterator
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from lakehouse.privacy.text.finding import Finding

_EMAIL = re.compile(
    r"(?i)(?<![a-z0-9._%+-])[a-z0-9][a-z0-9._%+-]{0,63}(?: ?@ ?| ?[(\[]at[)\]] ?| ?골뱅이 ?)[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,18}(?![a-z0-9])"
)
_IPV4 = re.compile(r"(?<![\w.-])\d{1,3}(?:\.\d{1,3}){3}(?![\w-]*[a-z0-9_-]|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{0,4}){2,7}(?![0-9a-zA-Z:])")
_VERSION_BEFORE = re.compile(r"(?i)(?:\bv|ver|version|버전|릴리스|release)\.?\s?$")
_IP_BEFORE = re.compile(r"(?i)(?:\bip|아이피)\W{0,3}(?:는|은|가|address)?\W{0,3}$")
_NEW_PASSPORT = re.compile(r"(?<![A-Za-z0-9])[MSRGD]\d{3}[A-Z]\d{4}(?![A-Za-z0-9])")
_NAMED_PASSPORT = re.compile(
    r"(?i)(?:여권|passport)(?:\s?(?:번호|no|number|num))?[^\w가-힣]{0,4}(?:(?:는|은|is)\s{1,2})?([A-Z]{1,2}\d[A-Z0-9]{5,8}|\d{9})(?![A-Za-z0-9])"
)
_LABEL = r"아이디|계정|카톡|카카오톡|인스타(?:그램)?|텔레그램|유저\s?네임|user\s?name|user[ _-]?id|account\s?name|log[ -]?in|kakao(?:talk)?(?: id)?|insta(?:gram)?|(?<![a-z])id"
_USER_ID = re.compile(
    rf"(?i)(?:{_LABEL})(?P<sign>\s{{0,2}}[:=：@]\s{{0,2}}|\s{{1,2}}(?:아이디|id|is|name)?\s?[:=]?\s?|(?:는|은|가)\s{{1,2}})(?P<id>[a-z0-9][a-z0-9_.:@-]{{2,63}})"
)


_DIGIT = re.compile(r"[0-9]")
_ID_SIGNS = ("아이디", "계정", "카톡", "카카오", "인스타", "텔레그램", "유저", "user", "account", "log", "kakao", "insta")
_ID = re.compile(r"(?<![a-z])id(?![a-z])")


def found(text: str) -> Iterator[Finding]:
    small = text.lower()
    if "@" in text or "at)" in small or "at]" in small or "골뱅이" in text:
        yield from (Finding(m.start(), m.end(), "EMAIL") for m in _EMAIL.finditer(text))
    if _DIGIT.search(text):
        yield from _addresses(text)
        yield from (Finding(m.start(), m.end(), "PASSPORT") for m in _NEW_PASSPORT.finditer(text))
    if "여권" in text or "passport" in small:
        yield from (Finding(m.start(1), m.end(1), "PASSPORT") for m in _NAMED_PASSPORT.finditer(text))
    if any(sign in small for sign in _ID_SIGNS) or ("id" in small and _ID.search(small)):
        yield from _user_ids(text)


def _addresses(text: str) -> Iterator[Finding]:
    if text.count(".") > 2:
        yield from (Finding(m.start(), m.end(), "IP") for m in _IPV4.finditer(text) if _is_ipv4(text, m))
    if text.count(":") > 1:
        yield from (Finding(m.start(), m.end(), "IP") for m in _IPV6.finditer(text) if _is_ipv6(m[0]))


def _is_ipv4(text: str, match: re.Match) -> bool:
    """Four numbers that are all below ten are a version or a section, unless the text says otherwise."""
    before = text[max(0, match.start() - 12) : match.start()]
    try:
        address = IPv4Address(match[0])
    except AddressValueError:
        return False
    return (
        not address.is_loopback
        and not address.is_unspecified
        and not _VERSION_BEFORE.search(before)
        and (len(match[0]) > 7 or bool(_IP_BEFORE.search(before)))
    )


def _is_ipv6(written: str) -> bool:
    try:
        IPv6Address(written)
    except AddressValueError:
        return False
    return any(c.isdigit() for c in written)


def _user_ids(text: str) -> Iterator[Finding]:
    """Behind a sign anything goes; behind a mere word only what has a digit or a dot, which words have not."""
    for match in _USER_ID.finditer(text):
        name = match["id"].rstrip(".:@-")
        is_signed = any(c in match["sign"] for c in ":=：@")
        if len(name) > 2 and (is_signed or any(c.isdigit() or c in "._" for c in name)):
            yield Finding(match.start("id"), match.start("id") + len(name), "USER_ID")
