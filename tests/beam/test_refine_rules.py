"""The rules of refinement, by example: which door a record leaves by, and what is told of it."""

import json
from datetime import UTC, date, datetime, timedelta

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from beam_pipelines import sources, steps
from lakehouse.contracts import registry
from lakehouse.contracts.project import clean_fields
from lakehouse.envelope import Envelope, pack_envelopes
from lakehouse.errors import CorruptError
from lakehouse.privacy.seal import unseal
from lakehouse.verdicts import Rejection

NOW = datetime(2026, 3, 2, 16, 30, tzinfo=UTC)
LOGOUT = {"event_type": "logout", "occurred_at": "2026-03-02T16:29:00Z", "user_id": "kim"}
VIEW = {"event_type": "page_view", "occurred_at": "2026-03-02T16:29:00Z", "session_id": "s", "page_path": "/"}


def refined(contract_id: str, *payloads: dict | bytes | None, subjects=None, erased=(), received_at=NOW) -> steps.Refined:
    """Pseudonyms are `pid-` and the name; nobody answers for the erased."""
    contract, number = registry().get(contract_id), len(payloads)
    names = subjects or ["pid-kim"] * number
    batch = pa.table(
        {
            "event_id": [f"event-{n:04d}" for n in range(number)],
            "contract_version": ["1.0.0"] * number,
            "zone_id": ["univprep"] * number,
            "org_id": pa.array([7] * number, pa.int64()),
            "subject": pa.array(names, pa.string()),
            "received_at": pa.array([received_at] * number, pa.timestamp("us", "UTC")),
            "payload": pa.array([json.dumps(p).encode() if isinstance(p, dict) else p for p in payloads], pa.binary()),
        }
    )
    return steps.refine(batch, contract, registry().vocabulary, lambda people: {p: f"pid-{p}" for p in people if p not in erased})


def test_a_good_record_has_the_columns_of_its_contract_and_no_other() -> None:
    out = refined("auth.login.events", LOGOUT | {"ip_address": "203.0.113.77", "user_agent": "secret"})
    assert out.valid.column_names == [f.name for f in clean_fields(registry().get("auth.login.events"), registry().vocabulary)]
    [row] = out.valid.to_pylist()
    assert (row["user_pid"], row["ip_network"], row["org_id"], row["zone_id"]) == ("pid-kim", "203.0.113.0/24", 7, "univprep")
    assert "secret" not in str(row) and "203.0.113.77" not in str(row)


@pytest.mark.parametrize(
    "occurred_at, day",
    [("2026-03-02T14:59:59.999999Z", date(2026, 3, 2)), ("2026-03-02T15:00:00Z", date(2026, 3, 3)), ("2026-03-02T23:59:59-01:00", None)],
)
def test_the_day_is_the_one_in_seoul(occurred_at: str, day: date | None) -> None:
    out = refined("auth.login.events", LOGOUT | {"occurred_at": occurred_at})
    assert [row["dt"] for row in out.valid.to_pylist()] == ([day] if day else [])  # the third is still to come


def test_a_rejected_record_names_code_and_field() -> None:
    out = refined("auth.login.events", LOGOUT | {"user_id": 17}, LOGOUT | {"nickname": "x"}, b"{", {**LOGOUT, "user_id": None}, LOGOUT)
    assert out.rejected == {
        0: Rejection("wrong_type", "user_id"),
        1: Rejection("unknown_field", "nickname"),
        2: Rejection("malformed_json", None),
        3: Rejection("missing_field", "user_id"),
    }
    assert out.rows.tolist() == [4]


def test_a_record_whose_key_is_destroyed_or_whose_person_is_forgotten_goes_nowhere() -> None:
    out = refined(
        "auth.login.events", None, LOGOUT | {"user_id": "lee"}, LOGOUT, subjects=["pid-lee", "pid-lee", "pid-kim"], erased=["lee"]
    )
    assert (out.forgotten, out.rows.tolist(), out.rejected) == ({0, 1}, [2], {})


def test_a_record_sealed_for_somebody_else_is_refused() -> None:
    """Erasing lee would leave it readable, and erasing kim would not find it."""
    out = refined("auth.login.events", LOGOUT, LOGOUT, subjects=["pid-lee", "day:2026-03-02"])
    assert out.rejected == {0: Rejection("bad_envelope", "subject"), 1: Rejection("bad_envelope", "subject")}


def test_somebody_may_be_nobody() -> None:
    out = refined("web.behaviour.events", VIEW, subjects=["day:2026-03-02"])
    assert [row["user_pid"] for row in out.valid.to_pylist()] == [None]


def test_late_is_more_than_an_hour_after_the_event() -> None:
    contract = registry().get("auth.login.events")
    times = [NOW - timedelta(hours=1), NOW - timedelta(hours=1, microseconds=1), NOW + timedelta(minutes=5)]
    out = refined(contract.id, *(LOGOUT | {"occurred_at": t.isoformat()} for t in times))
    assert steps.late(out.valid, contract).tolist() == [False, True, False]


