"""The newest decision holds, wherever it was made; and a training set is taken back when one of its people may not be in it any more."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lakehouse.errors import BadInputError, DeniedError
from lakehouse.privacy import training_sets
from lakehouse.privacy.consents import TRAINING, agreed, purposes, standing
from lakehouse.privacy.erasure.close import close
from lakehouse.privacy.rights.gather import gather
from lakehouse.settings import settings
from tests.commands import lakehouse, succeeds
from tests.erasure.conftest import ANN, BOB, CAT, MAIL, NOW, ask, envelope, forget, send

CONSENTS, ROWS = "consent.events", "source.user_consents"


def decided(user: str, is_granted: bool, minute: int, purpose: str = TRAINING):
    """By an event of an application."""
    body = {
        "event_type": "consent_granted" if is_granted else "consent_withdrawn",
        "occurred_at": (NOW - timedelta(minutes=minute)).isoformat(),
    }
    body |= {"user_id": user, "consent_purpose": purpose, "policy_version": "3", "consent_source": "settings"}
    return envelope(CONSENTS, f"consent-{user[:3]}-{purpose}-{minute}-{is_granted}", user, body)


def row(user: str, is_granted: bool, minute: int, lsn: int, purpose: str = TRAINING):
    """By a row of the source's table."""
    at = (NOW - timedelta(minutes=minute)).isoformat()
    body = {"op": "c", "changed_at": at, "source_lsn": lsn, "consent_id": f"co-{lsn}", "user_id": user, "consent_purpose": purpose}
    return envelope(ROWS, f"{ROWS}-{lsn}", user, body | {"is_granted": is_granted, "policy_version": "2", "decided_at": at})


def test_the_newest_decision_holds_wherever_it_was_made(town, office, pids) -> None:
    assert standing(settings()) == [] and agreed(settings(), TRAINING) == frozenset()
    send(
        town,
        *(decided(ANN, True, 30), row(ANN, False, 20, 1), decided(ANN, True, 10)),
        *(decided(BOB, True, 30), row(BOB, False, 20, 2)),
        *(row(CAT, True, 30, 3), decided(CAT, False, 10, "marketing")),
    )
    assert agreed(settings(), TRAINING) == {pids[ANN], pids[CAT]}
    assert agreed(settings(), "marketing") == frozenset(), "who never decided has allowed nothing"
    (told,) = standing(settings(), pids[BOB])
    assert (told.is_granted, told.decided_in, told.decided_at) == (False, ROWS, NOW - timedelta(minutes=20))
    send(town, decided(ANN, True, 5), decided(ANN, False, 5))
    assert agreed(settings(), TRAINING) == {pids[CAT]}, "of one moment the refusal holds"
    with pytest.raises(BadInputError, match="no such purpose"):
        agreed(settings(), "anything")


def test_the_command_says_it_for_every_purpose(town, pids) -> None:
    send(town, decided(ANN, True, 30), decided(ANN, False, 10, "marketing"))
    told = {one["purpose"]: one for one in json.loads(succeeds("privacy", "consents", ANN, "--json"))}
    assert tuple(told) == purposes()
    assert told[TRAINING]["is_granted"] and not told["marketing"]["is_granted"] and told["marketing"]["decided_at"]
    assert told["analytics"] == {"purpose": "analytics", "is_granted": False, "decided_at": None, "policy_version": None}
    assert "never decided" in succeeds("privacy", "consents", "stranger.account.9")


@pytest.fixture
def a_set(town, pids, tmp_path: Path) -> Path:
    """A file that was issued, of Ann and Bob, who have agreed."""
    send(town, decided(ANN, True, 30), decided(BOB, True, 30))
    file = tmp_path / "frame.parquet"
    file.write_bytes(b"rows of Ann and Bob")
    training_sets.issue(settings(), file, [pids[ANN], pids[BOB]], TRAINING, "somebody", ["features.engagement_vector"], 2)
    return file


def state() -> list[tuple[int, list[str]]]:
    return [(one["people"], [w["because"] for w in one["withdrawn"]]) for one in json.loads(succeeds("privacy", "datasets", "--json"))]


def test_what_was_issued_may_be_loaded_as_it_was(a_set: Path, pids, home: Path) -> None:
    assert state() == [(2, [])] and lakehouse("privacy", "datasets", "--check", str(a_set)).returncode == 0
    manifest = json.loads(a_set.with_name("frame.parquet.manifest.json").read_text())
    assert manifest["set_id"] == training_sets.require(settings(), a_set)["set_id"] and "people" not in manifest
    (kept,) = (home / "lake/platform/privacy/training_sets").iterdir()
    assert not any(pid in kept.read_text() for pid in pids.values())
    a_set.write_bytes(b"rows of Ann and Bob, and more")
    assert lakehouse("privacy", "datasets", "--check", str(a_set)).returncode == BadInputError.exit_code


def test_a_consent_that_is_taken_back_withdraws_it_and_its_owner_is_told(a_set, town, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = []
    monkeypatch.setattr(training_sets, "send", lambda alert, _: sent.append(alert) or [])
    assert json.loads(succeeds("privacy", "run", "--json"))["withdrawn"] == []
    send(town, decided(ANN, False, 10))
    assert len(json.loads(succeeds("privacy", "run", "--json"))["withdrawn"]) == 1
    assert state() == [(1, ["consent"])] and lakehouse("privacy", "datasets", "--check", str(a_set)).returncode == DeniedError.exit_code
    assert json.loads(succeeds("privacy", "run", "--json"))["withdrawn"] == [], "once"
    (alert,) = sent
    assert alert.facts["issued to"] == "somebody" and alert.facts["because"] == "consent" and ANN not in str(alert)


def test_an_erasure_withdraws_it_at_once_and_is_proved(a_set: Path, office, pids) -> None:
    close(office, [ask(office, ANN, MAIL)])
    assert state() == [(1, ["erasure"])]
    with pytest.raises(DeniedError, match="erasure"):
        training_sets.require(settings(), a_set)
    signed, _ = forget(office, BOB)  # and Ann, who waited
    assert state() == [(0, ["erasure", "erasure"])]
    assert "platform/privacy/training_sets" in {one["place"] for one in signed["places"]}


def test_a_restriction_withdraws_it_and_makes_nobody_agree(a_set: Path, pids) -> None:
    succeeds("privacy", "restrict", BOB, "--reason", "objection_pending")
    assert state() == [(1, ["restriction"])] and agreed(settings(), TRAINING) == {pids[ANN]}
    succeeds("privacy", "lift", BOB)
    assert state() == [(1, ["restriction"])], "what is withdrawn stays so"
    assert agreed(settings(), TRAINING) == {pids[ANN], pids[BOB]}


def test_a_person_sees_which_sets_they_are_in(a_set: Path, office) -> None:
    from lakehouse.privacy.requests import Kind, Whom
    from lakehouse.privacy.rights.gather import known

    held = {one.dataset: one.rows for one in gather(office, known(office, Whom(ANN)), Kind.ACCESS)}
    (told,) = held["training sets"]
    assert told["purpose"] == TRAINING and "issued_to" not in told
    assert "training sets" not in {one.dataset for one in gather(office, known(office, Whom(CAT)), Kind.ACCESS)}
    assert datetime.fromisoformat(told["issued_at"]) <= datetime.now(UTC)
