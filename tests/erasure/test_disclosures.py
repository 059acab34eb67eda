"""Who was given people's data: entered, shown to whom it is about and to nobody else, kept when they are erased, and then to be told."""

import io
import json
import zipfile
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
import sqlalchemy as sa

from lakehouse.contracts import registry
from lakehouse.errors import BadInputError, ContractError, NotForgottenError
from lakehouse.privacy.chain import ActorKind
from lakehouse.privacy.disclosures import recipients
from lakehouse.privacy.disclosures.entering import BASIS, Given, enter, retract
from lakehouse.privacy.disclosures.register import UNSAID, Disclosure, Disclosures, Scope
from lakehouse.privacy.erasure.close import close
from lakehouse.privacy.erasure.office import Office
from lakehouse.privacy.erasure.prove import prove, to_prove
from lakehouse.privacy.erasure.purge import purge, to_purge
from lakehouse.privacy.requests import Kind
from lakehouse.privacy.rights import exports
from lakehouse.privacy.rights.answer import answer
from lakehouse.privacy.rights.summary import BASES
from lakehouse.settings import settings
from tests.commands import lakehouse, succeeds
from tests.erasure.conftest import ANN, BOB, CAT, EXAM, LOGIN, NOW, USERS, account, ask, exam, forget, send
from tests.erasure.test_access import asked, opened

BOARD, INSURER = "Seoul Office of Education", "Hanbit Insurance"
STRANGER = "stranger.account.9"


def given(*named: str, **other) -> Given:
    said = {"disclosed_at": NOW + timedelta(days=1), "recipient": BOARD, "purpose": "grants of 2026", "legal_basis": "consent"}
    return Given(**said | {"datasets": (EXAM,), "accounts": named} | other)


@pytest.fixture
def alerts(monkeypatch: pytest.MonkeyPatch) -> list:
    sent: list = []
    monkeypatch.setattr(recipients, "send", lambda alert, _: sent.append(alert) or [])
    return sent


def of(office: Office, user: str) -> list[str]:
    return [one.recipient for one in office.disclosures.of(office.vault.digest(user))]


def test_it_is_entered_by_command_and_names_nobody(town, home, monkeypatch: pytest.MonkeyPatch) -> None:
    said = ("--recipient", BOARD, "--purpose", "grants of 2026", "--basis", "consent", "--dataset", EXAM, "--dataset", LOGIN)
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{ANN}\n{BOB}\n\n{ANN}\n"))
    entered = json.loads(succeeds("privacy", "disclose", *said, "--at", "2026-03-03", "--json"))
    assert (entered["people"], entered["scope"], entered["datasets"]) == (2, "named", [LOGIN, EXAM])
    office = Office(settings(), "tests", ActorKind.SERVICE)
    (record,) = office.audit.records(action="disclosure.entered")
    told = json.loads(record.details)
    assert (told["disclosure_id"], told["people"]) == (entered["disclosure_id"], 2) and BOARD not in record.details
    (listed,) = json.loads(succeeds("privacy", "disclosures", "--json"))
    assert listed == entered and listed["disclosed_at"].startswith("2026-03-03")
    for user, count in ((ANN, 1), (BOB, 1), (CAT, 0)):
        monkeypatch.setattr("sys.stdin", io.StringIO(user))
        assert len(json.loads(succeeds("privacy", "disclosures", "--user", "-", "--json"))) == count
    assert BOARD in succeeds("privacy", "disclosures") and len(list(office.audit.records(action="disclosures.read"))) == 3
    kept = b"".join(path.read_bytes() for folder in ("vault", "audit") for path in (home / folder).iterdir())
    assert BOARD.encode() in kept and not [user for user in (ANN, BOB) if user.encode() in kept]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"legal_basis": "curiosity"}, "legal basis"),
        ({"recipient": "  "}, "recipient is empty"),
        ({"recipient": f"the school of {ANN}"}, "names somebody"),
        ({"purpose": "x" * 201}, "longer than"),
        ({"purpose": "김민수 학생 성적표 제출"}, "names somebody"),
        ({"datasets": ()}, "of something"),
        ({"datasets": ("source.items",)}, "about nobody"),
        ({"disclosed_at": datetime.now(UTC) + timedelta(days=1)}, "not come"),
        ({"accounts": ()}, "none was given"),
        ({"accounts": (ANN, STRANGER)}, "number 2"),
        ({"scope": Scope.ZONE, "scope_value": "nowhere"}, "no zone"),
        ({"scope": Scope.ORG, "scope_value": "8"}, "know nobody of org 8"),
    ],
)
def test_what_cannot_stand_is_refused_and_leaves_nothing(town, office, wrong: dict, message: str) -> None:
    with pytest.raises(BadInputError, match=message) as refused:
        enter(office, given(**{"accounts": (ANN,)} | wrong))
    assert STRANGER not in str(refused.value) and "김민수" not in str(refused.value)
    assert office.disclosures.all() == [] and list(office.audit.records(action="disclosure.")) == []