def test_unknown_fields_are_told_of_and_do_not_reach_clean() -> None:
    out = refined("web.behaviour.events", VIEW | {"nickname": "x", "Kim Min-su": 1}, VIEW, VIEW | {"nickname": None}, subjects=[None] * 3)
    assert out.unknown == {0: ("nickname", "Kim Min-su"), 2: ("nickname",)}
    assert "nickname" not in out.valid.column_names


def test_a_name_that_may_be_a_persons_is_counted_and_not_told() -> None:
    assert steps.drift([("nickname", "Kim Min-su"), ("nickname",), ("kim@example.com", "x" * 99, "01012345678")]) == {
        "nickname": 2,
        "(other)": 4,
    }


def test_of_very_many_names_the_most_frequent_are_told() -> None:
    names = [(f"field_{chr(97 + n)}",) for n in range(25) for _ in range(30 - n)]
    told = steps.drift(names)
    assert (len(told), told["field_a"], told["(other)"]) == (21, 30, 10 + 9 + 8 + 7 + 6)


def _copies(*rows: tuple[str, int, int]) -> pa.Table:
    """(event_id, event_key, received in minute)."""
    ids, keys, minutes = zip(*rows)
    times = pa.array([NOW + timedelta(minutes=m) for m in minutes], pa.timestamp("us", "UTC"))
    return pa.table({"event_id": ids, "event_key": pa.array(keys, pa.int64()), "received_at": times})


@pytest.mark.parametrize(
    "rows, known, kept",
    [
        ([("a", 1, 0), ("b", 2, 0)], {}, [0, 1]),
        ([("a", 1, 5), ("b", 2, 0), ("a", 1, 3), ("a", 1, 4)], {}, [1, 2]),  # the first to arrive, wherever it stands
        ([("a", 1, 0), ("a", 1, 0)], {}, [0]),
        ([("a", 1, 0), ("b", 1, 0), ("b", 1, 1)], {}, [0, 1]),  # one key, two events: digests may collide
        ([("a", 1, 0), ("b", 2, 0)], {1: {"a"}}, [1]),
        ([("a", 1, 0), ("a", 1, 1)], {1: {"z"}}, [0]),  # clean has another event of that key
    ],
)
def test_of_copies_one_is_kept(rows, known, kept) -> None:
    assert np.flatnonzero(steps.first_of_each(_copies(*rows), known)).tolist() == kept


def envelope(number: int, payload: dict, contract: str = "auth.login.events") -> Envelope:
    raw = json.dumps(payload).encode()
    return Envelope(f"event-{number:04d}", contract, "1.0.0", "test", "univprep", NOW, msgspec.Raw(raw), 7, payload.get("user_id"))


def test_every_record_leaves_by_exactly_one_door(lake) -> None:
    payloads = [LOGOUT, LOGOUT | {"secret": "x"}, LOGOUT | {"user_id": "lee"}, LOGOUT | {"occurred_at": "2026-03-02T10:00:00Z"}]
    envelopes = [envelope(n, p) for n, p in enumerate(payloads)]
    lake.publish("auth.login.events", pack_envelopes([*envelopes, envelopes[0]]))
    lake.land()
    lake.at.vault.forget(["lee"], NOW)
    counts = lake.refine()["auth.login.events"]
    assert counts == {"rows": 5, "valid": 2, "duplicates": 1, "rejected": 1, "forgotten": 1, "late": 1}
    [marker] = lake.markers("auth.login.events")
    assert {name: n for name, n in marker.items() if isinstance(n, int)} == counts


def test_a_dead_letter_is_sealed_and_says_nothing_of_the_sender(lake) -> None:
    hostile = LOGOUT | {"kim_minsu": "x"}  # looks like a field, and is a person
    lake.publish("auth.login.events", [*pack_envelopes([envelope(1, hostile)]), b"kim@example.com"])
    lake.land()
    lake.refine()
    refused, unreadable = sorted(lake.dead_letters("auth.login.events"), key=lambda row: row["failed_step"] == "land")
    assert (refused["error_code"], refused["error_field"], refused["failed_step"]) == ("unknown_field", None, "refine")
    assert (unreadable["error_code"], unreadable["event_id"], unreadable["failed_step"]) == ("unreadable_message", None, "land")
    assert b"kim_minsu" not in refused["payload"] and b"kim@example.com" not in unreadable["payload"]
    keys = lake.at.vault.keys([refused["subject"], unreadable["subject"]])
    assert json.loads(unseal(keys[refused["subject"]].key, refused["payload"], b"event-0001")) == hostile
    assert unseal(keys[unreadable["subject"]].key, unreadable["payload"], b"") == b"kim@example.com"


def test_a_raw_file_that_is_not_what_was_landed_stops_refinement(lake) -> None:
    lake.publish("auth.login.events", pack_envelopes([envelope(1, LOGOUT)]))
    lake.land()
    [batch] = sources.pending(lake.at.files, registry().get("auth.login.events"))
    path = batch.files[0]["path"]
    lake.at.files.put(path, lake.at.files.get(path).replace(b"univprep", b"unjvprep"))
    with pytest.raises(CorruptError, match="is not what was landed"):
        lake.refine()
    assert lake.clean("auth.login.events") == []
