"""What is wrong is put right by its owner, and the request is answered when that has come here, everywhere, and not before."""

import json
from datetime import UTC, datetime, timedelta

import duckdb
import pytest

from lakehouse.contracts import registry
from lakehouse.contracts.project import duckdb_columns
from lakehouse.errors import BadInputError
from lakehouse.places import Home
from lakehouse.privacy.erasure.close import close
from lakehouse.privacy.requests import Correction
from lakehouse.privacy.rights.rectify import to_rectify, wanted
from lakehouse.settings import settings
from tests.commands import lakehouse, succeeds
from tests.erasure.conftest import ANN, BOB, MAIL, USERS, ask, envelope, exam, send

LONG_AGO = (datetime(2026, 1, 1, tzinfo=UTC)).isoformat()


def rectify(user: str, field: str, value: str, *more: str) -> str:
    said = succeeds("privacy", "rectify", user, "--field", field, "--value", value, "--received", LONG_AGO, *more, "--json")
    return json.loads(said)["request_id"]


def changed(user: str, lsn: int, **more: object):
    """What the source tells of a row, by change data capture."""
    now = datetime.now(UTC).isoformat()
    row = {"op": "u", "changed_at": now, "source_lsn": lsn, "user_id": user, "role": "student", "signed_up_at": now, "email": MAIL}
    one = envelope(USERS, f"{USERS}-{user[:3]}-u-{lsn}", user, row | more)
    import msgspec

    return msgspec.structs.replace(one, received_at=datetime.now(UTC))


def answered(office) -> list[str]:
    return json.loads(succeeds("privacy", "run", "--json"))["answered"]


def test_a_field_that_is_kept_is_seen_in_current(town, office, pids) -> None:
    asked = rectify(ANN, "country_code", "JP", "--dataset", USERS)
    assert answered(office) == []
    send(town, changed(ANN, 5, country_code="FR"))
    assert answered(office) == [], "another value"
    send(town, changed(ANN, 6, country_code="JP"), refine=False)
    assert answered(office) == [], "the record has come, and the current table shows the old value still"
    town.refine()
    assert answered(office) == [asked]
    found = office.requests.progress(asked)
    assert [one["where"] for one in found["seen_to_be_right"]] == ["raw", "source/current/users"]
    assert office.requests.get(asked).state == "answered"
    with pytest.raises(BadInputError, match="nothing is known"):
        office.requests.whom(asked)


def test_a_field_that_is_never_kept_is_seen_in_what_was_sent(town, office) -> None:
    asked = rectify(ANN, "email", "other@example.com", "--dataset", USERS)
    send(town, changed(BOB, 5, email="other@example.com"))
    assert answered(office) == [], "somebody else's"
    send(town, changed(ANN, 6, email="other@example.com"))
    assert answered(office) == [asked]
    told = json.dumps([r.details for r in office.audit.records()]) + json.dumps(office.requests.progress(asked))
    assert "other@example.com" not in told and ANN not in told


def test_a_date_is_compared_as_it_is_kept_and_in_the_dimension(town, office, pids) -> None:
    asked = rectify(ANN, "birth_on", "2001-02-03", "--dataset", USERS)
    send(town, changed(ANN, 6, birth_on="2001-02-03"))
    path, dim = Home(settings().home).warehouse, registry().get("curated.dim_user")
    path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(path)) as db:
        kinds = ", ".join(f"{name} {kind}" for name, kind in duckdb_columns(dim.fields).items())
        db.execute(f"create schema curated; create table curated.dim_user ({kinds})")
        db.execute("insert into curated.dim_user by name select ? as user_pid, 1999 as birth_year", [pids[ANN]])
    assert answered(office) == [], "the dimension shows the old year"
    with duckdb.connect(str(path)) as db:
        db.execute("update curated.dim_user set birth_year = 2001")
    assert answered(office) == [asked]
    assert [one["where"] for one in office.requests.progress(asked)["seen_to_be_right"]][1:] == ["source/current/users", "curated.dim_user"]


