"""What only a socket can do to the front door: torn, slow, pipelined, smuggled and endless requests, to a served process.

Each answer is JSON of our shape and no 5xx, the server is alive afterwards, and what it accepted is on the bus once.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from tests.collectors.conftest import Running, arrived
from tests.faults import fuzzing

CASES_A_ROUND = 100
AT_ONCE = 100
WITHIN_S = 1.5  # a hundred connections at once on a busy machine have to get their requests through in it
STATUSES = {202, 207, 400, 404, 405, 408, 413, 415, 421, 431}


@dataclass
class Wire:
    """Bytes to send, with pauses between. `ids`: those of each whole request in its turn. `is_sure`: all are answered."""

    pieces: list[bytes]
    ids: list[list[str]] = field(default_factory=list)
    is_sure: bool = False
    pause_s: float = 0.0
    hangs_up: bool = False


def request(random: Random, *headers: bytes, length: int | None = None, close: bool = True) -> tuple[bytes, bytes, list[str]]:
    events = [fuzzing.event(random) for _ in range(random.choice((1, 1, 3, 40)))]
    body = json.dumps(events).encode()
    lines = [b"POST /v1/events HTTP/1.1", b"Host: univprepai.com", b"Content-Type: application/json", *headers]
    if length != -1:
        lines.append(b"Content-Length: %d" % (len(body) if length is None else length))
    if close:
        lines.append(b"Connection: close")
    return b"\r\n".join(lines) + b"\r\n\r\n", body, [e["event_id"] for e in events]


def good(random: Random) -> Wire:
    head, body, ids = request(random)
    whole = head + body
    cuts = sorted(random.randrange(len(whole)) for _ in range(random.randrange(4)))
    return Wire([whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)])], [ids], True, 0.01)


def torn(random: Random) -> Wire:
    head, body, _ = request(random)
    return Wire([(head + body)[: random.randrange(len(head + body))]], hangs_up=random.random() < 0.5)


def chunked(random: Random) -> Wire:
    head, body, ids = request(random, b"Transfer-Encoding: chunked", length=-1)
    cuts = sorted({0, len(body), *(random.randrange(len(body)) for _ in range(5))})
    parts = [b"%x%b\r\n%b\r\n" % (b - a, random.choice((b"", b";x=1", b";" + b"y" * 900)), body[a:b]) for a, b in pairwise(cuts)]
    end = random.choice((b"0\r\n\r\n", b"0\r\nTrailer: 1\r\n\r\n"))
    return Wire([head, *parts, end], [ids], True)


def badly_chunked(random: Random) -> Wire:
    head, body, _ = request(random, b"Transfer-Encoding: chunked", length=-1)
    size = random.choice((b"-5", b"ffffffffffffffff1", b"g", b"", b"0x10", b"%x" % (len(body) + 100), b"5 5", b"\x00"))
    return Wire([head, size + b"\r\n" + body + b"\r\n0\r\n\r\n"])


def wrong_length(random: Random) -> Wire:
    head, body, _ = request(random, length=random.choice((0, 1, 50, 10_000_000, 2**63, 10**30)), close=random.random() < 0.7)
    return Wire([head + body])


def pipelined(random: Random) -> Wire:
    count = random.randint(2, 30)
    made = [request(random, close=n == count - 1) for n in range(count)]
    return Wire([b"".join(head + body for head, body, _ in made)], [ids for _, _, ids in made], True)


def far_ahead(random: Random) -> Wire:
    return Wire([b"GET /healthz HTTP/1.1\r\nHost: univprepai.com\r\n\r\n" * 3_000])


def huge_head(random: Random) -> Wire:
    what = random.randrange(3)
    start = b"POST /v1/events HTTP/1.1\r\nHost: univprepai.com\r\n"
    if what == 0:
        return Wire([start + b"X: " + b"a" * 400_000])
    if what == 1:
        return Wire([start, *(b"X-%d: 1\r\n" % n * 10 for n in range(2_000))])
    return Wire([b"GET /" + b"a" * 400_000])


def odd(random: Random) -> Wire:
    """What is hardly HTTP, or means two things at once."""
    head, body, _ = request(random)
    line, _, rest = head.partition(b"\r\n")
    return Wire(
        [
            random.choice(
                (
                    line + b"\r\nTransfer-Encoding: chunked\r\n" + rest + body,
                    line + b"\r\nContent-Length: 3\r\n" + rest + body,
                    line + b"\r\n folded: 1\r\n" + rest + body,
                    line.replace(b"1.1", b"1.0") + b"\r\n" + rest + body,
                    line.replace(b"1.1", b"9.9") + b"\r\n" + rest + body,
                    line.replace(b"POST", random.choice((b"post", b"P\x00ST", b"CONNECT", b"QUERY", b"OPTIONS"))) + b"\r\n" + rest + body,
                    line.replace(
                        b"/v1/events", random.choice((b"*", b"http://univprepai.com/v1/events", b"/\xff", b"/%zz%00", b"//", b"/..%2f"))
                    )
                    + b"\r\n"
                    + rest
                    + body,
                    head.replace(b"\r\n", b"\n") + body,
                    line + b"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" + rest + body,
                    line + b"\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n" + rest + body,
                    line + b"\r\nX: \x00\r\n" + rest + body,
                    line + b"\r\n: none\r\n" + rest + body,
                    line + b"\r\nHost: example.org\r\n" + rest + body,
                    line + b"\r\nExpect: 100-continue\r\n" + rest + body,
                    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + random.randbytes(200),
                    random.randbytes(random.randrange(1, 300)),
                    b"\r\n\r\n\r\n" + head + body,
                )
            )
        ]
    )


def slow(random: Random) -> Wire:
    """A byte now and then, for longer than anybody waits."""
    head, body, _ = request(random)
    whole = head + body
    return Wire([whole[n : n + 1] for n in range(12)], pause_s=WITHIN_S / 4)


KINDS = {good: 20, torn: 12, chunked: 14, badly_chunked: 8, wrong_length: 8, pipelined: 12, far_ahead: 1, huge_head: 3, odd: 20, slow: 2}


async def talk(running: Running, wire: Wire) -> list[tuple[int, dict]]:
    """Send, and read all answers until the server closes. Raises AssertionError where it never does."""
    port = int(running.address.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)

    async def send() -> None:
        try:
            for piece in wire.pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(wire.pause_s)
            if wire.hangs_up:
                writer.close()
        except ConnectionError:
            pass  # the server closed first, as it may; what it answered is judged

    sending = asyncio.create_task(send())
    try:
        said = await asyncio.wait_for(reader.read(-1), 20)
    except ConnectionError:
        said = b""
    await sending
    writer.close()
    return answers(said)


def answers(said: bytes) -> list[tuple[int, dict]]:
    found = []
    while said:
        head, _, rest = said.partition(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        if status not in (100, 204):  # 204 answers a preflight, which has nothing to say
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            assert b"content-type: application/json" in head.lower(), head
            if len(rest) >= length:  # less: the connection was cut in mid-answer, which is no answer
                found.append((status, json.loads(rest[:length])))
            rest = rest[length:]
        said = rest
    return found


async def strike(running: Running, seed: int, first: int, accepted: Counter[str]) -> int:
    async def one(number: int) -> int:
        random = Random(f"{seed}:{number}")
        kind = random.choices(list(KINDS), weights=list(KINDS.values()))[0]
        wire = kind(random)
        try:
            told = await talk(running, wire)
            for status, answer in told:
                assert status in STATUSES or answer == {"status": "alive"}, (status, answer)
                assert answer == {"status": "alive"} or {"code", "message"} <= set(answer) or {"accepted", "rejected"} <= set(answer), (
                    answer
                )
            if wire.is_sure:
                assert [(status, answer["accepted"]) for status, answer in told] == [(202, len(ids)) for ids in wire.ids]
                accepted.update(event_id for ids in wire.ids for event_id in ids)
        except Exception as error:
            # Nothing is lost but this case, and the failure says how to make it again.
            raise AssertionError(f'Random("{seed}:{number}"): {kind.__name__}: {b"".join(wire.pieces)[:300]!r}') from error
        return sum(map(len, wire.ids))

    sent = 0
    for start in range(first, first + CASES_A_ROUND, AT_ONCE):
        sent += sum(await asyncio.gather(*map(one, range(start, start + AT_ONCE))))
    return sent


@pytest.fixture
def running(home: Path) -> Running:
    one = Running(home, collector_request_seconds=WITHIN_S, log_strict="false")
    yield one
    one.client.close()
    if one.process.poll() is None:
        one.kill()


def test_torn_slow_and_smuggled_requests(running: Running, home: Path, fault: Callable[..., None], rounds: int) -> None:
    seed, accepted, sent = Random().getrandbits(32), Counter(), 0
    for number in range(rounds):
        sent += asyncio.run(strike(running, seed, number * CASES_A_ROUND, accepted))
        assert running.client.get("/healthz").json() == {"status": "alive"}
    assert running.stop() == 0
    log = running.errors.read_text()
    assert "collect_failed" not in log and "Traceback" not in log, log[-3_000:]
    there = arrived(home)
    lost, doubled = accepted - there, +Counter({event_id: times - 1 for event_id, times in there.items()})
    assert not lost and not doubled, (seed, lost, doubled)
    fault("a torn, slow or smuggled request", rounds=rounds * CASES_A_ROUND, sent=sent, lost=lost.total(), doubled=doubled.total())
