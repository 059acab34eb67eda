"""Who runs a command, by token or key: what they may read as, what they can only narrow, and the record of every try."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from feature_repo import permitted
from lakehouse.access.caller import RateLimit, Role, Scope
from lakehouse.access.keys import Key, KeyStore
from lakehouse.access.open import open_keys
from lakehouse.contracts import registry
from lakehouse.errors import DeniedError
from lakehouse.privacy.access import Level
from lakehouse.privacy.chain import ActorKind
from lakehouse.privacy.reading import Looks, Wanted, reading
from lakehouse.privacy.roles import GRANTS, Purpose, Reader
from lakehouse.settings import Settings, settings
from lakehouse.storage.open import open_audit, open_vault
from lakehouse.storage.sql import sqlite_engine
from tests.access.token_issuer import AUDIENCE, Issuer
from tests.commands import lakehouse, succeeds


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    one = Issuer()
    yield one
    one.close()


def closed(home: Path, issuer: Issuer, shown: str | None) -> Settings:
    return Settings(home=home, access="on", oidc_issuer=issuer.url, oidc_audience=AUDIENCE, data_token=shown)


def as_read(settings: Settings, **wanted: object) -> Reader:
    with reading(settings, "table.read", Wanted(**wanted), Role.ANALYST) as looks:
        return looks.reader


def token(issuer: Issuer, **claims: object) -> str:
    return issuer.token(**{"scope": "data:read", "role": "analyst", "zones": ["kzone", "univprep"], "orgs": ["*"]} | claims)


def test_a_token_says_who_reads_and_options_narrow_it(home: Path, issuer: Issuer) -> None:
    one = closed(home, issuer, token(issuer))
    reader = as_read(one)
    assert (reader.role, reader.purpose, reader.level, reader.zones, reader.orgs) == (
        Role.ANALYST,
        Purpose.ANALYTICS,
        Level.L2,
        frozenset({"kzone", "univprep"}),
        None,
    )
    narrowed = as_read(one, zones=frozenset({"kzone"}), orgs=frozenset({7}), level=Level.L1)
    assert (narrowed.zones, narrowed.orgs, narrowed.level) == (frozenset({"kzone"}), frozenset({7}), Level.L1)
    assert (reader.actor, reader.actor_kind) == (narrowed.actor, ActorKind.TOKEN)
    assert as_read(closed(home, issuer, token(issuer))).actor == reader.actor  # in another process, too: audit needs it
    assert as_read(closed(home, issuer, token(issuer, sub="another"))).actor != reader.actor


@pytest.mark.parametrize(
    ("claims", "wanted"),
    [
        ({"role": None}, {}),
        ({"role": "emperor"}, {}),
        ({"scope": "live:read"}, {}),
        ({}, {"role": Role.SYS_ADMIN}),
        ({}, {"zones": frozenset({"mediprep"})}),
        ({"orgs": [7]}, {"orgs": frozenset({8})}),
        ({"orgs": [7]}, {"zones": frozenset({"kzone"}), "orgs": frozenset({7, 8})}),
        ({}, {"level": Level.L3}),
        ({"region": "seoul"}, {"level": Level.L3}),
        ({}, {"purpose": Purpose.AI_TRAINING}),
        ({}, {"person": "a" * 32}),
        ({"role": "teacher"}, {}),
        ({"role": "zone_admin", "zones": ["*"]}, {}),
        ({"role": "student"}, {}),
        ({"role": "org_admin", "orgs": [7], "region": "frankfurt"}, {"level": Level.L3}),
    ],
)
def test_what_a_token_does_not_give_is_refused_and_recorded(home: Path, issuer: Issuer, claims: dict, wanted: dict) -> None:
    one = closed(home, issuer, token(issuer, **claims))
    with pytest.raises(DeniedError) as refused:
        as_read(one, **wanted)
    assert refused.value.is_known
    (record,) = open_audit(one).records()
    assert (record.action, record.outcome, record.actor_kind) == ("table.read", "denied", "token")


def test_nobody_known_reads_nothing_and_is_recorded(home: Path, issuer: Issuer) -> None:
    for shown in (None, "mck_0123456789abcdef_nothing"):
        with pytest.raises(DeniedError) as refused:
            as_read(closed(home, issuer, shown))
        assert not refused.value.is_known
    assert [r.actor for r in open_audit(closed(home, issuer, None)).records(action="table.read")] == ["anybody", "anybody"]


def test_personal_columns_are_read_in_their_region_alone(home: Path, issuer: Issuer) -> None:
    said = {"role": "org_admin", "orgs": [7]}
    assert as_read(closed(home, issuer, token(issuer, **said, region="seoul"))).level is Level.L3
    assert as_read(closed(home, issuer, token(issuer, **said, region="europe-west3"))).level is Level.L2
    assert as_read(closed(home, issuer, token(issuer, **said))).level is Level.L2


def test_a_students_token_reads_their_own_rows_from_anywhere(home: Path, issuer: Issuer) -> None:
    one = closed(home, issuer, token(issuer, role="student", user_id="kim"))
    pid = open_vault(one).subjects(["kim"])["kim"].pid
    reader = as_read(one)
    assert (reader.person, reader.level, reader.purpose) == (pid, Level.L3, Purpose.OWN_DATA)
    assert pid not in repr([r.told() for r in open_audit(one).records()])


def test_a_key_has_a_role_and_older_stores_get_the_column(home: Path, issuer: Issuer) -> None:
    now = datetime.now(UTC)
    store = open_keys(Settings(home=home))
    key = Key("", "tutor", frozenset({Scope.DATA_READ}), None, None, RateLimit(1, 1), now, now + timedelta(days=1), role=Role.ML_ENGINEER)
    shown = store.create(key)
    reader = as_read(closed(home, issuer, shown), purpose=Purpose.TUTORING)
    assert (reader.role, reader.actor_kind) == (Role.ML_ENGINEER, ActorKind.KEY) and shown.split("_")[1] == reader.actor
    store.close()
    engine = sqlite_engine(home / "access" / "keys.sqlite")
    with engine.begin() as db:
        db.exec_driver_sql("ALTER TABLE access_key DROP COLUMN role")
    again = KeyStore(engine)
    assert [k.role for k in again.all()] == [None] and again.find(again.create(key), now).role is Role.ML_ENGINEER
    with pytest.raises(DeniedError):
        as_read(closed(home, issuer, shown))  # what has no role any more reads nothing


def test_features_are_for_readers_of_every_zone_or_of_one_person(home: Path) -> None:
    views = registry().layer("features")
    users = ["a" * 32, "b" * 32]
    audit = open_audit(Settings(home=home))

    def asked(role: Role, purpose: Purpose, **bound: object) -> list[str]:
        reader = Reader("one", ActorKind.SERVICE, role, purpose, Level.L2, **bound)
        return permitted.users(Settings(home=home), Looks(reader, audit), views, users)

    assert asked(Role.ML_ENGINEER, Purpose.TUTORING) == users
    assert asked(Role.STUDENT, Purpose.OWN_DATA, person="b" * 32) == ["b" * 32]
    for role, purpose, bound in (
        (Role.ANALYST, Purpose.ANALYTICS, {}),
        (Role.ML_ENGINEER, Purpose.TUTORING, {"zones": frozenset({"kzone"})}),
        (Role.TUTOR, Purpose.TUTORING, {"orgs": frozenset({7})}),
    ):
        with pytest.raises(DeniedError):
            asked(role, purpose, **bound)
    with pytest.raises(DeniedError):
        reader = Reader("one", ActorKind.SERVICE, Role.SYS_ADMIN, Purpose.AI_TRAINING, Level.L2, person="b" * 32)
        permitted.kept_out(Settings(home=home), Looks(reader, audit), views, frozenset(), 2)
    assert [r.outcome for r in audit.records()] == ["allowed", "allowed", "denied", "denied", "denied"]


def test_every_role_has_a_grant() -> None:
    assert GRANTS.keys() == set(Role) and all(grant.purposes for grant in GRANTS.values())


def test_a_command_tells_and_refuses(home: Path) -> None:
    rows = succeeds("query", "select 1 as one, '[redacted]' as two", "--format", "json")
    assert json.loads(rows) == {"one": 1, "two": "[redacted]"}
    assert succeeds("query", "select 1 as one", "--format", "csv").split() == ["one", "1"]
    assert "\\x1b" in succeeds("query", "select chr(27) || '[31m' as red") and "\x1b[31m" not in succeeds("query", "select chr(27) as red")
    assert "curated.dim_user: user_pid (token)" in succeeds("query", "--tables", "--as", "analyst")
    assert succeeds("query", "select count(*) as n from exam_events", "--as", "data_engineer", "--format", "csv").split() == ["n", "0"]
    for words, code in (
        (("select * from exam_events",), 16),
        (("select 1", "--as", "teacher"), 16),
        (("select 1", "--zone", "atlantis"), 11),
        (("select from",), 11),
        ((), 11),
        (("select count(*) from dim_user",), 11),
    ):
        assert lakehouse("query", *words).returncode == code, words
    outcomes = [r.outcome for r in open_audit(settings()).records(action="table.read")]
    assert outcomes.count("denied") == 2 and outcomes.count("allowed") >= 6


def test_no_key_reads_data_without_a_role(home: Path) -> None:
    words = ("keys", "create", "--purpose", "tutor", "--all-zones", "--all-orgs")
    assert lakehouse(*words, "--scope", "data:read").returncode == 11
    assert lakehouse(*words, "--scope", "live:read", "--role", "analyst").returncode == 11
    succeeds(*words, "--scope", "data:read", "--role", "ml_engineer")
    assert json.loads(succeeds("keys", "list", "--json"))["role"] == "ml_engineer"