def test_a_text_that_is_stored_encrypted_is_compared_in_clear(town, office) -> None:
    import msgspec

    asked, responses = rectify(ANN, "answer_text", "x = 12", "--dataset", "source.responses"), "source.responses"
    for lsn, text in enumerate(("x = 11", "x = 12"), 5):
        now = datetime.now(UTC)
        row = {"op": "u", "changed_at": now.isoformat(), "source_lsn": lsn, "user_id": ANN, "responded_at": now.isoformat()}
        row |= {"response_id": "r-1", "attempt_id": "a-1", "item_id": "i-1", "response_index": 1, "is_correct": True, "answer_text": text}
        send(town, msgspec.structs.replace(envelope(responses, f"{responses}-r-1-u-{lsn}", ANN, row), received_at=now))
        assert answered(office) == ([asked] if text == "x = 12" else [])
    assert [one["where"] for one in office.requests.progress(asked)["seen_to_be_right"]] == ["raw", "source/current/responses"]


def test_what_has_happened_is_superseded_by_a_newer_event(town, office) -> None:
    import msgspec

    asked = rectify(ANN, "score", "75.5", "--dataset", "exam.events")
    assert answered(office) == [], "events from before it was asked do not count, nor do other scores"
    late = exam(800, ANN, score=75.5)
    send(town, msgspec.structs.replace(late, received_at=datetime.now(UTC)))
    assert answered(office) == [asked]


def test_who_owns_it_is_told_once_and_reads_it_on_the_bus(town, office, monkeypatch: pytest.MonkeyPatch) -> None:
    from lakehouse.privacy.rights import rectify as module

    sent = []
    monkeypatch.setattr(module, "send", lambda alert, _: sent.append(alert) or [])
    asked = rectify(ANN, "country_code", "JP", "--dataset", USERS)
    for _ in range(2):
        answered(office)
    (alert,) = sent
    assert alert.facts["dataset"] == USERS and alert.facts["request"] == asked and "JP" not in str(alert) and ANN not in str(alert)
    town.land()
    town.refine()
    (row,) = town.clean("privacy.rights_request")
    assert (row["request_id"], row["rectified_field"]) == (asked, "country_code") and "JP" not in row.values()
    assert answered(office) == [] and len(to_rectify(office)) == 1, "it is known already, and not taken up twice"


@pytest.mark.parametrize(
    ("correction", "said"),
    [
        (Correction("curated.dim_user", "country_code", "JP"), "no dataset"),
        (Correction(USERS, "user_id", "x"), "no such field"),
        (Correction(USERS, "source_lsn", "7"), "no such field"),
        (Correction(USERS, "birth_on", "yesterday"), "can be no birth_on"),
        (Correction(USERS, "role", "emperor"), "can be no role"),
    ],
    ids=lambda one: getattr(one, "field", None),
)
def test_what_cannot_be_put_right_is_said(home, correction: Correction, said: str) -> None:
    with pytest.raises(BadInputError, match=said) as error:
        wanted(correction)
    assert correction.value not in str(error.value)


def test_one_that_makes_no_sense_is_refused_with_the_reason(town, office) -> None:
    from tests.erasure.conftest import NOW

    said = {"event_type": "rectification_requested", "occurred_at": NOW.isoformat(), "user_id": ANN, "request_id": "r-8"}
    said |= {"requester_role": "self", "request_channel": "app"}
    said |= {"rectified_dataset": USERS, "rectified_field": "no_such", "rectified_value": "1"}
    send(town, envelope("privacy.rights_request", "rectification-r-8", ANN, said))
    assert answered(office) == [] and office.requests.get("r-8").state == "refused"


def test_it_is_due_like_all_others_and_ends_with_the_person(town, office) -> None:
    asked = rectify(ANN, "country_code", "JP", "--dataset", USERS)
    found = office.requests.get(asked)
    assert found.due_at - found.received_at == timedelta(days=10)
    assert lakehouse("privacy", "overdue").returncode == 24
    close(office, [ask(office, ANN)])
    assert office.requests.get(asked).state == "refused" and to_rectify(office) == []
