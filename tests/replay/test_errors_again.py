"""Dead letters after a fix: each ends in exactly one state, and what was delivered is not delivered again."""

import json
from collections import Counter
from collections.abc import Callable

import pytest

from beam_pipelines import redriving
from beam_pipelines.locks import alone
from lakehouse.envelope import encode, pack
from tests.beam.conftest import Lake
from tests.replay.conftest import EXAM, LOGIN, erase, exam, lakehouse, listed, login, replayed, sent

WIDER = (
    "vocabulary.yaml",
    "score: {type: float, classification: internal, min: 0, max: 100",
    "score: {type: float, classification: internal, min: 0, max: 200",
)


def ids(lake: Lake, contract: str = EXAM) -> list[str]:
    return [row["event_id"] for row in lake.clean(contract)]


def states() -> Counter:
    return Counter(letter["redrive_state"] for letter in listed("--all"))


def test_a_wider_rule_brings_the_letters_in_and_twice_changes_nothing(lake: Lake, fix: Callable) -> None:
    sent(lake, EXAM, [exam(1), exam(2, score=150), exam(3, score=180), exam(4, score=999)])
    assert replayed("--errors") == {EXAM: {"records": 3, "still_failing": 3}}
    fix(*WIDER)
    assert replayed("--errors", "--contract", EXAM, "--dry-run") == {EXAM: {"records": 3, "replayed": 2, "still_failing": 1}}
    assert ids(lake) == ["exam-00001"] and len(listed()) == 3
    assert replayed("--errors") == {EXAM: {"records": 3, "replayed": 2, "still_failing": 1}}
    clean = lake.clean(EXAM)
    assert [row["score"] for row in clean] == [50, 150, 180]
    assert replayed("--errors") == {EXAM: {"records": 1, "still_failing": 1}}
    assert lake.clean(EXAM) == clean
    assert states() == {"replayed": 2, "still_failing": 1}
    [left] = listed()
    assert (left["event_id"], left["redrive_count"], left["error_code"]) == ("exam-00004", 3, "out_of_range")


def test_a_letter_says_why_it_fails_today(lake: Lake, fix: Callable) -> None:
    sent(lake, EXAM, [exam(1, score="x")])
    fix("exams/events.odcs.yaml", "attempt_finished: [", "attempt_finished: [skill, ")
    assert replayed("--errors", "--code", "wrong_type") == {EXAM: {"records": 1, "still_failing": 1}}
    [letter] = listed()
    assert letter["error_code"] in ("missing_field", "wrong_type")
    assert replayed("--errors", "--code", "no_such_code") == {}


def test_what_is_in_clean_already_is_a_duplicate(lake: Lake, fix: Callable) -> None:
    sent(lake, EXAM, [exam(1, score=150)])
    sent(lake, EXAM, [exam(1)])  # its sender mended it, and sent it again under the same event_id
    fix(*WIDER)
    assert replayed("--errors") == {EXAM: {"records": 1, "duplicates": 1}}
    assert [row["score"] for row in lake.clean(EXAM)] == [50]
    assert (listed(), states()) == ([], {"duplicate": 1})


def test_two_letters_of_one_event_are_one_row(lake: Lake, fix: Callable) -> None:
    sent(lake, EXAM, [exam(1, score=150)])
    sent(lake, EXAM, [exam(1, score=150), exam(2, score=150)])
    fix(*WIDER)
    assert replayed("--errors") == {EXAM: {"records": 3, "replayed": 2, "duplicates": 1}}
    assert ids(lake) == ["exam-00001", "exam-00002"]


def test_the_erased_stay_forgotten(lake: Lake, fix: Callable) -> None:
    sent(lake, EXAM, [exam(1, user="lee", score=150), exam(2, score=150)])
    erase(lake, "lee")
    fix(*WIDER)
    assert replayed("--errors") == {EXAM: {"records": 2, "replayed": 1, "forgotten": 1}}
    assert ids(lake) == ["exam-00002"]
    assert states() == {"replayed": 1, "forgotten": 1}
    assert replayed("--errors") == {}


def test_only_what_was_asked_for_is_driven(lake: Lake, fix: Callable) -> None:
    sent(lake, EXAM, [exam(1, score=150), exam(2, attempt_id=17)])
    sent(lake, LOGIN, [login(1, nickname="x")])
    fix(*WIDER)
    assert replayed("--errors", "--field", "score") == {EXAM: {"records": 1, "replayed": 1}}
    assert replayed("--errors", "--from", "2026-03-03") == {}
    assert replayed("--errors", "--step", "land") == {}
    assert {letter["error_code"] for letter in listed()} == {"wrong_type", "unknown_field"}


# ------------------------------------------------------------------------------------------------- what was no envelope


def _foreign_zone(number: int, **payload: object) -> bytes:
    return encode(exam(number, **payload)).replace(b'"univprep"', b'"busanprep"')


NEW_ZONE = (
    "reference/zones.yaml",
    "zones:\n",
    "zones:\n  - {zone_id: busanprep, zone_name: BusanPrepAI.com, site_host: busanprepai.com}\n",
)


