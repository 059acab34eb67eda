"""Who may upload: a key with its scope, zone and tenant; or a URL that was signed for this very upload, for a while."""

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from uploading import HOST, USER, Collector, digest_header, left_over, read_back, tone

from collectors.media.tickets import Ticket, Tickets
from lakehouse.errors import DeniedError
from lakehouse.storage.memory import MemoryVault
from tests.commands import succeeds

NOW = datetime(2026, 11, 25, 23, 59, 0, tzinfo=UTC)
TICKET = Ticket("kzone", 17, USER, "media-0001", "speech", 1_000, int(NOW.timestamp()) + 600)


def new_id() -> str:
    return str(uuid.uuid4())


def code(response) -> tuple[int, str]:
    return response.status_code, response.json().get("code", "")


def wish(collector: Collector, **changes: object):
    body = {"media_id": new_id(), "kind": "speech", "user_id": USER, "org_id": 17} | changes
    return collector.client.post("/v1/media", json={k: v for k, v in body.items() if v is not None})


def put(collector: Collector, told: dict, data: bytes, **changes: str | None):
    """To the URL of an answer of POST, with the headers that it names."""
    import hashlib

    headers = told["headers"] | {"content-type": "audio/wav", "content-digest": digest_header(hashlib.sha256(data).digest())}
    headers |= {name.replace("_", "-"): value for name, value in changes.items()}
    at = urlsplit(told["url"])
    return collector.client.put(f"{at.path}?{at.query}", content=data, headers={n: v for n, v in headers.items() if v is not None})


def test_a_signed_url_takes_its_upload(collector: Collector) -> None:
    answer = wish(collector, max_bytes=20_000)
    assert answer.status_code == 201
    told = answer.json()
    assert (told["method"], told["max_bytes"]) == ("PUT", 20_000)
    assert urlsplit(told["url"]).netloc == HOST
    assert USER not in told["url"], "a URL is logged on its way, and must name nobody"
    assert timedelta() < datetime.fromisoformat(told["expires_at"]) - datetime.now(UTC) < timedelta(minutes=16)
    assert put(collector, told, tone()).status_code == 201
    assert read_back(urlsplit(told["url"]).path.rpartition("/")[2]) == tone()
    assert code(put(collector, told, tone(30_000))) == (413, "too_large")


@pytest.mark.parametrize("changed", ["media_user_id", "media_org_id", "host"])
def test_a_signed_url_is_for_nobody_and_nowhere_else(collector: Collector, changed: str) -> None:
    told = wish(collector).json()
    other = {"media_user_id": "somebody.else", "media_org_id": "18", "host": "univprepai.com"}[changed]
    assert code(put(collector, told, tone(), **{changed: other})) == (403, "forbidden")
    if changed == "media_org_id":
        assert code(put(collector, told, tone(), media_org_id=None)) == (403, "forbidden")
    assert left_over(collector.home) == []


@pytest.mark.parametrize("changed", ["kind", "max_bytes", "expires_at", "signature"])
def test_a_url_that_was_changed_is_refused(collector: Collector, changed: str) -> None:
    told = wish(collector).json()
    value = parse_qs(urlsplit(told["url"]).query)[changed][0]
    other = {"kind": "keypoints", "max_bytes": "99999999", "expires_at": "9999999999", "signature": "0" * 64}
    told["url"] = told["url"].replace(f"{changed}={value}", f"{changed}={other[changed]}")
    data, content_type = (b"[]", "application/json") if changed == "kind" else (tone(), "audio/wav")
    assert code(put(collector, told, data, content_type=content_type)) == (403, "forbidden")


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "holograms"},
        {"user_id": "two words"},
        {"media_id": "short"},
        {"org_id": 0},
        {"max_bytes": 0},
        {"shoe_size": 42},
        {"user_id": None},
    ],
    ids=str,
)
def test_a_wish_that_cannot_be_granted(collector: Collector, wrong: dict) -> None:
    assert wish(collector, **wrong).status_code == 400


def test_a_wish_is_small(collector: Collector) -> None:
    assert code(collector.client.post("/v1/media", content=b" " * 5_000)) == (413, "too_large")


@pytest.mark.parametrize(
    ("ticket", "after_s", "is_good"),
    [
        (TICKET, 0, True),
        (TICKET, 599, True),
        (TICKET, 600, False),
        (TICKET, -1_000, False),  # signed for longer than we ever sign
    ],
)
def test_a_ticket_holds_until_it_expires(ticket: Ticket, after_s: int, is_good: bool) -> None:
    vault = MemoryVault()
    signature = Tickets(vault, 600).sign(ticket)
    check = lambda: Tickets(vault, 600).require(ticket, signature, NOW + timedelta(seconds=after_s))  # noqa: E731
    if is_good:
        check()
    else:
        with pytest.raises(DeniedError, match="expired"):
            check()


def test_another_vault_signs_otherwise_and_odd_dates_make_no_keys() -> None:
    vault = MemoryVault()
    tickets = Tickets(vault, 600)
    with pytest.raises(DeniedError, match="another upload"):
        tickets.require(TICKET, Tickets(MemoryVault(), 600).sign(TICKET), NOW)
    kept = dict(vault.kept.days)
    with pytest.raises(DeniedError, match="expired"):
        tickets.require(Ticket("kzone", 17, USER, "media-0001", "speech", 1_000, 4_000_000_000), "0" * 64, NOW)
    assert vault.kept.days == kept


def keys_create(*arguments: str) -> str:
    return succeeds("keys", "create", "--purpose", "a test", *arguments).split()[0]


def test_a_key_with_the_scope_the_zone_and_the_tenant(collect, home: Path) -> None:
    every = ("--org", "17", "--zone", "kzone")
    good, other_scope = keys_create("--scope", "media:write", *every), keys_create("--scope", "events:write", *every)
    elsewhere = keys_create("--scope", "media:write", "--org", "17", "--zone", "univprep")
    collector = collect(access="on")

    def upload(key: str | None, org: str | None = "17", media_id: str = "media-0001"):
        return collector.put(media_id, tone(), media_org_id=org, authorization=key and f"Bearer {key}")

    assert upload(None).status_code == 401 and "www-authenticate" in upload(None).headers
    assert upload("not-a-key").status_code == 401
    assert upload(other_scope).status_code == upload(elsewhere).status_code == 403
    assert upload(good, "18").status_code == upload(good, None).status_code == 403
    assert left_over(home) == []
    assert upload(good).status_code == 201
    # Whoever has the key hands out a URL; whoever has the URL needs no key.
    assert wish(collector).status_code == 401
    answer = collector.client.post(
        "/v1/media",
        json={"media_id": "media-0002", "kind": "speech", "user_id": USER, "org_id": 17},
        headers={"authorization": f"Bearer {good}"},
    )
    assert answer.status_code == 201
    assert put(collector, answer.json(), tone()).status_code == 201


def test_pages_of_the_sites_may_upload_from_a_browser(collector: Collector) -> None:
    origin = {"origin": "https://my-ktube.com"}
    preflight = collector.client.options("/v1/media/media-0001", headers=origin)
    assert preflight.status_code == 204
    assert (
        "PUT" in preflight.headers["access-control-allow-methods"] and "content-digest" in preflight.headers["access-control-allow-headers"]
    )
    answer = collector.put(new_id(), tone(), origin=origin["origin"])
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (201, origin["origin"])
