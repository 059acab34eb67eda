"""A lake of people, and the privacy office that forgets some of them."""

import json
import shutil
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest

from lakehouse.contracts import registry
from lakehouse.envelope import Envelope, pack_envelopes
from lakehouse.privacy.chain import ActorKind
from lakehouse.privacy.erasure.close import close
from lakehouse.privacy.erasure.office import Office
from lakehouse.privacy.erasure.prove import prove, to_prove
from lakehouse.privacy.erasure.purge import purge, to_purge
from lakehouse.privacy.requests import Kind, Request, Whom, due_at
from lakehouse.settings import settings
from tests.beam.conftest import Lake

EXAM, LOGIN, USERS = "exam.events", "auth.login.events", "source.users"
NOW = datetime(2026, 3, 2, 16, 30, tzinfo=UTC)
ANN, BOB, CAT = "ann.account.1", "bob.account.2", "cat.account.3"
MAIL = "ann.of.the.test@example.com"


def envelope(contract: str, event_id: str, user: str, payload: dict) -> Envelope:
    return Envelope(event_id, contract, "1.0.0", "test", "univprep", NOW, msgspec.Raw(json.dumps(payload).encode()), 7, user)


def exam(number: int, user: str, **more: object) -> Envelope:
    happened = (NOW - timedelta(hours=number % 30)).isoformat()
    body = {"event_type": "attempt_finished", "occurred_at": happened, "user_id": user, "attempt_id": f"a-{number}", "exam_id": "e-1"}
    return envelope(EXAM, f"exam-{number:05d}", user, body | {"started_at": happened, "score": 50.0, "time_spent_ms": 1000} | more)


def login(number: int, user: str, **more: object) -> Envelope:
    body = {"event_type": "logout", "occurred_at": NOW.isoformat(), "user_id": user}
    return envelope(LOGIN, f"login-{number:05d}", user, body | more)


def account(user: str, op: str = "c", lsn: int = 1) -> Envelope:
    """A row of the source's table of users, as Debezium tells of it."""
    row = {"op": op, "changed_at": NOW.isoformat(), "source_lsn": lsn, "user_id": user, "role": "student", "signed_up_at": NOW.isoformat()}
    return envelope(USERS, f"{USERS}-{user[:3]}-{op}-{lsn}", user, row | {"email": MAIL} if user == ANN else row)


def send(lake: Lake, *envelopes: Envelope, refine: bool = True) -> None:
    for contract in dict.fromkeys(e.contract for e in envelopes):
        lake.publish(contract, pack_envelopes([e for e in envelopes if e.contract == contract]))
    lake.land()
    if refine:
        lake.refine()


def ask(office: Office, user: str, *identifiers: str) -> Request:
    """A request that was verified."""
    digest, moment = office.vault.digest(user), datetime.now(UTC)
    request = Request(str(uuid4()), Kind.ERASURE, digest, "app", "self", "pipa", moment, due_at(moment, "pipa"), moment, "tests")
    office.requests.add(request, Whom(user, identifiers))
    return request


def forget(office: Office, *users: str) -> list[dict]:
    """The whole of it, for some people together: their receipts."""
    close(office, [ask(office, user, *([MAIL] if user == ANN else [])) for user in users])
    purge(office, to_purge(office))
    return prove(office, to_prove(office))


def rows_of(lake: Lake, contract: str, pids: Iterable[str]) -> int:
    wanted = set(pids)
    return sum(row["user_pid"] in wanted for row in lake.clean(contract))


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three people's exams, logins and accounts; a dead letter of Ann's and one of Bob's. Made once, and copied for each test."""
    folder = tmp_path_factory.mktemp("town") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAKEHOUSE_HOME", str(folder))
        settings.cache_clear()
        lake = Lake(settings())
        send(lake, *(exam(n, (ANN, BOB, CAT)[n % 3]) for n in range(60)), exam(900, ANN, score="much"), exam(901, BOB, score="much"))
        send(lake, *(login(n, (ANN, BOB, CAT)[n % 3]) for n in range(30)), *map(account, (ANN, BOB, CAT)))
    settings.cache_clear()
    return folder


@pytest.fixture
def town(prepared: Path, home: Path) -> Lake:
    shutil.copytree(prepared, home, dirs_exist_ok=True)
    return Lake(settings())


@pytest.fixture
def office(home: Path) -> Office:
    return Office(settings(), "tests", ActorKind.SERVICE)


@pytest.fixture
def pids(town: Lake) -> dict[str, str]:
    return {user: known.pid for user, known in town.at.vault.subjects([ANN, BOB, CAT]).items()}


def current_users(lake: Lake) -> set[str]:
    contract = registry().get(USERS)
    return {row["user_pid"] for row in lake._rows(lake.at.tables.files(f"{contract.domain}/current/{contract.table}"))}
