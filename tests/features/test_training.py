"""Training frames against the obvious answer: look at every feature row for every label."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from feature_rows import FIRST
from hypothesis import HealthCheck, given
from hypothesis import settings as tries
from hypothesis import strategies as some

from feature_repo import serving, training
from feature_repo.store import open_store
from lakehouse.contracts import registry
from lakehouse.errors import BadInputError
from lakehouse.settings import settings


def as_known_then(rows: list[dict], contract, entity: dict, moment: datetime) -> dict:
    """The newest row of this entity that is not after the moment."""
    past = [r for r in rows if all(r[k] == entity.get(k) for k in contract.keys) and r[contract.event_time] <= moment]
    newest = max(past, key=lambda r: r[contract.event_time], default={})
    return {name: newest.get(name) for name in contract.names if name not in contract.primary_key}


def obvious(features: dict[str, list[dict]], labels: list[dict]) -> list[dict]:
    contracts = [c for c in registry().layer("features") if set(c.keys) <= set(labels[0])]
    frames = []
    for label in labels:
        row = dict(label)
        for contract in contracts:
            row |= as_known_then(features[contract.table], contract, label, label["label_at"])
        frames.append(row)
    return frames


def frame(labels: list[dict], only: list[str] | None = None) -> list[dict]:
    schema = pa.schema([(n, pa.timestamp("us", tz="UTC") if n == "label_at" else pa.string()) for n in labels[0]])
    return training.training_frame(open_store(settings()), pa.Table.from_pylist(labels, schema=schema), "label_at", only or []).to_pylist()


@pytest.fixture
def served(some_features):
    serving.serve(settings())
    return some_features


# user, skill, hours after FIRST
LABELS = [
    ("u0", "algebra", 0),  # exactly at the moment the features became known: they count
    ("u0", "algebra", -0.001),  # a moment before: nothing is known
    ("u0", "algebra", 30),
    ("u0", "algebra", 30),  # the same label twice is two rows
    ("u0", "late", 30),  # all its features lie in the future
    ("u3", "algebra", 0),  # likewise, and the other view's too
    ("u3", "algebra", 1000),
    ("nobody", "algebra", 30),
    ("u2", None, 60),  # no skill: the other view still answers
    ("u1", "algebra", 24.5),
]


def test_a_frame_has_every_row_and_nothing_from_the_future(served):
    labels = [{"user_pid": u, "skill": s, "label_at": FIRST + timedelta(hours=h), "note": f"n{n}"} for n, (u, s, h) in enumerate(LABELS)]
    got = frame(labels)
    assert got == obvious(served, labels)
    assert [row["activity_count_7d"] for row in got] == [0, None, 1, 1, 1, None, 303, None, 202, 101]
    assert [row["response_count_30d"] for row in got] == [0, None, 1, 1, None, None, 33, None, None, 11]


def test_views_are_those_whose_keys_the_file_has(served):
    labels = [{"user_pid": "u0", "label_at": FIRST}]
    of_users = {name for table in ("engagement_vector", "learning_path_vector") for name in registry().get(f"features.{table}").names}
    assert set(frame(labels)[0]) == {"user_pid", "label_at"} | of_users - {"feature_at"}
    both = [{"user_pid": "u0", "skill": "algebra", "label_at": FIRST}]
    assert "response_count_30d" not in frame(both, only=["engagement_vector"])[0]


@pytest.mark.parametrize(
    ("labels", "only", "said"),
    [
        ([{"user_pid": "u0", "at": "x"}], [], "no column label_at"),
        ([{"student": "u0", "label_at": FIRST}], [], "no key of a feature view"),
        ([{"user_pid": "u0", "label_at": FIRST}], ["student_skill_vector"], "no key of a feature view"),
        ([{"user_pid": "u0", "label_at": FIRST}], ["shoe_size"], "no feature view shoe_size"),
        ([{"user_pid": "u0", "label_at": FIRST, "dwell_total_7d_ms": "1"}], [], "named like features: dwell_total_7d_ms"),
        ([{"user_pid": "u0", "label_at": None}], [], "empty in 1 rows"),
    ],
)
def test_an_entity_file_that_cannot_be_joined_is_refused_with_the_reason(served, labels, only, said):
    with pytest.raises(BadInputError, match=said) as refused:
        frame(labels, only)
    assert refused.value.hint


moments = some.integers(0, 6).map(lambda n: FIRST + timedelta(hours=12 * n))
features_of_users = some.lists(some.tuples(some.sampled_from("abc"), moments), unique=True, max_size=12)


@tries(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=features_of_users, asked=some.lists(some.tuples(some.sampled_from("abcd"), moments), min_size=1, max_size=12))
def test_any_history_and_any_labels_agree_with_the_obvious_way(home, write_features, history, asked):
    rows = [{"user_pid": u, "feature_at": at, "activity_count_7d": n} for n, (u, at) in enumerate(history)]
    write_features("engagement_vector", rows)
    write_features("student_skill_vector", [])
    write_features("learning_path_vector", [])
    list(serving.export(settings()))
    serving.apply(open_store(settings()), settings())
    labels = [{"user_pid": u, "label_at": at} for u, at in asked]
    assert frame(labels) == obvious({"engagement_vector": rows, "learning_path_vector": []}, labels)


def test_files_of_labels(tmp_path):
    csv = tmp_path / "labels.csv"
    csv.write_text("user_pid,label_at\nu0,2027-03-01 15:00:00\nu1,2027-03-02 00:00:00+09:00\n")
    times = training._for_feast(training.read_entities(csv), "label_at")["event_timestamp"].to_pylist()
    assert times == [FIRST, FIRST]
    naive = tmp_path / "naive.csv"
    naive.write_text("user_pid,label_at\nu0,2027-03-01 15:00:00\n")
    assert training._for_feast(training.read_entities(naive), "label_at")["event_timestamp"].to_pylist() == [
        datetime(2027, 3, 1, 15, tzinfo=UTC)
    ]
    for wrong, said in ((tmp_path / "labels.xlsx", "neither"), (tmp_path / "absent.csv", "no file")):
        with pytest.raises(BadInputError, match=said):
            training.read_entities(wrong)
