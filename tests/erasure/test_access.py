"""From a request to an archive, and to its end: what it holds, whom it opens for, and when it is gone."""

import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lakehouse.errors import BadInputError, CorruptError
from lakehouse.places import export
from lakehouse.privacy.chain import ActorKind
from lakehouse.privacy.erasure.close import close
from lakehouse.privacy.erasure.office import Office
from lakehouse.privacy.requests import Kind, Request, Whom, due_at
from lakehouse.privacy.rights import exports
from lakehouse.privacy.rights.answer import answer
from lakehouse.settings import settings
from tests.commands import lakehouse, succeeds
from tests.erasure.conftest import ANN, BOB, NOW, ask, envelope, exam, forget, send


def asked(office: Office, user: str, kind: Kind = Kind.ACCESS) -> Request:
    now = datetime.now(UTC)
    request = Request("r-" + kind, kind, office.vault.digest(user), "app", "self", "gdpr", now, due_at(now, "gdpr", kind), now, "tests")
    office.requests.add(request, Whom(user))
    return request


def opened(office: Office, made: exports.Export, request: Request) -> dict[str, dict]:
    data = b"".join(exports.opened_with(office, request.request_id, made.key))
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        return {name: json.loads(file.read(name)) for name in file.namelist() if name.endswith(".json")}


def test_what_is_still_on_its_way_is_there_too(town, office, pids) -> None:
    send(town, exam(500, ANN), refine=False)
    request = asked(office, ANN)
    files = opened(office, answer(office, request), request)
    assert [len(files[f"data/exams-{zone}-exam_events.json"]["rows"]) for zone in ("raw", "clean", "dead_letters")] == [22, 21, 1]
    assert "data/looks.json" in files


def test_to_take_along_is_what_was_given(town, office) -> None:
    request = asked(office, ANN, Kind.PORTABILITY)
    files = opened(office, answer(office, request), request)
    assert {"data/exams-raw-exam_events.json", "data/exams-clean-exam_events.json"} <= set(files)
    assert not {"data/looks.json", "data/requests.json"} & set(files)


def test_of_somebody_unknown_nothing_is_held(town, office) -> None:
    request = asked(office, "stranger.account.9")
    files = opened(office, answer(office, request), request)
    assert (
        set(files) == {"data/requests.json", "data/disclosures.json", "data/looks.json"} and office.vault.find(["stranger.account.9"]) == {}
    )


def test_another_key_opens_nothing(town, office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    request = asked(office, ANN)
    answer(office, request)
    for key, code in (("x", BadInputError.exit_code), ("A" * 43, CorruptError.exit_code)):
        monkeypatch.setattr("sys.stdin", io.StringIO(key))
        assert lakehouse("privacy", "open", request.request_id, "--output", str(tmp_path / "out.zip")).returncode == code
    assert list(tmp_path.glob("*out.zip*")) == []
    with pytest.raises(BadInputError, match="no open request"):
        answer(office, office.requests.get(request.request_id))


def test_it_is_gone_when_its_days_are_over(town, office) -> None:
    request = asked(office, ANN)
    made = answer(office, request)
    assert made.expires_at - datetime.now(UTC) > timedelta(days=6.9)
    assert exports.expire(office, datetime.now(UTC) + timedelta(days=6)) == []
    assert exports.expire(office, datetime.now(UTC) + timedelta(days=8)) == [request.request_id]
    with pytest.raises(BadInputError, match="no archive"):
        b"".join(exports.opened_with(office, request.request_id, made.key))


def test_whoever_is_forgotten_has_no_archive_and_asks_nothing_more(town, office, pids) -> None:
    mine, waiting = asked(office, ANN), asked(office, ANN, Kind.PORTABILITY)
    answer(office, mine)
    bobs = Request(
        "r-bob", Kind.ACCESS, office.vault.digest(BOB), "app", "self", "pipa", mine.received_at, mine.due_at, mine.received_at, "tests"
    )
    office.requests.add(bobs, Whom(BOB))
    answer(office, bobs)
    close(office, [ask(office, ANN)])
    there = office.files.list("platform/privacy/exports/")
    assert there == [export("r-bob")], "at once, and nobody else's"
    assert office.requests.get(waiting.request_id).state == "refused"
    forget(office, BOB)
    assert office.files.list("platform/privacy/exports/") == []


def test_a_request_that_came_as_an_event_waits_for_whoever_answers(town, office) -> None:
    said = {"event_type": "access_requested", "occurred_at": NOW.isoformat(), "user_id": ANN, "request_id": "r-7"}
    send(town, envelope("privacy.rights_request", "access-r-7", ANN, said | {"requester_role": "self", "request_channel": "app"}))
    assert json.loads(succeeds("privacy", "run", "--json"))["closed"] == 0
    found = office.requests.get("r-7")
    assert (found.kind, found.state) == ("access", "verified") and found.due_at - found.received_at == timedelta(days=10)
    made = json.loads(succeeds("privacy", "access", "--request", "r-7", "--json"))
    assert made["request_id"] == "r-7" and office.requests.get("r-7").state == "answered"
    assert lakehouse("privacy", "overdue", "--ahead-days", "400").returncode == 0, "what is answered is not due"


def test_a_register_of_an_older_version_is_read(town, office) -> None:
    import sqlalchemy as sa

    asked(office, ANN)
    with office.vault.engine.begin() as db:
        db.execute(sa.text("alter table privacy_request drop column answered_at"))
    again = Office(settings(), "tests", ActorKind.SERVICE)
    assert again.requests.get("r-access").answered_at is None
