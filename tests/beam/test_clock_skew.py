"""A producer whose clock is wrong: raw keeps what it wrote, clean has the time at which it was, as far as that can be known."""

import json
from datetime import UTC, date, datetime, timedelta

import pyarrow.parquet as pq
import pytest

from lakehouse import places, skew
from lakehouse.contracts import registry
from lakehouse.door import Door
from lakehouse.envelope import decode, pack
from lakehouse.errors import BadInputError
from tests.beam.conftest import Lake

NOW = datetime(2026, 3, 2, 16, 30, tzinfo=UTC)
CONTRACT = "auth.login.events"


@pytest.mark.parametrize(
    ("sent_at", "ms"),
    [
        ("2026-03-02T16:30:00Z", 0),
        ("2026-03-02T16:29:57.900Z", 2_100),
        ("2026-03-03T01:31:00+09:00", -60_000),
        ("1772469000000", 0),
        ("1772468940000", 60_000),
        ("0", 1_772_469_000_000),
    ],
)
def test_skew_is_ours_less_theirs(sent_at: str, ms: int) -> None:
    assert skew.skew_ms(sent_at, NOW) == ms


@pytest.mark.parametrize("sent_at", ["", "now", "2026-03-02T16:30:00", "-1", "1.5", "9" * 16, "NaN", "\u0663", "2026-03-02"])
def test_what_is_no_time_is_said_to_be_none(sent_at: str) -> None:
    with pytest.raises(BadInputError):
        skew.skew_ms(sent_at, NOW)


def test_tolerance_and_plausibility() -> None:
    assert [skew.is_negligible(ms) for ms in (0, 2_000, 2_001, -2_000, -2_001)] == [True, True, False, True, False]
    assert [skew.is_plausible(days * 86_400_000) for days in (7, -7, 8)] == [True, True, False]


def line(number: int, occurred_at: datetime, skew_ms: int | None, received_at: datetime = NOW) -> bytes:
    payload = {"event_type": "logout", "occurred_at": occurred_at.isoformat(), "user_id": "kim"}
    event = {"event_id": f"event-{number:04d}", "contract": CONTRACT, "payload": payload}
    return Door(registry(), "http").admit(json.dumps(event).encode(), "univprep", received_at, skew_ms).line


def test_an_hour_behind_is_put_right_in_clean_and_left_in_raw(lake: Lake) -> None:
    """Half past midnight in Seoul, by a clock that says it is yesterday; and one that lives in the future."""
    hour, behind = 3_600_000, NOW - timedelta(minutes=61)
    ahead = NOW + timedelta(hours=2)
    lines = [line(1, behind, hour), line(2, ahead, -2 * hour), line(3, NOW - timedelta(minutes=61), None)]
    assert [decode(one).clock_skew_ms for one in lines] == [hour, -2 * hour, None]
    assert b"clock_skew_ms" not in lines[2]
    lake.publish(CONTRACT, pack(lines))
    lake.land()
    lake.refine()
    rows = {row["event_id"]: row for row in lake.clean(CONTRACT)}
    assert [(rows[e]["occurred_at"], rows[e]["clock_skew_ms"]) for e in sorted(rows)] == [
        (NOW - timedelta(minutes=1), hour),
        (NOW, -2 * hour),
        (behind, None),
    ]
    assert rows["event-0001"]["occurred_at"] - timedelta(milliseconds=rows["event-0001"]["clock_skew_ms"]) == behind
    assert {row["dt"] for row in rows.values()} == {date(2026, 3, 3)}
    [marker] = lake.markers(CONTRACT)
    assert (marker["valid"], marker["late"]) == (3, 1)  # only the one whose clock was not told to be wrong


def test_too_far_off_even_when_corrected_is_a_dead_letter_with_its_skew(lake: Lake) -> None:
    good = line(1, NOW, 60_000)
    lake.publish(CONTRACT, pack([good.replace(b"2026-03-02T16:30:00+00:00", b"2026-03-02T16:39:01+00:00")]))
    lake.land()
    lake.refine()
    assert lake.clean(CONTRACT) == []
    [letter] = lake.dead_letters(CONTRACT)
    assert (letter["error_code"], letter["error_field"], letter["clock_skew_ms"]) == ("in_the_future", "occurred_at", 60_000)


def test_raw_files_from_before_there_was_a_skew_are_refined(lake: Lake) -> None:
    """As they lie in the lake: files without the column beside files with it, in one group."""
    import hashlib

    contract = registry().get(CONTRACT)
    lake.publish(CONTRACT, pack([line(1, NOW, None)]))
    lake.land()
    files = lake.at.files
    [commit] = files.list(places.raw_commit_dir(contract.domain, contract.table) + "/")
    said = json.loads(files.get(commit))
    path = said["files"][0]["path"]
    old = pq.read_table(files.uri(path), partitioning=None).drop_columns("clock_skew_ms")
    pq.write_table(old, files.uri(path))
    said["files"][0]["sha256"] = hashlib.sha256(files.get(path)).hexdigest()
    files.put(commit, json.dumps(said).encode())
    lake.publish(CONTRACT, pack([line(2, NOW, 5_000)]))
    lake.land()
    lake.refine()
    rows = lake.clean(CONTRACT)
    assert [(r["event_id"], r["clock_skew_ms"], r["occurred_at"]) for r in rows] == [
        ("event-0001", None, NOW),
        ("event-0002", 5_000, NOW + timedelta(seconds=5)),
    ]
