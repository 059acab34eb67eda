"""The register: what is due when, what is told of it, and requests that came as events."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from lakehouse.errors import BadInputError
from lakehouse.privacy.erasure import close, intake, prove, purge
from lakehouse.privacy.erasure.overdue import alert_of
from lakehouse.privacy.requests import DUE, Kind, Request, Whom, due_at
from tests.commands import lakehouse
from tests.erasure.conftest import ANN, EXAM, MAIL, NOW, ask, envelope, rows_of, send

CONTRACT = "privacy.erasure_request"


def asked_by_event(user: str, request_id: str):
    body = {"event_type": "erasure_requested", "occurred_at": NOW.isoformat(), "user_id": user, "request_id": request_id}
    return envelope(CONTRACT, f"asked-{request_id}", user, body | {"requester_role": "self", "request_channel": "app"})


def test_a_request_as_an_event_is_taken_up_once(town, office, pids) -> None:
    send(town, asked_by_event(ANN, "r-1"), asked_by_event(ANN, "r-2"))
    taken = intake.take_in(office)
    assert [one.request_id for one in taken] == ["r-1", "r-2"] and intake.take_in(office) == []
    assert office.requests.whom("r-1").subject == ANN and taken[0].due_at - taken[0].received_at == DUE["pipa"][Kind.ERASURE]
    close.close(office, close.to_close(office))
    purge.purge(office, purge.to_purge(office))
    assert {one["request_id"] for one in prove.prove(office, prove.to_prove(office))} == {"r-1", "r-2"}
    assert rows_of(town, EXAM, [pids[ANN]]) == 0 and town.clean(CONTRACT) == []


def test_one_whose_record_nobody_can_open_waits_and_is_told(town, office, caplog, capsys) -> None:
    send(town, asked_by_event(ANN, "r-1"))
    for path in office.files.list("privacy/raw/erasure_requests/dt="):
        office.files.delete(path)
    assert intake.take_in(office) == [] and office.requests.all() == []
    assert "request_without_a_person" in capsys.readouterr().err


def test_terms_and_alerts_escalate(office) -> None:
    now = datetime.now(UTC)
    for number, (days, law) in enumerate([(0, "pipa"), (8, "pipa"), (11, "pipa"), (11, "gdpr")]):
        received = now - timedelta(days=days)
        request = Request(f"r-{number}", Kind.ERASURE, bytes(32), "app", "self", law, received, due_at(received, law))
        office.requests.add(request, Whom(f"user-{number}"))
    late = office.requests.overdue(now, timedelta(days=3))
    assert [one.request_id for one in late] == ["r-2", "r-1"], "that which is due first, first"
    told = [alert_of(one, now) for one in late]
    assert [one.severity for one in told] == ["critical", "warning"]
    assert "user-" not in json.dumps([one.summary + str(one.facts) for one in told])
    assert lakehouse("privacy", "overdue").returncode == 24
    assert lakehouse("privacy", "overdue", "--ahead-days", "-30").returncode == 0
    office.requests.reach("r-2", "refused", now, "nobody of that name")
    assert [one.request_id for one in office.requests.overdue(now, timedelta(days=3))] == ["r-1"]


def test_what_is_known_of_a_person_is_sealed_and_bound_to_the_request(town, office, home) -> None:
    request = ask(office, ANN, MAIL)
    stored = b"".join(path.read_bytes() for path in (home / "vault").glob("*"))
    assert ANN.encode() not in stored and MAIL.encode() not in stored
    assert office.requests.whom(request.request_id) == Whom(ANN, (MAIL,))
    with pytest.raises(BadInputError):
        office.requests.get("nothing")
    assert not office.requests.add(request, Whom("somebody.else")), "a request of that id is there already"
    assert office.requests.whom(request.request_id).subject == ANN


def test_a_moment_stays_that_of_the_first_time(town, office) -> None:
    request = ask(office, ANN)
    first = office.requests.reach(request.request_id, "closed", NOW).closed_at
    assert office.requests.reach(request.request_id, "closed", NOW + timedelta(hours=1)).closed_at == first == NOW


def test_rows_that_a_backfill_rejected_are_rid_of_them(town, office, home) -> None:
    rejects = home / "backfill" / "past.rejects.csv"
    rejects.parent.mkdir()
    rejects.write_text(f'line,reason,student\n3,"no score",{ANN}\n4,"no score",somebody.else\n5,"write to {MAIL}, please",x\n')
    close.close(office, [ask(office, ANN, MAIL)])
    done = purge.purge(office, purge.to_purge(office))
    assert [one.rows for one in done if one.place.startswith("backfill/")] == [2]
    assert rejects.read_text().splitlines() == ["line,reason,student", "4,no score,somebody.else"]
    assert len(prove.prove(office, prove.to_prove(office))) == 1