def test_an_unknown_dataset_and_two_scopes_are_refused(town, office) -> None:
    with pytest.raises(ContractError, match="unknown contract"):
        enter(office, given(ANN, datasets=("exam.evnets",)))
    said = ("--recipient", BOARD, "--purpose", "p", "--basis", "consent", "--dataset", EXAM)
    assert lakehouse("privacy", "disclose", *said, "--org", "7", "--zone", "univprep").returncode == BadInputError.exit_code


def test_every_basis_is_said_in_words() -> None:
    assert set(BASES) == set(registry().word(BASIS).values)


def test_everybody_of_a_tenant_or_zone_is_who_was_there_by_that_day(town, office) -> None:
    late, other, signed_up = "late.account.4", "other.account.5", "new.account.6"
    elsewhere = msgspec.structs.replace(exam(930, other), org_id=8, zone_id="kzone")
    send(town, exam(900, late), elsewhere, account(signed_up))
    then, after = datetime(2026, 3, 1, tzinfo=UTC), NOW + timedelta(days=1)

    def people(scope: Scope, value: str, at: datetime, dataset: str = EXAM) -> set[str]:
        office.disclosures.remove({one.disclosure_id for one in office.disclosures.all()})
        entry = enter(office, given(scope=scope, scope_value=value, disclosed_at=at, datasets=(dataset,)))
        found = {user for user in (ANN, BOB, CAT, late, other, signed_up) if of(office, user)}
        assert entry.people == len(found)
        return found

    assert people(Scope.ORG, "7", then) == {ANN, BOB, CAT}
    assert people(Scope.ORG, "7", after) == {ANN, BOB, CAT, late}
    assert people(Scope.ORG, "8", after) == people(Scope.ZONE, "kzone", after) == {other}
    assert people(Scope.ZONE, "univprep", after, "curated.fact_attempts") == {ANN, BOB, CAT, late, signed_up}, "made from any of clean"


def test_what_was_wrong_is_retracted_seen_and_told_to_nobody(town, office, alerts) -> None:
    entry = enter(office, given(ANN))
    with pytest.raises(BadInputError, match="names somebody"):
        retract(office, entry.disclosure_id, "it was 김민수 학생")
    succeeds("privacy", "retract", entry.disclosure_id, "--reason", "entered twice")
    assert lakehouse("privacy", "retract", entry.disclosure_id, "--reason", "again").returncode == BadInputError.exit_code
    (listed,) = json.loads(succeeds("privacy", "disclosures", "--json"))
    assert (listed["retracted_because"], listed["people"]) == ("entered twice", 1) and listed["retracted_at"]
    assert "retracted: entered twice" in succeeds("privacy", "disclosures")
    request = asked(office, ANN)
    assert opened(office, answer(office, request), request)["data/disclosures.json"]["rows"] == []
    succeeds("privacy", "restrict", ANN, "--reason", "objection_pending")
    assert alerts == []


def test_a_person_sees_to_whom_theirs_was_given_and_nobody_elses(town, office) -> None:
    enter(office, given(ANN, purpose="grants | 2026"))
    enter(office, given(BOB, recipient=INSURER))
    enter(office, given(scope=Scope.ORG, scope_value="7", recipient="Ministry of Education", legal_basis="legal_obligation"))
    request = asked(office, ANN)
    made = answer(office, request)
    rows = opened(office, made, request)["data/disclosures.json"]["rows"]
    assert sorted((row["recipient"], row["scope"], row["scope_value"], row["datasets"]) for row in rows) == [
        ("Ministry of Education", "org", "7", [EXAM]),
        (BOARD, "named", None, [EXAM]),
    ]
    with zipfile.ZipFile(io.BytesIO(b"".join(exports.opened_with(office, request.request_id, made.key)))) as file:
        told = {language: file.read(f"summary.{language}.md").decode() for language in ("ko", "en")}
    assert "| 2026-03-03 | Seoul Office of Education | grants \\| 2026 | 동의 | exam.events |" in told["ko"]
    assert "a legal obligation" in told["en"] and all(INSURER not in text and "tests" not in json.dumps(rows) for text in told.values())


def test_nothing_given_is_said_and_to_take_along_is_another_thing(town, office) -> None:
    enter(office, given(BOB))
    request = asked(office, ANN)
    made = answer(office, request)
    with zipfile.ZipFile(io.BytesIO(b"".join(exports.opened_with(office, request.request_id, made.key)))) as file:
        assert "To no third party" in file.read("summary.en.md").decode()
    taken = asked(office, BOB, Kind.PORTABILITY)
    assert "data/disclosures.json" not in opened(office, answer(office, taken), taken)


