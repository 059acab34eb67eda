"""Whatever is sent to the front door: an answer of our shape, no 5xx, and on the bus exactly what was accepted.

    case ─▶ the real application, in process ─▶ answer ─▶ shape, verdicts, accepted + rejected = sent
                            └─▶ bus ─▶ read back ─▶ the same events, token by token, each once

Python's own json reads what was sent, as a second opinion. A failure names the case: `fuzzing.case(Random("seed:number"))`
makes it again.
"""

import asyncio
import json
import secrets
import zlib
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collectors.events.app import create_app
from lakehouse import envelope
from lakehouse.contracts import registry
from lakehouse.settings import settings as own_settings
from lakehouse.storage.local import LocalBus
from lakehouse.verdicts import CODES
from tests.faults import fuzzing
from tests.faults.fuzzing import Case

CASES_A_ROUND = 2_000
AT_ONCE = 50
STATUSES = {202, 207, 400, 405, 413, 415, 421}
Event = tuple[str | None, str, str | None, str, int]


def no_number(text: str) -> float:
    raise ValueError(f"{text} is no JSON")


def read(text: bytes) -> object:
    """JSON with its numbers as they are written, and its objects as pairs in their order: what 'exactly as sent' means."""
    return json.loads(text.decode(), object_pairs_hook=Pairs, parse_int=str, parse_float=str, parse_constant=no_number)


class Pairs(list):
    """An object's members."""

    def get(self, name: str) -> object:
        return next((value for key, value in self if key == name), None)


def told(zone_id: str, event_id: object, contract: object, org_id: object, payload: object) -> Event:
    return event_id, contract, org_id, zone_id, hash(repr(payload))


class FrontDoor:
    """The application, its bus, and what it said that it accepted."""

    def __init__(self, home: Path) -> None:
        self.app = create_app(own_settings())
        self.accepted: Counter[Event] = Counter()
        self.sent = 0
        self._bus = LocalBus(home / "bus")

    @asynccontextmanager
    async def open(self):
        asked, answers = asyncio.Queue(), asyncio.Queue()
        served = asyncio.create_task(self.app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, asked.get, answers.put))
        await asked.put({"type": "lifespan.startup"})
        assert (await answers.get())["type"] == "lifespan.startup.complete"
        yield
        await asked.put({"type": "lifespan.shutdown"})
        assert (await answers.get())["type"] == "lifespan.shutdown.complete"
        await served
        self._bus.close()

    async def ask(self, case: Case) -> None:
        """Raises AssertionError."""
        coming = [{"type": "http.request", "body": piece, "more_body": True} for piece in case.pieces]
        coming[-1] = {"type": "http.disconnect"} if case.leaves_early else coming[-1] | {"more_body": False}
        said: list[dict] = []

        async def receive() -> dict:
            return coming.pop(0) if coming else {"type": "http.disconnect"}

        async def send(message: dict) -> None:
            said.append(message)

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": case.method,
            "path": case.path,
            "root_path": "",
        }
        raw_path = case.path.encode("utf-8", "surrogatepass")
        await self.app(scope | {"raw_path": raw_path, "query_string": b"", "headers": case.headers, "state": {}}, receive, send)
        assert [m["type"] for m in said[:2]] == ["http.response.start", "http.response.body"]
        body = b"".join(m.get("body", b"") for m in said[1:])
        headers = dict(said[0]["headers"])
        if case.method == "OPTIONS" and said[0]["status"] == 204:
            assert body == b""  # a preflight
            return
        assert headers.get(b"content-length", b"0") == b"%d" % len(body)  # a 204 has none
        self._judge(case, said[0]["status"], headers, body)

    def _judge(self, case: Case, status: int, headers: dict[bytes, bytes], body: bytes) -> None:
        if case.path != "/v1/events":
            assert status in (200, 404, 405, 307), status
            if status >= 400:
                assert set(json.loads(body)) == {"code", "message"}
            return
        if case.method == "OPTIONS" and status == 204:
            assert not body
            return
        assert status in STATUSES, (status, body)
        assert headers[b"content-type"] == b"application/json"
        answer = json.loads(body)
        if "code" in answer:
            assert status >= 400 and {"code", "message"} <= set(answer) <= {"code", "message", "position"}
            assert not case.is_good and case.good_but is None, answer
            return
        events = self._events(case)
        results = answer.get("results") or [{"status": "accepted"}] * answer["accepted"]
        assert answer["accepted"] + answer["rejected"] == len(results) == len(events)
        rejected = {at for at, result in enumerate(results) if result["status"] == "rejected"}
        assert len(rejected) == answer["rejected"]
        assert status == (202 if not rejected else 400 if len(rejected) == len(events) else 207)
        assert [r["index"] for r in results] == list(range(len(events))) if rejected else "results" not in answer
        assert all(
            set(r) == {"index", "event_id", "status", "code", "field"} and r["code"] in CODES for r in results if r["status"] == "rejected"
        )
        assert not (case.is_good and rejected) and (case.good_but is None or rejected == {case.good_but}), answer
        self.sent += len(events)
        zone_id = registry().zone_of_host(dict(case.headers)[b"host"].decode("latin-1"))
        for at, event in enumerate(events):
            if at not in rejected:
                assert all(len(dict(members)) == len(members) for members in (event, event.get("payload"))), "accepted a name twice"
                self.accepted[told(zone_id, *(event.get(n) for n in ("event_id", "contract", "org_id", "payload")))] += 1

    def _events(self, case: Case) -> list:
        body = case.body
        if dict(case.headers).get(b"content-encoding", b"").strip().lower() == b"gzip":
            pieces = []
            while body:
                member = zlib.decompressobj(31)
                pieces.append(member.decompress(body))
                body = member.unused_data
            body = b"".join(pieces)
        whole = read(body)
        return whole if type(whole) is list else [whole]

    def kept(self) -> Counter[Event]:
        """What came onto the bus since the last time."""
        found: Counter[Event] = Counter()
        for contract in registry().layer("stream"):
            while messages := self._bus.pull(contract.topic, "fuzz", 1_000, 0):
                for e in (e for m in messages for e in envelope.read(m.data)):
                    org_id = None if e.org_id is None else str(e.org_id)
                    found[told(e.zone_id, e.event_id, e.contract, org_id, read(bytes(e.payload)))] += 1
                self._bus.ack(contract.topic, "fuzz", messages)
            self._bus.trim(contract.topic)
        return found


