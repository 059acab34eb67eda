"""Requests that nobody should send: good events, then bent by one of many mutators. Everything follows from a seed.

Random(seed) ─▶ events ─▶ a body ─▶ mutator ─▶ Case(headers, pieces of the body, …)
"""

import gzip
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from tests.beam.payloads import STRANGE_VALUES, WORDS
from tests.collectors import sample_events

MOST_EVENTS = 1_000
LITERALS = (
    *(b"NaN -Infinity Infinity -0 -0.0 1e999 -1e999 1e-400 1E5 01 +1 .5 1. 0x10 1_000 null true True [] {} [[]] '' undefined".split()),
    *(
        b"9" * 400,
        b"1" + b"0" * 30 + b".5",
        b"-" + b"9" * 20,
        b"0." + b"1" * 300,
        b"[" * 300 + b"]" * 300,
        b'{"a":' * 300 + b"1" + b"}" * 300,
    ),
    *(
        b'"\\ud800"',
        b'"\\udc00\\ud800"',
        b'"\\ud83d\\ude00"',
        b'"\\u0000"',
        b'"\\\\u0000"',
        b'"\x00"',
        b'"\x1f"',
        b'"\\x41"',
        b'"\\u12"',
        b'"\xff"',
    ),
    *(
        b'"\xed\xa0\x80"',
        b'"\xc0\x80"',
        b'"\xf4\x90\x80\x80"',
        b'"\xe2\x80\xa8"',
        b'"\xef\xbb\xbf"',
        b'"\xe2\x80\xae"',
        b'"a\\nb"',
        b'"' + b"x" * 5_000 + b'"',
    ),
    *(b'"":1', b'"a":1,"a":2', b'{"a":1,"a":2}', b'"\\":\\""', b'":"', b"/*x*/1", b"1//x", b"\x00", b"\xef\xbb\xbf", b"\xc2\xa0"),
)
HOSTS = (
    b"univprepai.com",
    b"WWW.My-Ktube.ai:443",
    b"example.org",
    b"",
    b"[::1]:80",
    b"univprepai.com:1:2",
    b"\xff\xfe",
    b"a" * 3_000,
    b"univprepai.com.",
)
KINDS = (
    b"application/json",
    b"application/json; charset=utf-8",
    b"APPLICATION/JSON",
    b"text/plain",
    b"",
    b"application/json,text/html",
    b"\xff/\xff",
)
CODINGS = (b"gzip", b"GZIP ", b"identity", b"", b"br", b"deflate", b"gzip, gzip", b"\x00", b"x" * 2_000)
LENGTHS = (b"0", b"5", b"-1", b"abc", b"9" * 40, b"\xd9\xa3", b"1e3", b"+7", b" 12 ", b"0x10", b"6000000")
PATHS = (
    "/v1/events/",
    "/v1/event",
    "/",
    "//v1/events",
    "/v1/contracts/exam.events",
    "/v1/contracts/\ud7ff",
    "/v1/contracts",
    "/healthz",
    "/docs/x",
)
METHODS = ("GET", "PUT", "DELETE", "OPTIONS", "PATCH", "HEAD", "TRACE", "post", "FOO")


@dataclass
class Case:
    """One request. `is_good`: nothing about it is wrong, so that every event has to be accepted."""

    pieces: list[bytes]
    what: str
    headers: list[tuple[bytes, bytes]] = field(
        default_factory=lambda: [(b"host", b"univprepai.com"), (b"content-type", b"application/json")]
    )
    method: str = "POST"
    path: str = "/v1/events"
    leaves_early: bool = False
    is_good: bool = False
    good_but: int | None = None

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    def with_header(self, name: bytes, value: bytes, random: Random) -> "Case":
        """In place of the one that is there, or beside it."""
        kept = [h for h in self.headers if h[0] != name or random.random() < 0.2]
        kept.insert(random.randrange(len(kept) + 1), (name, value))
        self.headers = kept
        return self


def case(random: Random) -> Case:
    made = random.choices(list(MUTATORS), weights=list(MUTATORS.values()))[0](random)
    if random.random() < 0.15 and made.body:
        made.pieces = _torn(made.body, random)
        if random.random() < 0.3 and len(made.pieces) > 1:
            made.leaves_early, made.is_good, made.good_but = True, False, None
    return made


def event(random: Random) -> dict:
    one = random.choice((sample_events.started, sample_events.login, sample_events.ai))()
    one["event_id"] = f"fuzz-{random.getrandbits(96):024x}"
    if random.random() < 0.3:
        one["org_id"] = None
    if one["contract"] == "exam.events" and random.random() < 0.3:
        one["payload"]["answer_text"] = random.choice(WORDS)
    if one["contract"] == "exam.events" and random.random() < 0.2:
        one["payload"]["unheard_of"] = {"a": [1, {"b": random.choice(WORDS)}]}
    return one


def written(events: object, random: Random) -> bytes:
    """As one of the many ways to write JSON."""
    text = json.dumps(
        events,
        ensure_ascii=random.random() < 0.5,
        indent=random.choice((None, None, 1)),
        separators=random.choice(((",", ":"), None, (" , ", " : "))),
    )
    return text.encode("utf-8", "surrogatepass")


def _some(random: Random) -> list[dict]:
    most = random.choices((1, 5, 60, MOST_EVENTS), weights=(50, 40, 9, 0.2))[0]
    return [event(random) for _ in range(random.randint(1, most) if most < MOST_EVENTS else most)]


