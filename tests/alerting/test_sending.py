"""Alerts: who gets which, what they say, and that a receiver in trouble makes no more trouble."""

import socket
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from lakehouse import errors
from lakehouse.alerting import callbacks
from lakehouse.alerting.alert import Alert, meaning, next_move
from lakehouse.alerting.sending import send
from lakehouse.settings import Settings, settings
from tests.receiver import receiving

LOUD = Alert("critical", "the marts are late", "lakehouse/x", {"dag": "x", "run": "a<b>&c"}, "look", "http://127.0.0.1/log")
SOFT = Alert("warning", "compaction is late", "lakehouse/y", {"dag": "y"})


@pytest.fixture
def receiver():
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def both(receiver) -> Settings:
    return Settings(slack_webhook_url=receiver.url("/slack"), pagerduty_routing_key="key", pagerduty_url=receiver.url("/pagerduty"))


def test_what_is_critical_goes_to_both_and_a_warning_to_slack_alone(receiver, both: Settings) -> None:
    assert send(LOUD, both) == ["slack", "pagerduty"] and send(SOFT, both) == ["slack"]
    assert len(receiver.at("/slack")) == 2
    (event,) = receiver.at("/pagerduty")
    assert (event["routing_key"], event["event_action"], event["dedup_key"]) == ("key", "trigger", "lakehouse/x")
    assert (event["payload"]["severity"], event["payload"]["source"]) == ("critical", "megacity-lakehouse")
    assert event["links"] == [{"href": "http://127.0.0.1/log", "text": "log"}]


def test_slack_reads_it_and_takes_nothing_for_a_command(receiver, both: Settings) -> None:
    send(LOUD, both)
    text = receiver.at("/slack")[0]["text"]
    assert "*the marts are late*" in text and "next: look" in text and "<http://127.0.0.1/log|log>" in text
    assert "run: a&lt;b&gt;&amp;c" in text


def test_where_nobody_is_set_up_a_line_says_how(home: Path, capsys) -> None:
    assert send(LOUD, Settings()) == []
    said = capsys.readouterr().err
    assert "LAKEHOUSE_SLACK_WEBHOOK_URL" in said and "LAKEHOUSE_PAGERDUTY_ROUTING_KEY" in said


def test_a_receiver_that_stumbles_is_asked_again_and_one_that_refuses_is_not(receiver, both: Settings, home: Path, capsys) -> None:
    receiver.answers = [503]
    assert send(SOFT, both) == ["slack"] and len(receiver.got) == 2
    receiver.answers = [403]
    assert send(SOFT, both) == [] and len(receiver.got) == 3
    said = capsys.readouterr().err
    assert "HTTP 403" in said and receiver.url("") not in said, "the address is the secret"


def test_a_receiver_that_never_answers_costs_no_more_than_two_timeouts(home: Path) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        began = time.monotonic()
        address = f"http://127.0.0.1:{deaf.getsockname()[1]}/"
        assert send(SOFT, Settings(slack_webhook_url=address, alert_timeout_seconds=0.3)) == []
        assert time.monotonic() - began < 4


def _failed(exception: Exception | None, run_id: str = "manual__2027-03-01T00:00:00+00:00") -> dict:
    task = SimpleNamespace(dag_id="daily", task_id="check_clean", run_id=run_id, try_number=1, max_tries=2, log_url="http://127.0.0.1/log")
    return {"ti": task, "exception": exception}


def test_a_failed_task_says_which_with_what_and_what_next(receiver, both: Settings, home: Path, monkeypatch) -> None:
    monkeypatch.setattr(callbacks, "settings", lambda: both)
    failure = RuntimeError("kim@example.org was in the data")
    failure.exit_code = 20
    callbacks.task_failed(_failed(failure, run_id="manual by kim@example.org"), severity="critical")
    text = receiver.at("/slack")[0]["text"]
    for words in (
        "daily.check_clean failed with exit code 20",
        "try: 1 of 3",
        "meaning: A check failed",
        "docs/on_call/airflow.md#exit-code-20",
    ):
        assert words in text
    assert "example.org was" not in str(receiver.got) and "kim@" not in str(receiver.got)


def test_only_a_run_that_was_ended_is_told_as_stuck(receiver, both: Settings, home: Path, monkeypatch) -> None:
    monkeypatch.setattr(callbacks, "settings", lambda: both)
    run = SimpleNamespace(dag_id="daily", run_id="r")
    callbacks.run_timed_out({"dag_run": run, "reason": "task_failure"}, severity="critical", ends_minutes=300)
    assert receiver.got == []
    callbacks.run_timed_out({"dag_run": run, "reason": "timed_out"}, severity="critical", ends_minutes=300)
    assert "taken for stuck" in receiver.at("/slack")[0]["text"]


def test_an_alert_that_cannot_be_made_fails_nobody(home: Path, monkeypatch, capsys) -> None:
    def broken(*_):
        raise OSError

    monkeypatch.setattr(callbacks, "send", broken)
    callbacks.task_failed(_failed(None), severity="warning")
    assert "alert_not_sent" in capsys.readouterr().err


def test_every_exit_code_has_a_meaning_and_a_page(root: Path) -> None:
    page = (root / "docs" / "on_call" / "airflow.md").read_text(encoding="utf-8")
    for kind in errors.LakehouseError.__subclasses__():
        assert meaning(kind.exit_code) == " ".join(kind.__doc__.split())
        assert f"### Exit code {kind.exit_code}\n" in page
    assert meaning(137) == "killed by signal 9"
    assert next_move(20, "https://docs.example/x/").endswith("https://docs.example/x/on_call/airflow.md#exit-code-20")
    assert settings().docs_url is None
