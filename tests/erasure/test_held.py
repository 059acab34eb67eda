"""Who is held is not forgotten: the erasure waits, says so, and goes on once the hold is released; and retention leaves their rows."""

import json
from datetime import timedelta

from lakehouse.contracts import registry
from lakehouse.places import raw_commit_dir, raw_dir
from lakehouse.privacy.erasure.close import close, to_close
from lakehouse.privacy.retention.office import Keeper
from lakehouse.privacy.retention.rules import rule_of
from lakehouse.privacy.retention.tables import clean
from lakehouse.settings import settings
from lakehouse.storage.open import open_audit
from tests.commands import succeeds
from tests.erasure.conftest import ANN, BOB, CAT, EXAM, NOW, ask, exam, rows_of, send


def test_an_erasure_of_who_is_held_waits_and_goes_on_when_released(town, office, pids) -> None:
    held = succeeds("hold", "add", "--person", ANN, "--reason", "case-7").strip()
    (ann, bob) = close(office, [ask(office, ANN), ask(office, BOB)])
    assert (ann.state, bob.state) == ("held", "closed") and office.vault.find([ANN]) and office.vault.find([BOB]) == {}
    (again,) = close(office, to_close(office))
    assert again.held_at == ann.held_at and office.requests.get(ann.request_id).is_open
    assert [json.loads(r.details) for r in open_audit(settings()).records(action="erasure.held")] == [{"request_id": ann.request_id}]
    told = json.loads(succeeds("privacy", "erase", ANN, "--json"))
    assert told["state"] == "held"
    succeeds("hold", "release", held)
    assert {r.state for r in close(office, to_close(office))} == {"closed"} and office.vault.find([ANN]) == {}


def test_a_hold_of_a_tenant_a_zone_or_a_contract_covers_who_is_in_its_rows(town, office) -> None:
    """All exams of the town are of org 7 in univprep."""
    for what in (("--org", "7"), ("--zone", "univprep"), ("--contract", EXAM)):
        held = succeeds("hold", "add", *what, "--reason", "case-8").strip()
        (request,) = close(office, [ask(office, CAT)])
        assert request.state == "held", what
        succeeds("hold", "release", held)
    for what in (("--org", "8"), ("--zone", "kzone"), ("--contract", "privacy.erasure_request")):
        succeeds("hold", "add", *what, "--reason", "case-9")
    assert {request.state for request in close(office, to_close(office))} == {"closed"}


def test_retention_takes_everybodys_rows_but_theirs_and_replay_calls_the_raw_expired(town, office, pids) -> None:
    """A whole lake, looked at three years and a month later; what land and refine wrote."""
    succeeds("hold", "add", "--person", ANN, "--reason", "case-10")
    rule = rule_of(registry(), "clean", EXAM)
    as_of = (NOW + timedelta(days=rule.days + 30)).date()
    done = clean(Keeper(settings(), as_of, False), rule)
    assert (done.removed, done.held) == (40, 20)
    assert [rows_of(town, EXAM, [pids[who]]) for who in (ANN, BOB, CAT)] == [20, 0, 0]
    assert clean(Keeper(settings(), as_of, False), rule).removed == 0


def test_raw_that_expired_is_expired_for_replay_and_work_goes_on(town, office) -> None:
    """The day of the town is months back by this machine's clock; somebody was killed between a raw file and its commit."""
    contract, window = registry().get(EXAM), ("--contract", EXAM, "--from", "2026-03-01", "--to", "2026-03-04", "--json")
    there = town.at.files.list(raw_dir(contract.domain, contract.table) + "/dt=")
    town.at.files.delete(there[0])
    assert json.loads(succeeds("replay", *window))["replayed"][EXAM]["expired"] > 0
    told = json.loads(succeeds("retain", "--as-of", str((NOW + timedelta(days=32)).date()), "--json"))
    gone = {one["rule"]["contract"]: one["removed"] for one in told["rules"] if one["rule"]["kind"] == "raw"}
    assert gone[EXAM] == len(there) - 1 and town.at.files.list(raw_dir(contract.domain, contract.table) + "/dt=") == []
    assert town.at.files.list(raw_commit_dir(contract.domain, contract.table)) == []
    assert json.loads(succeeds("replay", *window))["replayed"] == {}
    before, markers = len(town.clean(EXAM)), len(town.markers(EXAM))
    send(town, exam(990, BOB))
    assert (len(town.clean(EXAM)), len(town.markers(EXAM))) == (before + 1, markers + 1)
