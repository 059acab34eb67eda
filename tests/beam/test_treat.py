"""What becomes of a value that may not stay as it is, as tables."""

from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakehouse.contracts import registry
from lakehouse.privacy import treat


@pytest.mark.parametrize(
    "address, network",
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("0.0.0.0", "0.0.0.0/24"),
        ("2001:db8:12:34:56:78:9a:bc", "2001:db8:12::/48"),
        ("2001:DB8:0012::1", "2001:db8:12::/48"),
        ("::1", "::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),  # an IPv4 address in IPv6 clothes
        ("2002:cb00:714d::1", "203.0.113.0/24"),  # 6to4: /48 would still hold all of 203.0.113.77
        ("203.0.113.077", None),
        ("203.0.113.77, 10.0.0.1", None),
        ("Kim Min-su", None),
        ("", None),
    ],
)
def test_an_address_becomes_its_network_and_anything_else_nothing(address, network) -> None:
    assert treat.network_of(address) == network


@pytest.fixture
def users() -> dict:
    """Three users, as the fast lane reads them: everything but what is dropped."""
    contract = registry().get("source.users")
    columns = {f.name: [None] * 3 for f in contract.fields if f.treatment != "drop"}
    columns |= {"user_id": ["kim", "lee", "kim"], "birth_on": pa.array([date(1987, 3, 4), None, date(1612, 1, 1)])}
    return {"contract": contract, "values": pa.table(columns)}


def _treated(users: dict) -> pa.Table:
    pids = {"kim": "f" * 32, "lee": "0" * 32}
    return treat.treated(users["values"], users["contract"], registry().vocabulary, pids)


def test_a_person_becomes_a_pseudonym_and_a_birthday_a_year(users) -> None:
    treated = _treated(users)
    assert treated["user_pid"].to_pylist() == ["f" * 32, "0" * 32, "f" * 32]
    assert treated["birth_year"].to_pylist() == [1987, None, None]  # 1612 is no birth_year: quality would stop at it


def test_only_what_may_be_stored_is_left(users) -> None:
    kept = {f.becomes or f.name for f in users["contract"].fields if f.treatment != "drop"}
    assert set(_treated(users).column_names) == kept
    assert not {"user_id", "birth_on", "email", "full_name", "phone"} & set(_treated(users).column_names)


def test_a_filtered_column_takes_no_other_value_along(users, tmp_path) -> None:
    only_lee = _treated(users).slice(1, 1)
    pq.write_table(only_lee.select(["user_pid"]), tmp_path / "one.parquet", compression="none")
    data = (tmp_path / "one.parquet").read_bytes()
    assert b"0" * 32 in data and b"f" * 32 not in data


def test_everybody_is_asked_for_once(users) -> None:
    assert treat.distinct_subjects(users["values"], users["contract"]) == ["kim", "lee"]