def test_an_envelope_that_land_refused_comes_in_after_the_fix(lake: Lake, fix: Callable) -> None:
    sent(lake, EXAM, [exam(1)], *pack([_foreign_zone(2), _foreign_zone(3, score=999), _foreign_zone(1)]), b"no envelope")
    assert replayed("--errors") == {EXAM: {"records": 4, "still_failing": 4}}
    fix(*NEW_ZONE)
    assert replayed("--errors") == {EXAM: {"records": 4, "replayed": 1, "duplicates": 1, "still_failing": 2}}
    assert [(row["event_id"], row["zone_id"]) for row in lake.clean(EXAM)] == [("exam-00001", "univprep"), ("exam-00002", "busanprep")]
    assert {letter["error_code"] for letter in listed()} == {"out_of_range", "unreadable_message"}
    assert states() == {"replayed": 1, "duplicate": 1, "still_failing": 2}
    lake.refine()  # what replay landed is refined already
    assert ids(lake) == ["exam-00001", "exam-00002"]
    assert replayed("--into", "again")[EXAM]["replayed"] == 2, "whoever rebuilds finds it in raw"


def test_a_message_of_several_stays_open_until_all_of_it_is_in(lake: Lake, fix: Callable, monkeypatch) -> None:
    """A decoder that could not read a whole message is mended; one record of the message fails for another reason."""
    from lakehouse import envelope

    whole = b"GZIP" + b"\n".join([encode(exam(1)), encode(exam(2)), encode(exam(3, score=150))])
    sent(lake, EXAM, [], whole)
    monkeypatch.setattr(envelope, "unpack", lambda message: message.removeprefix(b"GZIP").split(b"\n"))
    assert replayed("--errors") == {EXAM: {"records": 1, "still_failing": 1}}
    assert ids(lake) == ["exam-00001", "exam-00002"]
    fix(*WIDER)
    assert replayed("--errors") == {EXAM: {"records": 1, "replayed": 1}}
    assert ids(lake) == ["exam-00001", "exam-00002", "exam-00003"]


def test_an_erased_person_does_not_come_back_by_a_message(lake: Lake, fix: Callable) -> None:
    sent(lake, EXAM, [exam(9, user="lee")], *pack([_foreign_zone(2, user="lee")]))
    erase(lake, "lee")
    fix(*NEW_ZONE)
    assert replayed("--errors") == {EXAM: {"records": 1, "forgotten": 1}}
    assert ids(lake) == ["exam-00009"]


# ----------------------------------------------------------------------------------------------------------------- kill


class Killed(BaseException):
    """Stands for SIGKILL: nothing of ours catches it."""


@pytest.mark.parametrize("moment", [0, 1, 3, 6, 8])
def test_killed_at_any_moment_nothing_is_lost_and_every_letter_ends_once(lake: Lake, fix: Callable, monkeypatch, moment: int) -> None:
    """Every durable step of replay goes through `files.put`, `files.delete` or `tables.append`: before each, and after the last."""
    sent(lake, EXAM, [exam(1), exam(2, score=150), exam(3, score=999), exam(4, score=160)], *pack([_foreign_zone(5)]))
    fix(*NEW_ZONE)
    fix(*WIDER)
    passed = 0

    def watched(function):
        def step(*args, **kwargs):
            nonlocal passed
            if passed == moment:
                raise Killed
            passed += 1
            return function(*args, **kwargs)

        return step

    at = lake.at
    with monkeypatch.context() as patch:
        for of, name in ((at.files, "put"), (at.files, "delete"), (at.tables, "append")):
            patch.setattr(of, name, watched(getattr(of, name)), raising=True)
        try:
            lakehouse("replay", "--errors")
            is_killed = False
        except Killed:
            is_killed = True
    assert is_killed or moment > 8, f"only {passed} durable steps"
    replayed("--errors")
    lake.refine()
    assert ids(lake) == ["exam-00001", "exam-00002", "exam-00004", "exam-00005"]
    assert states() == {"replayed": 3, "still_failing": 1}, "a kill must not turn a replayed letter into a duplicate"
    assert not list((lake.settings.home / "lake" / "platform" / "in_hand").glob("re*"))


def test_one_at_a_time(lake: Lake) -> None:
    with alone(lake.settings.home, "exam.events"):
        lakehouse("replay", "--errors", code=12)


@pytest.mark.parametrize(
    "words, said",
    [
        ((), "which records"),
        (("--code", "x", "--from", "2026-01-01"), "choose dead letters"),
        (("--errors", "--into", "x"), "exclude each other"),
        (("--from", "2026-01-02", "--to", "2026-01-01"), "not before"),
        (("--into", "../elsewhere"), "is no name"),
    ],
)
def test_what_does_not_go_together_is_refused(lake: Lake, words: tuple, said: str) -> None:
    assert said in lakehouse("replay", *words, code=11)


def test_many_letters_go_in_parts(lake: Lake, fix: Callable, monkeypatch) -> None:
    from beam_pipelines import replay_command

    monkeypatch.setattr(replay_command, "_LETTERS_AT_ONCE", 7)
    sent(lake, EXAM, [exam(n, score=150) for n in range(30)])
    fix(*WIDER)
    assert replayed("--errors") == {EXAM: {"records": 30, "replayed": 30}}
    assert len(set(ids(lake))) == 30 and listed() == []
    assert json.loads(lakehouse("deadletters", "count", "--all", "--json"))["dead_letters"] == 30
    assert redriving.run_name() != redriving.run_name()
