"""Any CSV becomes events, and every row leaves by exactly one door."""

import inspect
import textwrap
from collections import Counter

import pytest

from collectors.backfill.command import backfill
from lakehouse.errors import BadInputError

KOREAN = """\
name: hagwon
description: A Korean academy's spreadsheet, semicolons and EUC-KR as its program writes them.
zone_id: mpcstudy
org_id: 31
time_zone: Asia/Seoul
delimiter: ";"
encoding: cp949
missing: ["-"]
join:
  tests: {file: tests.csv, on: {시험: code}, encoding: utf-8, delimiter: ","}
outputs:
  - contract: exam.events
    event_type: attempt_finished
    id: [시험, 학번]
    skip:
      - {column: 점수, is: [결시, 무효], reason: did not sit or was annulled}
    fields:
      user_id: {template: "hagwon-{학번}"}
      attempt_id: {hash: [시험, 학번]}
      exam_id: {template: "hagwon-{시험}"}
      occurred_at: {timestamp: 응시일, format: "%Y.%m.%d %H:%M"}
      started_at: {timestamp: 응시일, format: "%Y.%m.%d %H:%M"}
      score: {number: 점수, times: 0.5}
      item_count: {copy: tests.items}
      time_spent_ms: {number: 분, times: 60000}
  - contract: source.exams
    rows: tests
    id: [code]
    fields:
      op: {constant: r}
      changed_at: {date: 2024-01-01}
      source_lsn: {constant: 0}
      exam_id: {template: "hagwon-{code}"}
      exam_title: {copy: title}
      exam_type: {constant: mock}
"""
RESULTS = """\
시험;학번;응시일;점수;분
A;1001;2024.03.02 09:00;160;50
A;1002;2024.03.02 09:00;결시;-
B;1001;2024.03.09 09:00;150;40
B;1003;2024.03.09 09:00;백;40
B;1004;2024.03.09 09:00;210;40
C;1001;2024.03.16 09:00;120;40
B;1001;2024.03.09 09:00;151;40
B;1005;2024.03.09 09:00;140;-
"""
TESTS = "code,title,items\nA,봄 모의고사,20\nB,여름 모의고사,30\n"


@pytest.fixture
def hagwon(desk):
    desk.write("file.csv", RESULTS, encoding="cp949")
    desk.write("tests.csv", TESTS)
    desk.write("mapping.yaml", KOREAN)
    return desk


def test_a_spreadsheet_of_another_kind(hagwon):
    filled = hagwon.fill()
    first, second = filled.payloads[:2]
    assert first == {
        "event_type": "attempt_finished",
        "user_id": "hagwon-1001",
        "attempt_id": first["attempt_id"],
        "exam_id": "hagwon-A",
        "occurred_at": "2024-03-02T00:00:00Z",
        "started_at": "2024-03-02T00:00:00Z",
        "score": 80.0,
        "item_count": 20,
        "time_spent_ms": 3_000_000,
    }
    assert second["score"] == 75.0 and second["attempt_id"] != first["attempt_id"]
    assert [p["exam_title"] for p in filled.payloads[2:]] == ["봄 모의고사", "여름 모의고사"]
    assert {(e.source, e.zone_id, e.org_id) for e in filled.envelopes} == {("backfill", "mpcstudy", 31)}
    assert [e.subject for e in filled.envelopes] == ["hagwon-1001", "hagwon-1001", None, None]


def test_every_row_leaves_by_one_door(hagwon):
    outcome = hagwon.fill().outcome
    assert outcome.published == Counter({"exam.events attempt_finished": 2, "source.exams": 2})
    assert outcome.skipped == {("exam.events attempt_finished", "did not sit or was annulled"): 1}
    assert [(r.file, r.line, r.reason.split(":")[0]) for r in outcome.rejects] == [
        ("file.csv", 5, "점수 is no number"),
        ("file.csv", 6, "out_of_range (score)"),
        ("file.csv", 7, "no row in tests.csv with code C"),
        ("file.csv", 8, "has the same 시험, 학번 as line 4; name more columns under `id"),
        ("file.csv", 9, "missing_field (time_spent_ms)"),
    ]
    assert outcome.rows == 10 == sum(outcome.published.values()) + sum(outcome.skipped.values()) + len(outcome.rejects)


def test_twice_makes_the_same_events(hagwon):
    one, other = hagwon.fill(), hagwon.fill()
    assert [(e.event_id, bytes(e.payload)) for e in one.envelopes] == [(e.event_id, bytes(e.payload)) for e in other.envelopes]
    assert len({e.event_id for e in one.envelopes}) == 4


def test_an_event_id_follows_from_its_columns_and_not_from_the_line(hagwon):
    before = {e.event_id for e in hagwon.fill().envelopes}
    header, *rows = RESULTS.splitlines()
    hagwon.write(
        "file.csv", "\n".join([header, *[r for r in reversed(rows) if not r.startswith("B;1001;2024.03.09 09:00;151")]]), encoding="cp949"
    )
    assert {e.event_id for e in hagwon.fill().envelopes} == before


def test_no_person_is_in_an_event_id(hagwon):
    assert not any("1001" in e.event_id for e in hagwon.fill().envelopes)


def test_the_mapping_in_the_help_works(desk):
    """Whoever copies it must not be disappointed."""
    lines = inspect.getdoc(backfill).splitlines()
    first = next(n for n, line in enumerate(lines) if line.startswith("    name:"))
    last = max(n for n, line in enumerate(lines) if line.startswith("    "))
    desk.write("mapping.yaml", textwrap.dedent("\n".join(lines[first : last + 1])))
    desk.write("file.csv", "sitting,student,exam,taken,points\n1,minji,m1,02.03.2024 10:00,160\n2,haru,m1,02.03.2024 10:00,absent\n")
    filled = desk.fill()
    assert [p["score"] for p in filled.payloads] == [80.0]
    assert list(filled.outcome.skipped.values()) == [1]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sitting,student,exam,taken,points\n1,minji,mock-1,2024-03-02,80,\n", r"file.csv:2: 6 values for 5 columns"),
        ("sitting,student,exam,taken,taken\n", "must name every column once"),
        ("", "must name every column once; it says nothing"),
        ("sitting,student,exam,taken,points\n1,\udcff,mock-1,2024-03-02,80\n", "cannot be read as utf-8-sig"),
    ],
)
def test_a_file_that_is_no_table(desk, text: str, says: str):
    (desk.folder / "file.csv").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(BadInputError, match=says):
        desk.fill()


def test_a_file_of_nothing_but_its_header(desk):
    desk.write("file.csv", "sitting,student,exam,taken,points\n")
    assert desk.fill().outcome.rows == 0


def test_lines_are_those_of_an_editor(desk):
    """A quoted cell may hold a line end; a blank line is no row."""
    desk.write("file.csv", 'sitting,student,exam,taken,points\n1,"a\nb",m,2024-03-02T00:00:00,80\n\n2,c,m,2024-03-02T00:00:00,many\n')
    assert [r.line for r in desk.fill().outcome.rejects] == [3, 5]
