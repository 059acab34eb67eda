"""Payloads made from a contract: good ones, and ones that are wrong in one way. A new field is covered by being there."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Any

from lakehouse.contracts.model import MAX_TEXT, Contract, Field

NOW = datetime(2026, 3, 2, 3, 4, 5, 678901, tzinfo=UTC)
_LETTERS = "abcXYZ0189_.-"
WORDS = ("", "a", "Kim", "김민수", "émile", "😀", 'say "hi"', "back\\slash", "tab\there", "/slash/", "nan", ",]", "x: inf, }", "1e5")
_PATTERNED = {"price_currency": "KRW", "country_code": "KR", "language_code": "ko", "media_id": "4d0c7e0a-6f0e_4C55"}


def good(contract: Contract, random: Random, decimals: int = 8, optional: float = 0.5) -> dict[str, Any]:
    """A payload that the contract allows, with a share of its optional fields; numbers and texts of decimals with at
    most `decimals` places."""
    event_type, required = random.choice(contract.event_types) if contract.event_types else (None, ())
    payload: dict[str, Any] = {}
    for field in contract.fields:
        if field.name == "event_type" and event_type:
            payload[field.name] = event_type
        elif field.name == contract.event_time:
            payload[field.name] = moment(random)
        elif field.required or field.name in required or random.random() < optional:
            payload[field.name] = value(field, random, decimals)
        elif random.random() < optional / 5:
            payload[field.name] = None
    return payload


def value(field: Field, random: Random, decimals: int = 8) -> Any:
    if field.values:
        return random.choice(field.values)
    low, high = field.minimum if field.minimum is not None else -1000, field.maximum if field.maximum is not None else 1000
    match field.type:
        case "text":
            return _text(field, random)
        case "integer":
            return random.choice([int(low), int(high), random.randint(int(low), int(high))])
        case "float":
            return random.choice([low, high, int(low) + 1, random.uniform(low, high), random.uniform(low, high) / 1e6])
        case "decimal":
            number = round(random.uniform(low, high), random.randint(0, decimals))
            return random.choice([low, high, int(number), number, f"{number:.4f}", f"{number:.{decimals}f}", str(int(low))])
        case "boolean":
            return random.random() < 0.5
        case "timestamp":
            return moment(random)
        case "date":
            return (NOW.date() - timedelta(days=random.randrange(30_000))).isoformat()
        case "text_list":
            return [random.choice(WORDS) for _ in range(random.randrange(4))]
    raise AssertionError(f"no way to make a {field.type}")


def _text(field: Field, random: Random) -> str:
    if field.pattern:
        return _PATTERNED.get(field.name) or "".join(random.choice(_LETTERS) for _ in range(random.randint(1, field.max_length or 8)))
    longest = field.max_length or MAX_TEXT
    return random.choice([*WORDS, *WORDS, *WORDS, "가" * (longest // 3), "a" * longest, "x" * random.randint(1, longest)])[:longest]


def moment(random: Random) -> str:
    """A time that an event may have, in one of the many ways of writing it."""
    at = NOW - timedelta(microseconds=random.randrange(10**13))
    offset = timezone(timedelta(minutes=random.choice([0, 540, -210, 330])))
    text = random.choice([at, at.astimezone(offset), at.replace(microsecond=0)]).isoformat()
    return random.choice([text, text.replace("+00:00", "Z"), at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"])


STRANGE_VALUES = (
    None, True, False, 0, 1, -1, 7.0, 1.5, -0.0, 2**31, 2**63 - 1, 2**63, -(2**63) - 1, 2**64, 10**30, 1e300, 1e-7, 0.1234565, "", "1", "1.5",
    "true", "null", "NaN", "1e3", "-1", "+1", "1_000", " 1 ", "1.0000001", [], ["a"], [1], [None], {}, {"a": 1}, "x\u0000y", "\u0000", "x" * 70,
    "x" * 40_000, "\ud83d\ude00" * 200, "KRW\n", "krw", "u1\n", "a b", "2026-02-30", "2026-02-30T00:00:00Z", "2026-03-02", "2026-03-02T00:00:00",
    "2026-03-02T24:00:00Z", "2026-03-02T23:59:60Z", "2026-03-02t00:00:00z", "2026-03-02 00:00:00Z", "2026-03-02T00:00Z", "0000-01-01T00:00:00Z",
    "0000-01-01", "0001-01-01", "0001-01-01T00:00:00+09:00", "1999-12-31T23:59:59Z", "2000-01-01T00:00:00Z", "9999-12-31T23:59:59-09:00",
    "2026-03-02T03:14:05.678901Z", "2026-03-02T03:14:05.678902Z", "2026-03-02T12:14:05.678902+09:00", "2026-03-02T00:00:00.1234567Z",
    "2026-03-02T00:00:00+24:00", "2026-03-02T00:00:00+09", "20260302T000000Z", "２０２６-03-02T00:00:00Z", "infinity", "now",
    float("nan"), float("inf"), "10.0000001", "1000000.0000001", "\u0663", "x\u0663", ["a", ""], ["a,", "]"],
)  # fmt: skip


def bent(payload: dict[str, Any], contract: Contract, random: Random) -> dict[str, Any]:
    """The same with something changed in one field; often that makes it wrong."""
    field = random.choice(contract.fields)
    changed = dict(payload)
    if random.random() < 0.15:
        changed.pop(field.name, None)
    elif random.random() < 0.1:
        changed[random.choice(["unknown", "drift_field", "Kim Min-su", "user\u005fid2", ""])] = random.choice(STRANGE_VALUES)
    elif random.random() < 0.1:
        changed[field.name] = "가" * ((field.max_length or MAX_TEXT) + random.randint(0, 1))
    else:
        changed[field.name] = random.choice(STRANGE_VALUES)
    return changed


def texts(payload: dict[str, Any], random: Random) -> Iterator[bytes]:
    """Ways of writing a payload, and of writing it wrongly."""
    plain = json.dumps(payload, ensure_ascii=random.random() < 0.5, separators=random.choice([(",", ":"), (", ", ": "), (" ,\n", "\t: ")]))
    text = plain.encode(errors="surrogatepass")
    yield text
    yield random.choice(
        [
            text[:-1] + b",}",
            text[:-1] + b" ,\n } ",
            text[:-1],
            text + text,
            text + b" x",
            b"[" + text + b"]",
            b"\xef\xbb\xbf" + text,
            b"  " + text + b"\r\n",
            text.replace(b"a", b"\xff", 1),
            text.replace(b"a", b"\\ud800", 1),
            text.replace(b"a", b"\\u0000", 1),
            text.replace(b"a", b"\\\\u0000", 1),
            text.replace(b'"user_id"', b'"user\\u005fid"', 1),
            text.replace(b"true", b"True", 1),
            text.replace(b'"', b"'"),
            text.replace(b"]", b" ,]"),
            b"",
            b"null",
            b'"text"',
            b"17",
            *(text[:-1] + b"," + more + b"}" for more in _MORE_MEMBERS),
        ]
    )


_MORE_MEMBERS = (
    b'"occurred_at":"2026-03-02T00:00:00Z"', b'"user_id":"u2"', b'"extra":NaN', b'"extra":-Infinity', b'"extra":[1,2,]', b'"extra":[1,2]',
    b'"extra":{"a":1,"a":2}', b'"extra":{"a":1,}', b'"extra":{"a":1}', b'"extra":1e400', b'"extra":1E5', b'"extra":01', b'"extra":1',
    b'"extra":"nan"', b'"extra":"a: inf, }"', b'"extra":1,"extra":2', b'"extra":true', b'"extra":null', b'"":""', b'"extra":"\\ud800"',
)  # fmt: skip
