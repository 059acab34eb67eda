"""What is wrong with a mapping is said before any row is read: the line, what is wrong, and what there is instead."""

import pytest

from collectors.backfill.located import MappingError


@pytest.mark.parametrize(
    ("old", "new", "line", "says", "hint"),
    [
        ("{copy: points}", "{copy: pionts}", 15, "no column `pionts` in file.csv", "did you mean `points`? there are: sitting, student, exam, taken, points"),
        ('"mock-{sitting}"', '"mock-{siting}"', 11, "no column `siting`", "did you mean `sitting`?"),
        ("id: [sitting]", "id: [sitter]", 8, "no column `sitter`", "there are: sitting"),
        ("    id: [sitting]\n", "", 6, "`id` is missing", "name the columns that tell the rows of file.csv apart"),
        ("score: {copy", "scorre: {copy", 15, "exam.events has no field `scorre`", "did you mean `score`?"),
        ("      score: {copy: points}\n", "", 9, "exam.events attempt_finished requires score", "say under `fields:`"),
        ("exam.events", "exam.event", 6, "no contract `exam.event`", "did you mean `exam.events`?"),
        ("attempt_finished", "attempt_ended", 7, "exam.events has no event `attempt_ended`", "there are: attempt_started"),
        ("zone_id: univprep", "zone_id: univ", 2, "unknown zone `univ`", "did you mean `univprep`?"),
        ("time_zone: Asia/Seoul\n", "", 12, "occurred_at: of which time zone is `taken`?", "add `time_zone: Asia/Seoul`"),
        ("Asia/Seoul", "Korea/Seoul", 4, "unknown time zone `Korea/Seoul`", "write it as Asia/Seoul"),
        ("{copy: points}", "points", 15, "score: say how it is made", "such as"),
        ("{copy: points}", "{cpy: points}", 15, "score: `cpy` is no transform", "use one of copy, constant"),
        ("{copy: points}", "{copy: points, number: points}", 15, "score: `copy` and `number` at once", "use one of"),
        ("{copy: points}", "{copy: points, time: 2}", 15, "`time` means nothing here", "there are: copy"),
        ("{copy: points}", "{number: points, times: much}", 15, "`times` must be a number", ""),
        ("org_id: 17", "org_id: seventeen", 3, "`org_id` must be the number of the tenant", ""),
        ("name: mocks", "name: Mocks!", 1, "name `Mocks!` must be 2 to 24 small letters", ""),
        ("name: mocks", "nam: mocks", 1, "`nam` means nothing here", "did you mean `name`?"),
        ("    fields:", "    rows: other\n    fields:", 9, "`rows: other` is no file of this mapping", "there are: FILE"),
        ("    fields:", "    skip: [{column: points, reason: x}]\n    fields:", 9, "say either `is:` or `is_not:`", ""),
        ("outputs:", "join: {other: {file: other.csv, on: exam}}\noutputs:", 5, "there is no file", "CSV file with a header"),
        ("score: {copy: points}", "score: {copy: points}\n      score: {copy: points}", 16, "`score` is there twice", ""),
    ],
)  # fmt: skip
def test_a_wrong_mapping(edited, old: str, new: str, line: int, says: str, hint: str):
    desk = edited(old, new)
    with pytest.raises(MappingError) as wrong:
        desk.mapping()
    told = str(wrong.value)
    assert told.startswith(f"mapping.yaml:{line}: "), told
    assert says in told
    assert hint in told + wrong.value.hint


def test_a_value_that_the_contract_does_not_allow(edited):
    desk = edited("      score:", "      device_type: {choose: exam, from: {mock-1: abacus}}\n      score:")
    with pytest.raises(MappingError, match="device_type may not be `abacus`") as wrong:
        desk.mapping()
    assert "desktop, phone" in wrong.value.hint


def test_a_join_that_meets_two_rows(edited):
    desk = edited("outputs:", "join: {exams: {file: exams.csv, on: exam}}\noutputs:")
    desk.write("exams.csv", "exam,title\nmock-1,A\nmock-1,B\n")
    with pytest.raises(MappingError, match=r"mapping.yaml:5: exams.csv:3: exam mock-1 is there twice"):
        desk.mapping()


def test_no_yaml_at_all(desk):
    desk.write("mapping.yaml", "name: [")
    with pytest.raises(MappingError, match=r"mapping\.yaml is not YAML"):
        desk.mapping()
