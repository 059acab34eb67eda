"""Who comes in at a real collector, in what measure, and what everybody else is told."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sample_events import login, started, text

from lakehouse.access.caller import RateLimit, Scope
from lakehouse.access.keys import Key, KeyStore
from lakehouse.access.open import open_keys
from lakehouse.settings import Settings
from tests.collectors.conftest import Running, arrived

sys.path.append(str(Path(__file__).parent.parent / "access"))
from token_issuer import AUDIENCE, Issuer

WIDE = RateLimit(1e6, 1e9, 10)


class Keys:
    """The keys of one home, made in one line."""

    def __init__(self, home: Path) -> None:
        self.store: KeyStore = open_keys(Settings(home=home))

    def __call__(self, *scopes: str, zones=("univprep",), orgs=(17,), limit: RateLimit = WIDE) -> str:
        now = datetime.now(UTC)
        bound = [None if b is None else frozenset(b) for b in (zones, orgs)]
        may = frozenset(map(Scope, scopes or ("events:write",)))
        return "Bearer " + self.store.create(Key("", "test", may, *bound, limit, now, now + timedelta(hours=1)))

    def revoke(self, shown: str) -> None:
        self.store.revoke(shown.removeprefix("Bearer "), datetime.now(UTC))


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    one = Issuer()
    yield one
    one.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, issuer: Issuer) -> Iterator[Running]:
    collector = Running(
        tmp_path_factory.mktemp("home"),
        access="on",
        access_cache_seconds=0.3,
        oidc_issuer=issuer.url,
        oidc_audience=AUDIENCE,
        collector_trusted_proxies="127.0.0.1",
    )
    yield collector
    log = collector.errors.read_text()
    assert collector.stop() == 0
    assert "collect_failed" not in log, log


@pytest.fixture(scope="module")
def keys(running: Running) -> Keys:
    return Keys(running.home)


def test_who_shows_nothing_good_stays_outside(running: Running, keys: Keys) -> None:
    for shown, code in ((None, "no_credentials"), ("Bearer mck_0_0", "bad_credentials"), ("Basic eDp5", "bad_credentials")):
        answer = running.post(text(event := started()), **({"authorization": shown} if shown else {}))
        assert (answer.status_code, answer.json()["code"]) == (401, code)
        assert answer.headers["www-authenticate"].startswith('Bearer realm="megacity"')
        assert event["event_id"] not in arrived(running.home)
    assert running.post(text(started()), authorization=keys()).status_code == 202


def test_a_large_body_of_a_stranger_is_not_waited_for(running: Running) -> None:
    answer = running.client.post("/v1/events", content=b" " * 4_000_000)
    assert answer.status_code == 401
    assert running.client.get("/healthz").status_code == 200  # the connection goes on


@pytest.mark.parametrize(
    ("made", "told"),
    [
        ({"scopes": ("live:read", "media:write")}, "the scope events:write is lacking"),
        ({"zones": ("kzone",)}, "other zones"),
        ({"zones": ()}, "other zones"),
    ],
)
def test_a_key_for_something_else_is_forbidden(running: Running, keys: Keys, made: dict, told: str) -> None:
    answer = running.post(text(started()), authorization=keys(*made.pop("scopes", ()), **made))
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert told in answer.json()["message"]
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]


def test_every_event_must_be_of_the_keys_tenants(running: Running, keys: Keys) -> None:
    ours, theirs, nobodys = login(), started() | {"org_id": 18}, started() | {"org_id": None}
    bad = started(score="high") | {"org_id": 18}
    answer = running.post(text(ours, theirs, nobodys, bad), authorization=keys())
    assert answer.status_code == 207
    assert [(r["status"], r.get("code"), r.get("field")) for r in answer.json()["results"]] == [
        ("accepted", None, None),
        ("rejected", "forbidden_org", "org_id"),
        ("rejected", "forbidden_org", "org_id"),
        ("rejected", "wrong_type", "score"),
    ]
    there = arrived(running.home)
    assert ours["event_id"] in there and theirs["event_id"] not in there and nobodys["event_id"] not in there
    assert running.post(json.dumps(theirs).encode(), authorization=keys()).status_code == 400
    assert running.post(text(ours, theirs, nobodys), authorization=keys(orgs=None)).status_code == 202
    assert running.post(text(ours, theirs), authorization=keys(orgs=(17, 18, 19))).status_code == 202
    assert running.post(text(ours), authorization=keys(orgs=())).status_code == 400


def test_the_tenant_that_counts_is_the_one_that_is_kept(running: Running, keys: Keys) -> None:
    """A name twice: another reader of JSON would see another tenant."""
    event = json.dumps(started()).encode()
    for twice in (b'"org_id": 17, "org_id": 18', b'"org_id": 18, "org_id": 17', b'"org_id": 18, "org\\u005fid": 17'):
        answer = running.post(event.replace(b'"org_id": 17', twice), authorization=keys())
        assert (answer.status_code, answer.json()["results"][0]["code"]) == (400, "malformed_json")


def test_a_revoked_key_is_refused_within_seconds(running: Running, keys: Keys) -> None:
    shown = keys()
    assert running.post(text(started()), authorization=shown).status_code == 202
    keys.revoke(shown)
    until = time.monotonic() + 10
    while running.post(text(started()), authorization=shown).status_code != 401:
        assert time.monotonic() < until
        time.sleep(0.1)


def test_a_token_comes_in_as_a_key_does(running: Running, issuer: Issuer) -> None:
    def send(token: str) -> int:
        return running.post(text(started()), authorization=f"Bearer {token}").status_code

    assert send(issuer.token()) == send(issuer.token("ec-1")) == 202
    assert send(issuer.token(orgs=[18])) == 400
    assert send(issuer.token(zones=["kzone"])) == send(issuer.token(scope="live:read")) == 403
    assert send(issuer.token(aud="another")) == send(issuer.token()[:-3]) == 401


def test_more_than_a_key_may_send_waits_its_turn(running: Running, keys: Keys) -> None:
    shown = keys(limit=RateLimit(events_per_s=20, bytes_per_s=1e6, burst_s=1))
    first, second = [started() for _ in range(20)], [started() for _ in range(20)]
    assert running.post(text(*first), authorization=shown).status_code == 202
    answer = running.post(text(*second), authorization=shown)
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (429, "rate_limited", "1")
    assert not {e["event_id"] for e in second} & set(arrived(running.home))  # refused is refused: nothing of it is kept
    time.sleep(int(answer.headers["retry-after"]))
    assert running.post(text(*second), authorization=shown).status_code == 202
    assert running.post(text(started()), authorization=keys()).status_code == 202  # another key has a bucket of its own
    tight = keys(limit=RateLimit(events_per_s=20, bytes_per_s=1e6, burst_s=1))
    many = running.post(text(*[started() for _ in range(21)]), authorization=tight)
    assert (many.status_code, many.json()["code"]) == (413, "too_large")
    assert "20 events" in many.json()["message"]


def test_bytes_count_as_they_weigh_decompressed(running: Running, keys: Keys) -> None:
    import gzip

    shown = keys(limit=RateLimit(events_per_s=1e6, bytes_per_s=1_000, burst_s=100))
    body = gzip.compress(text(started(padding="x" * 60_000)))
    assert len(body) < 1_000
    assert running.post(body, authorization=shown, content_encoding="gzip").status_code == 202
    answer = running.post(body, authorization=shown, content_encoding="gzip")
    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
    assert 15 <= int(answer.headers["retry-after"]) <= 22
    assert running.post(b" " * 45_000, authorization=shown).status_code == 429  # by its Content-Length, before it is read


def test_guessing_is_slow_and_does_not_shut_out_whom_we_know(running: Running, keys: Keys) -> None:
    shown = keys()

    def post(address: str, authorization: str) -> tuple[int, str]:
        answer = running.post(text(started()), authorization=authorization, x_forwarded_for=address)
        return answer.status_code, answer.json().get("code")

    assert post("203.0.113.9", shown)[0] == 202
    guesses = [post("203.0.113.9", f"Bearer mck_0_{n}") for n in range(40)]
    assert guesses[0] == (401, "bad_credentials") and guesses[-1] == (429, "too_many_failures")
    assert 20 <= guesses.count((401, "bad_credentials")) < 30
    refused = running.post(text(started()), authorization="Bearer mck_0_0", x_forwarded_for="203.0.113.9")
    assert 1 <= int(refused.headers["retry-after"]) <= 5
    time.sleep(0.5)  # the key is to be looked up again, and still is no guess
    assert post("203.0.113.9", shown)[0] == 202
    assert post("203.0.113.10", "Bearer mck_0_0")[0] == 401
    network = [post(f"2001:db8:1:2::{n:x}", "Bearer mck_0_0")[0] for n in range(40)]
    assert network[-1] == 429  # one subscriber's network is one address


def test_figures_name_the_reason_and_nobody(running: Running, keys: Keys) -> None:
    shown = keys("live:read")
    running.post(text(started()), authorization=shown, x_forwarded_for="203.0.113.77")
    running.post(text(started()), authorization="Bearer mck_0_0", x_forwarded_for="203.0.113.77")
    figures = running.client.get("/metrics").text
    assert 'requests_refused_total{code="forbidden"}' in figures and 'requests_refused_total{code="bad_credentials"}' in figures
    for secret in (shown.split("_")[1], shown[-20:], "203.0.113"):
        assert secret not in figures and secret not in running.errors.read_text()


def test_while_the_store_of_keys_is_away_strangers_come_again(running: Running, keys: Keys) -> None:
    known, stranger = keys(), keys()
    assert running.post(text(started()), authorization=known).status_code == 202

    def rename(*names: str) -> None:
        with keys.store._engine.begin() as db:
            db.execute(sa.text("ALTER TABLE {} RENAME TO {}".format(*names)))

    rename("access_key", "aside")
    time.sleep(0.4)
    assert running.post(text(started()), authorization=known).status_code == 202
    answer = running.post(text(started()), authorization=stranger)
    rename("aside", "access_key")
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "access_away", "5")
    assert running.post(text(started()), authorization=stranger).status_code == 202


ORIGIN = "https://univprepai.com"


@pytest.mark.parametrize("origin", [ORIGIN, "https://www.my-ktube.ai"])
def test_pages_of_our_sites_may_send_and_read_every_answer(running: Running, keys: Keys, origin: str) -> None:
    asked = {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,ce-id",
    }
    preflight = running.client.options("/v1/events", headers=asked)
    assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (204, origin)
    allowed = preflight.headers["access-control-allow-headers"].split(", ")
    assert {"authorization", "content-type", "content-encoding", "ce-id", "ce-orgid"} <= set(allowed)
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert "access-control-allow-credentials" not in preflight.headers

    tight = keys(limit=RateLimit(0.01, 1e6, 100))
    statuses = []
    for body, headers in (
        (text(started()), {"authorization": tight}),
        (text(started()), {"authorization": tight}),
        (text(started()), {}),
        (b"{", {"authorization": keys()}),
        (text(started()), {"authorization": keys(), "content-type": "text/plain"}),
        (b" " * 6_000_000, {"authorization": keys()}),
    ):
        answer = running.client.post("/v1/events", content=body, headers=headers | {"origin": origin})
        statuses.append(answer.status_code)
        assert answer.headers["access-control-allow-origin"] == origin and answer.headers["vary"] == "origin"
        assert "retry-after" in answer.headers["access-control-expose-headers"]
    assert statuses == [202, 429, 401, 400, 415, 413]


@pytest.mark.parametrize("origin", ["http://univprepai.com", "https://univprepai.com.example.org", "https://univprepai.com:8443", "null"])
def test_other_pages_may_not(running: Running, origin: str) -> None:
    preflight = running.client.options("/v1/events", headers={"origin": origin, "access-control-request-method": "POST"})
    assert (preflight.status_code, preflight.json()["code"]) == (403, "unknown_origin")
    assert "access-control-allow-origin" not in preflight.headers
    assert "access-control-allow-origin" not in running.post(text(started()), origin=origin).headers
    assert running.client.options("/v1/events").headers["allow"].startswith("POST")


def test_other_origins_may_be_named_and_the_gate_stands_open_by_default(collector: Callable[..., Running]) -> None:
    running = collector(collector_cors_origins="http://localhost:3000, https://app.example")
    for origin, is_allowed in (("http://localhost:3000", True), ("https://app.example", True), (ORIGIN, False)):
        answer = running.post(text(started()), origin=origin)
        assert (answer.status_code, "access-control-allow-origin" in answer.headers) == (202, is_allowed)
