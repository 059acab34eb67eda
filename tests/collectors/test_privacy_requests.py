"""A person asks over HTTP to be forgotten: who may ask for whom, what becomes of it, and what nobody may send otherwise."""

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import pytest

from tests.collectors.conftest import Running
from tests.collectors.sample_events import login
from tests.commands import succeeds

PATH = "/v1/privacy/requests"
WHO = "student.who.asks.1"


@pytest.fixture
def keyed(collector: Callable[..., Running]) -> tuple[Running, dict[str, dict]]:
    """A collector whose gate is closed, and headers of an app that sends events, and of the privacy office."""
    keys = {}
    for name, scopes in (("app", ("events:write",)), ("office", ("privacy:request",))):
        words = [word for scope in scopes for word in ("--scope", scope)]
        keys[name] = succeeds("keys", "create", "--purpose", name, *words, "--all-zones", "--all-orgs").split()[0]
    return collector(access="on"), {name: {"Authorization": f"Bearer {key}"} for name, key in keys.items()}


def ask(running: Running, headers: dict, **fields: object) -> httpx.Response:
    return running.client.post(PATH, json={"user_id": WHO} | fields, headers=headers)


def test_asked_taken_up_forgotten_and_told(keyed) -> None:
    running, headers = keyed
    assert running.client.post("/v1/events", json=login(user_id=WHO), headers=headers["app"]).status_code == 202
    asked = ask(running, headers["office"])
    assert asked.status_code == 202, asked.text
    told = asked.json()
    assert 9.9 < (datetime.fromisoformat(told["due_at"]) - datetime.now(UTC)).total_seconds() / 86_400 <= 10
    assert running.client.get(told["status"], headers=headers["office"]).status_code == 404
    for command in ("land", "refine"):
        succeeds(command)
    said = json.loads(succeeds("privacy", "run", "--json"))
    assert (said["closed"], said["receipts"]) == (1, [told["request_id"]])
    found = running.client.get(told["status"], headers=headers["office"]).json()
    assert found["state"] == "proved" and found["received_at"] <= found["closed_at"] <= found["purged_at"] <= found["proved_at"]
    assert WHO not in json.dumps(found)
    assert succeeds("privacy", "verify", told["request_id"], "--user", WHO)
    again = ask(running, headers["office"])
    assert again.status_code == 202, "somebody who is forgotten may ask again: nothing of it is kept"
    for command in ("land", "refine"):
        succeeds(command)
    assert json.loads(succeeds("privacy", "run", "--json"))["closed"] == 0


def test_who_may_not_ask(keyed) -> None:
    running, headers = keyed
    assert ask(running, {}).status_code == 401
    refused = ask(running, headers["app"])
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert running.client.get(f"{PATH}/anything", headers=headers["app"]).status_code == 403
    # Nor by the back door, as an event among others: then nothing of the request is kept.
    event = {"event_id": str(uuid.uuid4()), "contract": "privacy.erasure_request"}
    event["payload"] = {
        "event_type": "erasure_requested",
        "occurred_at": datetime.now(UTC).isoformat(),
        "user_id": WHO,
        "request_id": "r-1",
    }
    event["payload"] |= {"requester_role": "self", "request_channel": "app"}
    for body in (event, [login(), event]):
        refused = running.client.post("/v1/events", json=body, headers=headers["app"])
        assert refused.status_code == 403 and "privacy:request" in refused.json()["message"]
    succeeds("land")
    assert not list((running.home / "lake" / "privacy" / "raw" / "erasure_requests").glob("dt=*/*.parquet"))


@pytest.mark.parametrize(
    "body, code",
    [
        (b"{", "malformed_request"),
        (b"[]", "malformed_request"),
        (b'{"user_id": "a", "secret": "kim@example.com"}', "malformed_request"),
        (b'{"user_id": "not an account at all"}', None),
        (b'{"user_id": "a", "requester_role": "a friend"}', None),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_reason_and_told_to_nobody(keyed, body: bytes, code: str | None) -> None:
    running, headers = keyed
    answer = running.client.post(PATH, content=body, headers=headers["office"] | {"Content-Type": "application/json"})
    assert answer.status_code == 400 and "kim@example.com" not in answer.text
    assert answer.json().get("code") == code or answer.json()["rejected"] == 1


def test_the_page_describes_it(keyed) -> None:
    running, _ = keyed
    described = running.client.get("/openapi.json").json()["paths"]
    assert "post" in described[PATH] and "get" in described[PATH + "/{request_id}"]
    schema = described[PATH]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert schema["required"] == ["user_id"] and "guardian" in schema["properties"]["requester_role"]["enum"]


def test_other_rights_are_asked_for_at_the_same_door(keyed) -> None:
    running, headers = keyed
    wanted = {
        "access": {},
        "restriction": {"restriction_reason": "objection_pending"},
        "rectification": {"rectified_dataset": "source.users", "rectified_field": "country_code", "rectified_value": "JP"},
    }
    told = {kind: ask(running, headers["office"], kind=kind, **more) for kind, more in wanted.items()}
    assert {answer.status_code for answer in told.values()} == {202}, [answer.text for answer in told.values()]
    for body in ({"kind": "no such kind"}, {"kind": "rectification"}, {"kind": "restriction", "restriction_reason": "because"}):
        assert ask(running, headers["office"], **body).status_code == 400, "what it is about must be said"
    for command in ("land", "refine"):
        succeeds(command)
    assert json.loads(succeeds("privacy", "run", "--json"))["answered"] == [told["restriction"].json()["request_id"]]
    states = {kind: running.client.get(one.json()["status"], headers=headers["office"]).json() for kind, one in told.items()}
    assert {kind: (one["kind"], one["state"]) for kind, one in states.items()} == {
        "access": ("access", "verified"),
        "restriction": ("restriction", "answered"),
        "rectification": ("rectification", "verified"),
    }
    assert len(json.loads(succeeds("privacy", "restrictions", "--json"))) == 1
