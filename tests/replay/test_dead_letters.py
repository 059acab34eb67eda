"""Every failure is typed, counted and found again; and nobody sees what is inside without leaving a record of it."""

import json
import shutil
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakehouse import places, verdicts
from lakehouse.settings import Settings, settings
from tests.beam.conftest import Lake
from tests.replay.conftest import EXAM, LOGIN, NOW, erase, exam, lakehouse, listed, login, sent

WRONG_TYPE, UNKNOWN = {"user_id": 17}, {"nickname": "x"}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three letters of auth.login.events by two reasons, one of exam.events, and two pieces that are no envelopes."""
    lake, day_before = Lake(Settings(home=tmp_path_factory.mktemp("letters"))), NOW - timedelta(days=1)
    sent(lake, LOGIN, [login(1), login(2, **WRONG_TYPE), login(3, **UNKNOWN), login(4, received_at=day_before, **UNKNOWN)])
    sent(lake, EXAM, [exam(1), exam(2, score=101)], b"no envelope", b'{"event_id": "kim@example.com"}')
    return lake.settings.home


@pytest.fixture
def letters(base: Path, home: Path) -> Lake:
    shutil.copytree(base, home, dirs_exist_ok=True)
    return Lake(settings())


@pytest.mark.parametrize(
    "words, codes",
    [
        ((), ["bad_envelope", "out_of_range", "unknown_field", "unknown_field", "unreadable_message", "wrong_type"]),
        (("--contract", LOGIN), ["unknown_field", "unknown_field", "wrong_type"]),
        (("--code", "unknown_field"), ["unknown_field", "unknown_field"]),
        (("--field", "score"), ["out_of_range"]),
        (("--step", "land"), ["bad_envelope", "unreadable_message"]),
        (("--zone", "univprep"), ["out_of_range", "unknown_field", "unknown_field", "wrong_type"]),
        (("--zone", "mediprep"), []),
        (("--org", "7", "--contract", EXAM), ["out_of_range"]),
        (("--org", "8"), []),
        (("--to", "2026-03-02"), ["unknown_field"]),
        (("--from", "2026-03-02", "--to", "2026-03-03T00:00+00:00"), ["out_of_range", "unknown_field", "wrong_type"]),
        (("--from", "2026-03-03", "--by", "failed", "--step", "refine"), ["out_of_range", "unknown_field", "unknown_field", "wrong_type"]),
        (("--limit", "1"), None),
    ],
)
def test_letters_are_found_by_what_is_known_of_them(letters: Lake, words: tuple, codes: list | None) -> None:
    found = listed(*words)
    if codes is None:
        assert len(found) == 1
    else:
        assert sorted(letter["error_code"] for letter in found) == codes
        assert {letter["redrive_state"] for letter in found} <= {"open"}


def test_a_summary_by_reason_says_since_when(letters: Lake) -> None:
    said = json.loads(lakehouse("deadletters", "count", "--contract", LOGIN, "--json"))
    assert said["dead_letters"] == 3
    unknown, wrong = said["reasons"]
    assert (unknown["error_code"], unknown["error_field"], unknown["letters"]) == ("unknown_field", None, 2)
    assert (unknown["first_received_at"], unknown["last_received_at"]) == ("2026-03-01T16:30:00+00:00", "2026-03-02T16:30:00+00:00")
    assert (wrong["error_code"], wrong["error_field"], wrong["letters"]) == ("wrong_type", "user_id", 1)


def test_an_alert_may_ask(letters: Lake) -> None:
    lakehouse("deadletters", "count", "--fail-above", "6")
    assert "6 dead letters" in lakehouse("deadletters", "count", "--fail-above", "5", code=20)
    metrics = lakehouse("deadletters", "count", "--prometheus")
    assert f'dead_letters{{contract="{LOGIN}",error_code="unknown_field",failed_step="refine",redrive_state="open"}} 2.0' in metrics
    assert f'dead_letters_oldest_age_seconds{{contract="{LOGIN}"}}' in metrics


def test_a_letter_keeps_its_id_and_shows_its_envelope(letters: Lake) -> None:
    [before] = listed("--code", "wrong_type")
    letters.refine()
    [again] = listed("--code", "wrong_type")
    assert before == again
    shown = json.loads(lakehouse("deadletters", "show", before["dead_letter_id"], "--json"))
    assert (shown["event_id"], shown["error_field"], shown["zone_id"]) == ("event-00002", "user_id", "univprep")
    assert shown["means"] and shown["sender_should"] and "payload" not in shown


def test_what_is_inside_is_shown_on_request_only_and_leaves_a_record(letters: Lake) -> None:
    [letter] = listed("--code", "wrong_type")
    assert "event_type" not in lakehouse("deadletters", "show", letter["dead_letter_id"]) and not lakehouse("audit", "list", "--json")
    told = json.loads(lakehouse("deadletters", "show", letter["dead_letter_id"], "--reveal", "--reason", "ticket 812", "--json"))
    assert json.loads(told["payload"])["user_id"] == 17
    [record] = [json.loads(line) for line in lakehouse("audit", "list", "--json").splitlines()]
    assert (record["action"], record["dataset"], record["purpose"], record["outcome"]) == (
        "deadletter.revealed",
        LOGIN,
        "ticket 812",
        "allowed",
    )
    assert record["details"] == {"dead_letter_id": letter["dead_letter_id"]} and record["actor_kind"] == "os_user"


def test_a_message_that_is_no_envelope_is_shown_too_and_cannot_command_the_terminal(lake: Lake) -> None:
    sent(lake, EXAM, [exam(1)], b"\x1b]0;owned\x07 \xff no envelope")
    [letter] = listed("--step", "land")
    told = lakehouse("deadletters", "show", letter["dead_letter_id"], "--reveal")
    assert "no envelope" in told and "\x1b" not in told and "\\x1b" in told


def test_a_forgotten_person_is_not_shown_to_anybody(letters: Lake) -> None:
    erase(letters, "kim")
    [letter] = listed("--contract", EXAM, "--code", "out_of_range")
    told = json.loads(lakehouse("deadletters", "show", letter["dead_letter_id"], "--reveal", "--json"))
    assert (told["payload"], told["is_forgotten"]) == (None, True)


def test_whoever_is_hidden_is_not_shown_before_their_key_is_gone(letters: Lake) -> None:
    [letter] = listed("--contract", EXAM, "--code", "out_of_range")
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"pid": [letters.at.vault.subjects(["kim"])["kim"].pid]}), sink)
    letters.at.files.put(places.hidden_people(), sink.getvalue().to_pybytes())
    told = json.loads(lakehouse("deadletters", "show", letter["dead_letter_id"], "--reveal", "--json"))
    assert (told["payload"], told["is_forgotten"]) == (None, True)


def test_no_value_of_a_person_is_in_what_is_listed(letters: Lake) -> None:
    everything = lakehouse("deadletters", "list", "--json") + lakehouse("deadletters", "count", "--json")
    assert "kim" not in everything and "nickname" not in everything


def test_letters_from_before_they_had_ids_have_the_same(lake: Lake) -> None:
    sent(lake, LOGIN, [login(1, **UNKNOWN), login(2, **UNKNOWN)])
    [path] = (settings().home / "lake").rglob("dead_letters/login_events/*.parquet")
    with_ids = {letter["dead_letter_id"] for letter in listed()}
    pq.write_table(pq.read_table(path).drop_columns(["dead_letter_id", "failed_at"]), path)
    sent(lake, LOGIN, [login(3, **UNKNOWN)])
    assert with_ids < {letter["dead_letter_id"] for letter in listed()} and len(listed()) == 3


def test_what_is_not_there_is_said(lake: Lake) -> None:
    assert listed() == []
    assert "no dead letter is named" in lakehouse("deadletters", "show", "nothing", code=11)
    assert "is no moment" in lakehouse("deadletters", "list", "--from", "yesterday", code=11)
    lakehouse("deadletters", "list", "--contract", "no.such", code=10)


def test_the_page_for_who_is_on_call_knows_every_reason(root: Path) -> None:
    page = (root / "docs" / "on_call" / "dead_letters.md").read_text(encoding="utf-8")
    of_the_door_alone = {verdicts.EMPTY, verdicts.FORBIDDEN_ORG}
    assert [code for code in verdicts.CODES if f"| `{code}` |" not in page and code not in of_the_door_alone] == []
