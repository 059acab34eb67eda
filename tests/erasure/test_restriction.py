"""Kept, and not used: nobody reads a restricted person, nothing is built of them, and all of it comes back when it is lifted."""

import json
from datetime import UTC, datetime

import duckdb
import pytest

from lakehouse.contracts import registry
from lakehouse.model.publish import publish
from lakehouse.places import Home
from lakehouse.privacy.erasure.close import close
from lakehouse.privacy.erasure.scan import scan
from lakehouse.privacy.hidden import erased_people, hidden_people, restricted_people
from lakehouse.privacy.requests import Kind, Request, Whom, due_at
from lakehouse.privacy.rights import restrict
from tests.commands import lakehouse, succeeds
from tests.erasure.conftest import ANN, BOB, CAT, EXAM, LOGIN, MAIL, NOW, ask, envelope, exam, forget, rows_of, send

WHY = ("--reason", "accuracy_contested")


def seen() -> set[str]:
    """Whose exams the privacy officer reads, who may read everybody's."""
    sql = "select distinct user_pid from clean.exam_events"
    said = succeeds("query", "--as", "privacy_officer", "--format", "json", sql)
    return {json.loads(line)["user_pid"] for line in said.splitlines()}


def built(town) -> set[str]:
    """Whose exams a build would find."""
    with duckdb.connect() as warehouse:
        publish(warehouse, registry(), town.at.tables, restricted_people(town.at.files))
        return {pid for (pid,) in warehouse.execute("select distinct user_pid from clean.exam_events").fetchall()}


def test_at_once_and_reversible_and_the_rows_stay(town, office, pids) -> None:
    asked = json.loads(succeeds("privacy", "restrict", ANN, *WHY, "--json"))
    assert asked["state"] == "closed"
    assert seen() == built(town) == {pids[BOB], pids[CAT]}
    send(town, exam(500, ANN))
    assert rows_of(town, EXAM, [pids[ANN]]) == 21, "what comes is kept"
    assert seen() == built(town) == {pids[BOB], pids[CAT]}, "and not used either"
    (told,) = json.loads(succeeds("privacy", "restrictions", "--json"))
    assert (told["request_id"], told["reason"]) == (asked["request_id"], "accuracy_contested") and ANN not in str(told)
    assert json.loads(succeeds("privacy", "run", "--json"))["answered"] == [asked["request_id"]]
    assert seen() == {pids[BOB], pids[CAT]}
    assert json.loads(succeeds("privacy", "lift", ANN, "--json"))["state"] == "closed"
    assert seen() == built(town) == set(pids.values())
    records = [(r.action, json.loads(r.details).get("reason")) for r in office.audit.records() if r.action.endswith(".closed")]
    assert records == [("restriction.closed", "accuracy_contested"), ("lifting.closed", None)]
    assert not town.settings.home.joinpath("warehouse").exists() or not scan(Home(town.settings.home).warehouse.parent, [ANN.encode()])[0]


def test_a_mention_in_anothers_row_is_left_empty(town, office, pids) -> None:
    said = {"event_type": "erasure_requested", "occurred_at": NOW.isoformat(), "user_id": "child.account.7", "request_id": "r-1"}
    said |= {"requester_id": ANN, "requester_role": "guardian", "request_channel": "app"}
    send(town, envelope("privacy.erasure_request", "erasure-r-1", "child.account.7", said))
    succeeds("privacy", "restrict", ANN, *WHY)
    with duckdb.connect() as warehouse:
        publish(warehouse, registry(), town.at.tables, restricted_people(town.at.files))
        asked = warehouse.execute("select request_id, requester_pid, user_pid is not null from clean.erasure_requests").fetchall()
    assert asked == [("r-1", None, True)]


