"""Poison on the bus: each piece becomes a dead letter, the good records around it go on, and a fix brings in what can be."""

from collections.abc import Callable
from datetime import timedelta
from random import Random

import zstandard

from lakehouse.envelope import encode, pack
from tests.beam.conftest import Lake
from tests.replay.conftest import EXAM, NOW, exam, fix, lake, listed, replayed  # noqa: F401  (fixtures)


def bomb(size: int) -> bytes:
    """A frame of a few kB that does not say how much comes out of it."""
    squeeze = zstandard.ZstdCompressor().compressobj()
    return squeeze.compress(b"\0" * size) + squeeze.flush()


def liar(claims: int) -> bytes:
    """A frame whose head claims to be huge."""
    return b"\x28\xb5\x2f\xfd\xe0" + claims.to_bytes(8, "little") + b"\x01\x00\x00"


def bent(number: int, old: bytes, new: bytes) -> bytes:
    line = encode(exam(number))
    assert old in line
    return line.replace(old, new, 1)


def poison(random: Random) -> list[bytes]:
    """Messages of which every one is one dead letter of land."""
    good, deep = pack([encode(exam(9_000))])[0], b"[" * 100_000
    return [
        *(random.randbytes(random.choice([1, 3, 50, 5_000])).replace(b"\n", b"x") for _ in range(40)),
        *(zstandard.compress(random.randbytes(size).replace(b"\n", b"x")) for size in (1, 100, 100_000)),
        *(good[:cut] for cut in (5, len(good) // 2, len(good) - 1)),
        good + good,
        good + b"tail",
        bomb(300_000_000),
        liar(2**40),
        liar(2**63),
        b"\x28\xb5\x2f\xfd",
        deep,
        b'{"payload":' + deep,
        b'{"event_id":' + b'{"a":' * 50_000,
        b"null",
        b"17",
        b'"text"',
        b"\xff\xfe" * 50,
        b"A" * 3_000_000,
        bent(1, b'"org_id":7', b'"org_id":1e400'),
        bent(1, b'"org_id":7', b'"org_id":' + b"9" * 5_000),
        bent(1, b'"org_id":7', b'"org_id":NaN'),
        bent(1, b'"subject":"kim"', b'"subject":"\\ud800"'),
        bent(1, b'"subject":"kim"', b'"subject":"' + b"k" * 5_000 + b'"'),
        bent(1, b'"subject":"kim"', b'"subject":{"a":1}'),
        bent(1, b'"event_id":"exam-00001"', b'"event_id":"exam-00001\\n../../x"'),
        bent(1, b'"event_id":"exam-00001"', b'"event_id":null'),
        bent(1, b'"zone_id":"univprep"', b'"zone_id":"../../etc"'),
        bent(1, b'"contract":"exam.events"', b'"contract":"auth.login.events"'),
        bent(1, b'"contract":"exam.events"', b'"contract":"../../etc/passwd"'),
        bent(1, b'"received_at":"2026', b'"received_at":"9999'),
        bent(1, b'"received_at":"2026-03-02T16:30:00Z"', b'"received_at":"0001-01-01T00:00:00+14:00"'),
        bent(1, b'"received_at":"2026-03-02T16:30:00Z"', b'"received_at":1e300'),
    ]


def poisoned_payloads(number: int) -> list[bytes]:
    """Envelopes that land takes, with payloads that refine must refuse."""
    line, payload = encode(exam(number)), bytes(exam(number).payload)
    inside = [
        b"[" * 400 + b"]" * 400,
        b'"text"',
        b"[]",
        payload[:-1] + b',"event_type":"attempt_started"}',
        payload.replace(b'"kim"', b'"ki\\u0000m"'),
        payload.replace(b"50.0", b"1e400"),
        payload.replace(b"1000", b"1" * 5_000),
        payload.replace(b'"e-1"', b'"' + b"e" * 2_000_000 + b'"'),
        payload.replace(b'"kim"', b'"somebody-else"'),
    ]
    return [line.replace(payload, bad).replace(b"exam-%05d" % number, b"poison-%05d" % at) for at, bad in enumerate(inside)]


def test_each_piece_becomes_a_dead_letter_and_the_good_ones_survive(lake: Lake, fix: Callable, fault) -> None:  # noqa: F811
    random = Random(11)
    good = [exam(n, user=f"student-{n % 7}", received_at=NOW - timedelta(minutes=n)) for n in range(10, 210)]
    messages, lines = [], [encode(e) for e in good]
    messages += poison(random)
    bad_payloads = poisoned_payloads(1)
    of_tomorrow = [encode(exam(500 + n)).replace(b'"univprep"', b'"busanprep"') for n in range(5)]
    mixed = [*lines, *bad_payloads, *of_tomorrow]
    random.shuffle(mixed)
    messages += [message for at in range(0, len(mixed), 10) for message in pack(mixed[at : at + 10])]
    random.shuffle(messages)
    lake.publish(EXAM, messages)
    landed, refined = lake.land()[EXAM], lake.refine()[EXAM]
    assert landed == {
        "messages": len(messages),
        "landed": len(good) + len(bad_payloads),
        "forgotten": 0,
        "unreadable": len(poison(Random(11))) + 5,
    }
    assert refined["valid"] == len(good) and refined["rejected"] == len(bad_payloads)
    assert [row["event_id"] for row in lake.clean(EXAM)] == sorted(e.event_id for e in good)
    letters = listed("--limit", "1000")
    assert len(letters) == len(poison(Random(11))) + 5 + len(bad_payloads), "every piece is one letter, and none is missing"

    new_zone = "zones:\n  - {zone_id: busanprep, zone_name: BusanPrepAI.com, site_host: busanprepai.com}\n"
    fix("reference/zones.yaml", "zones:\n", new_zone)
    again = replayed("--errors")[EXAM]
    assert (again["replayed"], again["still_failing"]) == (5, len(letters) - 5)
    there = [row["event_id"] for row in lake.clean(EXAM)]
    sent = {e.event_id for e in good} | {f"exam-{500 + n:05d}" for n in range(5)}
    fault("poison messages", rounds=1, sent=len(sent) + len(letters) - 5, lost=len(sent - set(there)), doubled=len(there) - len(set(there)))


def test_one_poisoned_message_at_a_time(lake: Lake, root) -> None:  # noqa: F811
    """Alone in its batch, none of them stops land; so none can hide behind another."""
    for number, message in enumerate(poison(Random(3))[40:]):
        lake.publish(EXAM, [message, encode(exam(2_000 + number))])
    lake.land()
    lake.refine()
    assert len(lake.clean(EXAM)) == len(poison(Random(3))[40:])