def test_it_outlives_their_erasure_names_nobody_and_says_who_is_to_be_told(town, office, alerts) -> None:
    """forget() scans every byte for account, pseudonym and address, the vault's files, too."""
    enter(office, given(ANN, BOB))
    enter(office, given(ANN, datasets=(LOGIN,)))
    enter(office, given(BOB, recipient=INSURER))
    (receipt,) = forget(office, ANN)
    assert receipt["recipients_to_tell"] == [{"recipient": BOARD, "datasets": [LOGIN, EXAM]}] and receipt["scan"]["hits"] == 0
    (alert,) = alerts
    assert alert.facts["recipient 1"] == f"{BOARD}: {LOGIN}, {EXAM}" and alert.facts["request"] == receipt["request_id"]
    assert ANN not in str(alert) and receipt["subject_digest"] not in str(alert)
    assert of(office, ANN) == [BOARD, BOARD] and len(office.disclosures.all()) == 3
    asked_again = json.loads(succeeds("privacy", "disclosures", "--request", receipt["request_id"], "--json"))
    assert [one["recipient"] for one in asked_again] == [BOARD, BOARD]
    with office.vault.engine.connect() as db:
        marks = set(db.scalars(sa.text("select mark from disclosed_person")))
    assert len(marks) == 2 and bytes.fromhex(receipt["subject_digest"]) not in marks, "whoever has the receipt finds nobody"
    late = enter(office, given(ANN, recipient=INSURER))
    assert late.people == 1, "what was given before may be entered after"


def test_words_that_name_them_are_found_and_can_be_taken_out(town, office) -> None:
    """A recipient is called as somebody is known who asks to be forgotten."""
    entry = enter(office, given(BOB, recipient="Gildong Optics"))
    close(office, [ask(office, ANN, "Gildong Optics")])
    purge(office, to_purge(office))
    with pytest.raises(NotForgottenError, match="vault"):
        prove(office, to_prove(office))
    succeeds("privacy", "retract", entry.disclosure_id, "--reason", "it names somebody", "--unsay")
    (receipt,) = prove(office, to_prove(office))
    assert receipt["scan"]["hits"] == 0 and [one.recipient for one in office.disclosures.all()] == [UNSAID]


def test_the_command_that_forgets_says_it(town, office) -> None:
    enter(office, given(ANN))
    assert f"to be told, by you: {BOARD} ({EXAM})" in succeeds("privacy", "erase", ANN)
    assert json.loads(succeeds("privacy", "erase", CAT, "--json"))["recipients"] == []


def test_what_is_restricted_or_put_right_is_to_be_told_too_and_lifting_is_not(town, office, alerts) -> None:
    enter(office, given(BOB, datasets=(USERS,)))
    succeeds("privacy", "restrict", BOB, "--reason", "objection_pending")
    succeeds("privacy", "lift", BOB)
    assert [alert.facts["kind"] for alert in alerts] == ["restriction"]
    (request_id,) = {alert.facts["request"] for alert in alerts}
    assert office.requests.progress(request_id)["recipients"] == [{"recipient": BOARD, "datasets": [USERS]}]
    told = json.loads(succeeds("privacy", "rectify", BOB, "--dataset", USERS, "--field", "email", "--value", "bob@example.com", "--json"))
    assert told["state"] == "verified" and len(alerts) == 1, "nothing is right yet"
    right = account(BOB, "u", 2)
    row = json.loads(bytes(right.payload)) | {"email": "bob@example.com"}
    body = msgspec.Raw(json.dumps(row).encode())
    send(town, msgspec.structs.replace(right, payload=body, received_at=datetime.now(UTC)))
    assert json.loads(succeeds("privacy", "run", "--close-only", "--json"))["answered"] == [told["request_id"]]
    assert [alert.facts["kind"] for alert in alerts] == ["restriction", "rectification"]


def test_new_keys_of_the_vault_know_the_same_people(town, office) -> None:
    enter(office, given(ANN))
    succeeds("vault", "rotate")
    later = Office(settings(), "tests", ActorKind.SERVICE)
    assert of(later, ANN) == [BOARD] and of(later, BOB) == []


def test_many_people_at_once(office) -> None:
    people = [number.to_bytes(32, "big") for number in range(12_000)]
    entry = Disclosure("d-1", NOW, BOARD, "p", "consent", (EXAM,), "org", "7", len(people), "tests", NOW)
    register = Disclosures(office.vault)
    register.add(entry, people)
    assert register.of(people[-1]) == [entry] and register.naming(people[11_990:]) == {"d-1"} == register.naming(people)
    assert register.naming([b"x" * 32]) == set()
    register.remove(["d-1"])
    assert register.all() == [] and register.naming(people) == set()