def test_the_two_lists_are_not_mixed_up(town, office, pids) -> None:
    for user in (ANN, BOB):
        succeeds("privacy", "restrict", user, *WHY)
    close(office, [ask(office, CAT)])
    assert hidden_people(office.files) == set(pids.values())
    assert (erased_people(office.files), set(restricted_people(office.files))) == ({pids[CAT]}, {pids[ANN], pids[BOB]})
    succeeds("privacy", "lift", BOB)
    assert hidden_people(office.files) == {pids[ANN], pids[CAT]}, "who is being erased stays hidden"
    assert lakehouse("privacy", "lift", CAT).returncode == 11
    assert lakehouse("privacy", "lift", BOB).returncode == 11, "nothing is left to be lifted"


def test_whoever_is_restricted_can_be_forgotten(town, office, pids) -> None:
    succeeds("privacy", "restrict", ANN, *WHY)
    (signed,) = forget(office, ANN)
    assert rows_of(town, EXAM, [pids[ANN]]) == 0 and signed["scan"]["hits"] == 0
    assert restricted_people(office.files) == {} and hidden_people(office.files) == set()
    assert not scan(town.settings.home, [pids[ANN].encode(), ANN.encode(), MAIL.encode()])[0]
    assert json.loads(succeeds("privacy", "run", "--json"))["answered"] == [], "a restriction of theirs waits for nothing any more"


def asked(office, kind: Kind, user: str = ANN, reason: str | None = "objection_pending") -> Request:
    now = datetime.now(UTC)
    request = Request(f"r-{kind}", kind, office.vault.digest(user), "app", "self", "pipa", now, due_at(now, "pipa", kind), now, "tests")
    office.requests.add(request, Whom(user, reason=reason))
    return request


class KilledError(Exception):
    """Stands for the end of the process."""


@pytest.mark.parametrize("step", ["note", "record", "restrict", "reach"])
@pytest.mark.parametrize("kind", restrict.KINDS)
def test_killed_anywhere_it_is_done_again(town, office, pids, monkeypatch: pytest.MonkeyPatch, kind: Kind, step: str) -> None:
    if kind is Kind.LIFTING:
        restrict.close(office, [asked(office, Kind.RESTRICTION)])
    request = asked(office, kind)
    of = {"note": office.requests, "record": type(office), "restrict": restrict.hidden, "reach": office.requests}[step]
    really = getattr(of, step)

    def killed(*args, **kwargs):
        really(*args, **kwargs)
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(of, step, killed)
        with pytest.raises(KilledError):
            restrict.close(office, [request])
    restrict.close(office, restrict.to_close(office))
    assert office.requests.get(request.request_id).state == "closed"
    assert set(restricted_people(office.files)) == ({pids[ANN]} if kind is Kind.RESTRICTION else set())


def test_of_somebody_never_met_nothing_that_comes_later_is_used(town, office, pids) -> None:
    succeeds("privacy", "restrict", "stranger.account.9", *WHY)
    send(town, exam(900, "stranger.account.9"))
    assert len(town.clean(EXAM)) == 61 and seen() == set(pids.values())


def test_one_that_came_as_an_event_is_closed_by_run(town, office, pids) -> None:
    said = {"occurred_at": NOW.isoformat(), "user_id": ANN, "requester_role": "self", "request_channel": "app"}
    of = {"restriction_requested": {"restriction_reason": "needed_for_claims"}, "lifting_requested": {}}
    for number, (kind, more) in enumerate(of.items()):
        said |= {"event_type": kind, "request_id": f"r-{number}"} | more
        send(
            town,
            envelope(
                "privacy.rights_request", f"{kind}-{number}", ANN, {k: v for k, v in said.items() if more or k != "restriction_reason"}
            ),
        )
        assert json.loads(succeeds("privacy", "run", "--json"))["answered"] == [f"r-{number}"]
        assert len(restricted_people(office.files)) == 1 - number
    assert office.requests.get("r-1").state == "answered" and rows_of(town, LOGIN, [pids[ANN]]) == 10


def test_without_a_reason_there_is_none(town, office) -> None:
    assert lakehouse("privacy", "restrict", ANN, "--reason", "because").returncode == 11
    (refused,) = restrict.close(office, [asked(office, Kind.RESTRICTION, reason="because")])
    assert refused.state == "refused" and restricted_people(office.files) == {}