def good(random: Random) -> Case:
    events = _some(random)
    return Case([written(events if len(events) > 1 or random.random() < 0.5 else events[0], random)], "good", is_good=True)


def one_bad_among_good(random: Random) -> Case:
    events = _some(random)
    at = random.randrange(len(events))
    events[at]["payload"][random.choice(("occurred_at", "user_id"))] = random.choice((7, True, [], {}, "", "x\n"))
    return Case([written(events, random)], "one bad among good", good_but=at)


def strange_value(random: Random) -> Case:
    events = _some(random)
    place = random.choice(events)
    inner = place["payload"] if random.random() < 0.8 else place
    inner[random.choice([*inner, "unheard_of", ""])] = random.choice(STRANGE_VALUES)
    return Case([written(events, random)], "a strange value")


def strange_literal(random: Random) -> Case:
    """A token of the text replaced by what is no JSON, or hardly."""
    body = written(_some(random), random)
    marks = [at for at in range(len(body)) if body[at : at + 1] in b':,[{"'] if len(body) < 20_000 else [random.randrange(len(body))]
    at = random.choice(marks) + 1
    end = at if random.random() < 0.3 else min(len(body), at + random.randint(1, 20))
    return Case([body[:at] + random.choice(LITERALS) + body[end:]], "a strange literal")


def bytes_changed(random: Random) -> Case:
    body = bytearray(written(_some(random), random))
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(body) + 1)
        match random.randrange(5):
            case 0 if at < len(body):
                body[at] ^= 1 << random.randrange(8)
            case 1:
                del body[at : at + random.randint(1, 9)]
            case 2:
                body[at:at] = random.randbytes(random.randint(1, 9))
            case 3:
                end = at + random.randint(1, 40)
                body[at:at] = body[at:end]
            case _:
                del body[at:]
    return Case([bytes(body)], "bytes changed")


def name_repeated(random: Random) -> Case:
    """The same name twice in an object, perhaps spelt in another way."""
    events = _some(random)
    names = [*events[0], *events[0]["payload"]]
    name = random.choice(names)
    spelt = random.choice((name, name, f"\\u{ord(name[0]):04x}{name[1:]}"))
    body = json.dumps(events).encode()
    return Case([body.replace(f'"{name}"'.encode(), f'"{spelt}": null, "{name}"'.encode(), random.choice((1, -1)))], "a name twice")


def noise(random: Random) -> Case:
    body = random.choice(
        (
            random.randbytes(random.randrange(200)),
            b"[" * random.randrange(2_000),
            b'{"a":' * random.randrange(2_000),
            b" " * random.randrange(3_000),
        )
    )
    return Case([body], "noise")


def other_unicode(random: Random) -> Case:
    text = json.dumps(_some(random), ensure_ascii=False).encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    return Case([text.encode(random.choice(("utf-16", "utf-32", "utf-8-sig", "cp1252")), "replace")], "another encoding of text")


def squeezed(random: Random) -> Case:
    body = written(_some(random), random)
    packed = gzip.compress(body, 1)
    bombs = random.random() < 0.002
    made = random.choice(
        (
            packed,
            packed[: random.randrange(len(packed) + 1)],
            packed + random.randbytes(5),
            packed + gzip.compress(b" "),
            zlib.compress(body),
            gzip.compress(packed),
            body,
            b"",
            gzip.compress(b" " * 30_000_000, 1) if bombs else gzip.compress(b""),
        )
    )
    return Case([made], "gzip").with_header(b"content-encoding", b"gzip", random)


def other_headers(random: Random) -> Case:
    made = Case([written(_some(random), random)], "other headers")
    for name, values in ((b"host", HOSTS), (b"content-type", KINDS), (b"content-encoding", CODINGS), (b"content-length", LENGTHS)):
        if random.random() < 0.4:
            made.with_header(name, random.choice(values), random)
    if random.random() < 0.3:
        made.with_header(b"sent-at", random.choice(SENT_AT), random)
    if random.random() < 0.1:
        made.headers += [(b"x-" + random.randbytes(4), random.randbytes(40)) for _ in range(50)]
    return made


SENT_AT = (
    b"2026-11-25T00:00:00Z",
    b"0",
    b"-1",
    b"9" * 30,
    b"",
    b"now",
    b"\xff",
    b"1764000000000",
    b"NaN",
    b"9999-12-31T23:59:59-23:59",
    b"0001-01-01T00:00:00+23:59",
)


def other_route(random: Random) -> Case:
    made = Case([written(_some(random), random)], "another route")
    if random.random() < 0.5:
        made.method = random.choice(METHODS)
    if random.random() < 0.6 or made.method == "POST":
        made.path = random.choice(PATHS)
    return made


def nothing(random: Random) -> Case:
    return Case([b"" for _ in range(random.randint(1, 3))], "nothing", leaves_early=random.random() < 0.5)


MUTATORS: dict[Callable[[Random], Case], float] = {
    good: 10,
    one_bad_among_good: 12,
    strange_value: 14,
    strange_literal: 14,
    bytes_changed: 16,
    name_repeated: 8,
    noise: 5,
    other_unicode: 3,
    squeezed: 7,
    other_headers: 8,
    other_route: 2,
    nothing: 1,
}


def _torn(body: bytes, random: Random) -> list[bytes]:
    """In pieces, some of them empty."""
    cuts = sorted(random.randrange(len(body) + 1) for _ in range(random.randint(1, 5)))
    return [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)])]
