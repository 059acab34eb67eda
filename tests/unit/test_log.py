"""No person gets into the log: neither by a field's name, nor by the look of a value, nor inside a foreign error."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lakehouse.contracts import registry
from lakehouse.errors import BadInputError, NotDurableError
from lakehouse.log import REFUSED, get_log, refused_count
from lakehouse.settings import settings

log = get_log("lakehouse.tests")


@pytest.fixture
def lines(capsys: pytest.CaptureFixture):
    return lambda: [json.loads(line) for line in capsys.readouterr().err.splitlines()]


@pytest.fixture(autouse=True)
def lenient(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LAKEHOUSE_LOG_STRICT", "false")
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.fixture
def strict(lenient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEHOUSE_LOG_STRICT", "true")
    settings.cache_clear()


HARMLESS = {
    "contract": "exam.events",
    "contract_version": "1.2.30",
    "rows": 5000,
    "share": 0.25,
    "ok": True,
    "nothing": None,
    "batch_id": "20260131-101010-0a1b2c3d4e5f",
    "segment": "01795256314862062856-b78df38c:0",
    "pid": "0123456789abcdef0123456789abcdef",
    "day": "day:2026-01-31",
    "started": "2026-01-31T10:10:10.123+09:00",
    "listening": "127.0.0.1",
    "any": "0.0.0.0",
    "path": Path("exams/raw/events/dt=2026-01-31/x.parquet"),
    "uri": "gs://lake/exams",
    "counts": {"valid": 3, "rejected": [1, 2]},
    "took": "10:10:10",
}


def test_what_we_need_to_know_is_logged_as_it_is(lines, strict):
    log.info("batch_landed", **HARMLESS)
    (line,) = lines()
    assert (line["level"], line["from"], line["event"]) == ("info", "lakehouse.tests", "batch_landed")
    assert datetime.fromisoformat(line["at"]).tzinfo == UTC
    assert {k: line[k] for k in HARMLESS} == HARMLESS | {"path": str(HARMLESS["path"])}


PERSONAL_FIELDS = sorted(f.name for f in registry().vocabulary.values() if f.classification in ("identifier", "personal", "sensitive"))


@pytest.mark.parametrize("key", PERSONAL_FIELDS)
def test_fields_that_the_vocabulary_calls_personal_are_refused(key, lines):
    before = refused_count()
    log.warning("careless", **{key: "x", "rows": 1}, nested={"deeper": [{key: 7}]})
    (line,) = lines()
    assert (line[key], line["nested"], line["rows"]) == (REFUSED, {"deeper": [{key: REFUSED}]}, 1)
    assert refused_count() == before + 2


def test_the_vocabulary_was_not_empty():
    assert {"user_id", "email", "full_name", "subject", "payload"} <= set(PERSONAL_FIELDS)


@pytest.mark.parametrize(
    "value",
    [
        "kim@example.com",
        "mail to <kim.lee+x@mail.example.co.kr> failed",
        "+82 10-1234-5678",
        "+821012345678",
        "010-1234-5678",
        "01012345678",
        "call 02-123-4567 now",
        "192.168.10.20",
        "from 203.0.113.7:443",
        "2001:db8::1",
        "fe80:0:0:0:1:2:3:4",
        ["fine", "kim@example.com"],
        {"deeper": ("kim@example.com",)},
        Path("/home/kim@example.com/file"),
    ],
)
def test_values_that_look_like_a_person_are_refused(value, lines):
    log.error("careless", note=value)
    log.error(f"careless {value}")
    told = [{k: v for k, v in line.items() if k != "at"} for line in lines()]  # a clock's digits can look like a value's
    text = json.dumps(told, ensure_ascii=False)
    assert text.count(REFUSED) == 2
    assert not any(part in text for part in ("kim", "1234", "168", "203.0", "db8", "fe80", "123-4567"))


def test_strict_mode_raises_and_does_not_repeat_the_value(strict, lines):
    for call in (lambda: log.info("x", note="kim@example.com"), lambda: log.info("x", email="-"), lambda: log.info("kim@example.com")):
        with pytest.raises(BadInputError) as error:
            call()
        assert "kim" not in str(error.value) + error.value.hint
    assert lines() == []


def test_a_foreign_error_is_logged_without_its_words(lines):
    try:
        int("kim's secret")
    except ValueError as error:
        log.error("failed", error=error)
    (line,) = lines()
    assert line["error"]["type"] == "ValueError" and line["error"]["at"].startswith("test_log.py:")
    assert "secret" not in json.dumps(line)


def test_our_own_error_is_logged_with_its_words(lines):
    log.error("failed", error=NotDurableError("the log could not be written: No space left", hint="free disk space"))
    (line,) = lines()
    assert line["error"] == {"type": "NotDurableError", "message": "the log could not be written: No space left", "hint": "free disk space"}


def test_our_own_error_may_not_smuggle_either(lines):
    log.error("failed", error=NotDurableError("kim@example.com", hint="ask kim@example.com"))
    assert "kim" not in json.dumps(lines())


def test_below_the_level_nothing_is_written(lines):
    log.debug("detail", rows=1)
    assert lines() == []
