"""Every transform, as a table: how a field is made, what the cell says, what comes out."""

from zoneinfo import ZoneInfo

import pytest
import yaml

from collectors.backfill import located
from collectors.backfill.sheets import Unusable
from collectors.backfill.transforms import Maker
from lakehouse.contracts import registry

COLUMNS = ("a", "b", "other.c")


def made(how: str, field: str, zone: str | None = "Asia/Seoul", **cells: str):
    spec = located._built(yaml.compose(f"{{x: {how}}}", Loader=yaml.SafeLoader), "m.yaml", yaml.SafeLoader(""))
    maker = Maker(COLUMNS, frozenset({"", "?"}), ZoneInfo(zone) if zone else None, "file.csv")
    values = {"a": "", "b": "", "other.c": ""} | {name.replace("_", "."): cell for name, cell in cells.items()}
    return maker.make(spec["x"], registry().word(field), spec)(values)


@pytest.mark.parametrize(
    ("how", "field", "cell", "value"),
    [
        # copy: as the type of the field
        ("{copy: a}", "exam_id", "mock-1", "mock-1"),
        ("{copy: a}", "score", "55.5", 55.5),
        ("{copy: a}", "item_count", "20", 20),
        ("{copy: a}", "cost_usd", "0.10", "0.10"),
        ("{copy: a}", "is_correct", "Yes", True),
        ("{copy: a}", "is_correct", "0", False),
        ("{copy: a}", "score", "?", None),
        ("{copy: a}", "exam_id", "", None),
        ("{copy: a}", "occurred_at", "2024-03-02T10:00:00", "2024-03-02T01:00:00Z"),
        ("{copy: a}", "occurred_at", "2024-03-02T10:00:00+00:00", "2024-03-02T10:00:00Z"),
        ("{copy: a}", "birth_on", "2010-05-01", "2010-05-01"),
        # constant
        ("{constant: coursework}", "exam_type", "", "coursework"),
        ("{constant: 0}", "time_spent_ms", "", 0),
        # number: exact, also where floats are not
        ("{number: a, times: 60000}", "time_spent_ms", "1.5", 90_000),
        ("{number: a, times: 0.1}", "score", "3", 0.3),
        ("{number: a, times: 0.1}", "cost_usd", "3", "0.3"),
        ("{number: a, plus: -1}", "response_index", "3", 2),
        ("{number: a}", "score", "?", None),
        # template, hash
        ('{template: "x-{a}-{a}"}', "exam_id", "7", "x-7-7"),
        ("{hash: [a]}", "attempt_id", "7", "7902699be42c8a8e46fbbb4501726517"),
        # date
        ("{date: 2013-10-01, days: a}", "occurred_at", "18", "2013-10-18T15:00:00Z"),
        ("{date: 2013-10-01, days: a}", "occurred_at", "-1", "2013-09-29T15:00:00Z"),
        ('{date: 2013-10-01, days: a, at: "12:00"}', "occurred_at", "0", "2013-10-01T03:00:00Z"),
        ("{date: 2013-10-01}", "birth_on", "", "2013-10-01"),
        ("{date: 2013-10-01, days: a}", "occurred_at", "?", None),
        # timestamp
        ('{timestamp: a, format: "%d.%m.%Y %H:%M"}', "occurred_at", "02.03.2024 10:30", "2024-03-02T01:30:00Z"),
        ("{timestamp: a}", "occurred_at", "2024-03-02 10:30", "2024-03-02T01:30:00Z"),
        # choose
        ("{choose: a, from: {TMA: coursework}}", "exam_type", "TMA", "coursework"),
        ("{choose: a, from: {TMA: coursework}, otherwise: final}", "exam_type", "XYZ", "final"),
        ("{choose: a, from: {TMA: coursework}}", "exam_type", "?", None),
    ],
)
def test_what_a_transform_makes(how: str, field: str, cell: str, value: object):
    out = made(how, field, a=cell)
    assert out == value and type(out) is type(value)


def test_joined_columns_are_called_by_their_file():
    assert made('{template: "{other.c}"}', "exam_id", other_c="x") == "x"


def test_a_hash_keeps_its_parts_apart():
    assert made("{hash: [a, b]}", "attempt_id", a="1", b="23") != made("{hash: [a, b]}", "attempt_id", a="12", b="3")


@pytest.mark.parametrize(
    ("how", "field", "cell", "reason"),
    [
        ("{copy: a}", "score", "good", "a is no number"),
        ("{copy: a}", "score", "NaN", "a is no number"),
        ("{copy: a}", "item_count", "2.5", "a is no whole number"),
        ("{copy: a}", "is_correct", "perhaps", "a is neither yes nor no"),
        ("{copy: a}", "occurred_at", "soon", "a is no ISO 8601 moment"),
        ("{number: a, times: 60000}", "time_spent_ms", "0.00001", "a is no whole number"),
        ('{template: "x-{a}"}', "exam_id", "?", "a has no value"),
        ("{hash: [a]}", "attempt_id", "", "a has no value"),
        ("{date: 2013-10-01, days: a}", "occurred_at", "x", "a is no number"),
        ('{timestamp: a, format: "%d.%m.%Y"}', "occurred_at", "2024-03-02", "a is no moment of the form %d.%m.%Y"),
        ("{choose: a, from: {TMA: coursework}}", "exam_type", "Exam", "a is none of TMA"),
    ],
)
def test_what_cannot_be_used_says_why(how: str, field: str, cell: str, reason: str):
    with pytest.raises(Unusable, match=f"^{reason}"):
        made(how, field, a=cell)