async def attempt(door: FrontDoor, name: str) -> None:
    case = fuzzing.case(Random(name))
    try:
        await door.ask(case)
    except Exception as error:
        # The case is lost to nobody: the failure says how to make it again.
        raise AssertionError(
            f'fuzzing.case(Random("{name}")), {case.what}: {case.method} {case.path} {case.headers} {case.body[:300]!r}'
        ) from error


def test_a_hundred_thousand_bent_requests(home: Path, fault: Callable[..., None], rounds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEHOUSE_COLLECTOR_LINGER_MS", "1")
    own_settings.cache_clear()
    seed = secrets.randbits(32)
    lost, doubled, door = 0, 0, FrontDoor(home)

    async def strike() -> None:
        nonlocal lost, doubled
        async with door.open():
            for first in range(0, rounds * CASES_A_ROUND, CASES_A_ROUND):
                for start in range(first, first + CASES_A_ROUND, AT_ONCE):
                    await asyncio.gather(*(attempt(door, f"{seed}:{n}") for n in range(start, start + AT_ONCE)))
                kept = door.kept()
                missing, beyond = door.accepted - kept, kept - door.accepted
                assert not missing and not beyond, f"seed {seed}, cases {first} to {first + CASES_A_ROUND}: {missing} {beyond}"
                lost, doubled = lost + missing.total(), doubled + beyond.total()
                door.accepted.clear()
            await door.ask(fuzzing.good(Random(f"{seed}:alive")))
            assert door.kept() == door.accepted

    asyncio.run(strike())
    fault("a bent request at the front door", rounds=rounds * CASES_A_ROUND, sent=door.sent, lost=lost, doubled=doubled)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(fuzzing.STRANGE_VALUES),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
NAMES = sorted({f.name for c in registry().layer("stream") for f in c.fields})
CHANGES = st.tuples(
    st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=8), JSON, max_size=3), st.dictionaries(st.text(max_size=8), JSON, max_size=1)
)
BATCHES = st.lists(CHANGES, min_size=1, max_size=6)


def bent(changes: Iterable[tuple[dict, dict]], seed: int) -> bytes:
    random = Random(seed)
    events = []
    for inner, outer in changes:
        event = fuzzing.event(random)
        events.append(event | {"payload": event["payload"] | inner} | outer)
    return fuzzing.written(events, random)


def test_hypothesis_finds_no_event_that_breaks_the_door(home: Path, fault: Callable[..., None], rounds: int) -> None:
    door = FrontDoor(home)
    examples = 40 * rounds

    with asyncio.Runner() as runner:
        opened = door.open()
        runner.run(opened.__aenter__())

        @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(changes=BATCHES, seed=st.integers(0, 2**32))
        def strike(changes: list[tuple[dict, dict]], seed: int) -> None:
            runner.run(door.ask(Case([bent(changes, seed)], "hypothesis")))
            kept, accepted = door.kept(), Counter(door.accepted)
            door.accepted.clear()
            assert kept == accepted

        strike()
        runner.run(opened.__aexit__(None, None, None))
    fault("an event made up by hypothesis", rounds=examples, sent=door.sent, lost=0, doubled=0)
