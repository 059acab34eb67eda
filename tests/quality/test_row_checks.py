"""Every rule of a contract: good rows pass it, and rows with that one thing broken fail it, and only it."""

from datetime import UTC, datetime

import pytest
from good import clean_rows, clean_table

from lakehouse.contracts import registry
from lakehouse.places import clean_table as place

NOON = datetime(2027, 3, 2, tzinfo=UTC)


@pytest.fixture
def judge(gate, tables, clean, day):
    """Status by check name, for these rows of a contract."""

    def judged(contract_id: str, rows: list[dict]) -> dict:
        contract = registry().get(contract_id)
        tables.append(place(contract.domain, contract.table), clean_table(contract, rows), f"b{tables.version(contract_id)}", {})
        results, _ = gate.judge(clean(contract), day, NOON)
        return {r.check_name: r for r in results}

    return judged


@pytest.mark.parametrize("contract_id", [c.id for c in registry().ingested])
def test_rows_that_keep_their_contract_pass_every_critical_check(judge, day, contract_id):
    results = judge(contract_id, clean_rows(registry().get(contract_id), day))
    assert {n: r.check_status for n, r in results.items() if r.check_severity == "critical" and r.check_status != "passed"} == {}
    assert len(results) > 15


# What is broken in three rows of forty, and the check that must see exactly these.
BROKEN = [
    # contract               event type           column               becomes             the check that fails           rows
    ("exam.events", "attempt_finished", "score", 100.5, "score.between", 3),
    ("exam.events", "attempt_finished", "score", None, "score.required_by_type", 3),
    ("exam.events", "response_given", "item_id", None, "item_id.required_by_type", 3),
    ("exam.events", None, "zone_id", None, "zone_id.not_null", 3),
    ("exam.events", None, "event_id", "event {1}:x", "event_id.pattern", 3),
    ("exam.events", None, "event_id", "event-0000000000", "event_id.unique", 4),
    ("exam.events", None, "device_type", "toaster", "device_type.in_set", 3),
    ("web.behaviour.events", "purchase", "price_currency", "won", "price_currency.pattern", 3),
    ("ai.usage.events", None, "input_tokens", -1, "input_tokens.between", 3),
    ("source.users", None, "role", "king", "role.in_set", 3),
]


@pytest.mark.parametrize(
    ("contract_id", "event_type", "column", "value", "check", "failed"), BROKEN, ids=[b[4] + "=" + str(b[3]) for b in BROKEN]
)
def test_a_broken_rule_fails_its_check_and_counts_the_rows(judge, day, contract_id, event_type, column, value, check, failed):
    rows = clean_rows(registry().get(contract_id), day, 60)
    chosen = [r for r in rows if r["event_id"] != "event-0000000000" and event_type in (None, r.get("event_type"))][:3]
    for row in chosen:
        row[column] = value
    results = judge(contract_id, rows)
    assert (results[check].check_status, results[check].rows_failed, results[check].rows_checked) == ("failed", failed, 60)
    others = {n for n, r in results.items() if r.check_status == "failed"} - {check}
    assert others <= ({"event_id.unique"} if check == "event_id.pattern" else set())  # three times the same text is also twice the same


def test_a_table_that_lacks_a_required_column_fails(gate, tables, clean, day):
    contract = registry().get("exam.events")
    table = clean_table(contract, clean_rows(contract, day)).drop_columns(["occurred_at"])
    tables.append(place(contract.domain, contract.table), table, "b", {})
    results, _ = gate.judge(clean(contract), day, NOON)
    assert {(r.check_name, r.rows_failed) for r in results if r.check_status == "failed"} == {("occurred_at.not_null", 40)}


def test_an_optional_field_that_is_new_to_the_contract_is_empty_until_rows_bring_it(gate, tables, clean, day):
    contract = registry().get("exam.events")
    table = clean_table(contract, clean_rows(contract, day)).drop_columns(["theta"])
    tables.append(place(contract.domain, contract.table), table, "b", {})
    results, measured = gate.judge(clean(contract), day, NOON)
    assert [r.check_name for r in results if r.check_status == "failed"] == []
    assert measured.rows == 40


def test_a_column_that_older_files_lack_is_no_failure(gate, tables, clean, day):
    contract = registry().get("exam.events")
    old, new = clean_rows(contract, day, 20), clean_rows(contract, day, 20, start=20)
    tables.append(place(contract.domain, contract.table), clean_table(contract, old).drop_columns(["theta"]), "old", {})
    tables.append(place(contract.domain, contract.table), clean_table(contract, new), "new", {})
    results, measured = gate.judge(clean(contract), day, NOON)
    assert measured.rows == 40
    assert [r for r in results if r.check_status == "failed"] == []


def test_a_text_that_was_dropped_when_its_row_was_refined_is_no_failure(gate, tables, clean, day):
    """A review requires its text, but clean has had it, redacted, only since."""
    contract = registry().get("web.behaviour.events")
    rows = clean_rows(contract, day)
    assert "redacted_review_text" in rows[0]
    for row in rows:
        row |= {"event_type": "review", "user_pid": "p", "content_id": "c", "redacted_review_text": None}
    tables.append(place(contract.domain, contract.table), clean_table(contract, rows), "b", {})
    results, _ = gate.judge(clean(contract), day, NOON)
    assert {r.check_name for r in results if r.check_status == "failed"} == set()


def test_a_table_that_nothing_was_refined_into_yet_is_empty_and_passes(gate, clean, day):
    results, measured = gate.judge(clean(registry().get("exam.events")), day, NOON)
    assert measured.rows == 0
    assert {r.check_status for r in results if r.check_severity == "critical"} == {"passed"}
    assert {r.check_status for r in results if r.check_severity == "warning"} == {"unknown"}


def test_patterns_reach_the_database_as_they_are_written(gate, tables, clean, day):
    """Braces, colons and quotes mean something to the layers between a contract and DuckDB."""
    from quality.expectations import _pattern

    contract = registry().get("exam.events")
    rows = clean_rows(contract, day, 3)
    rows[0]["session_id"], rows[1]["session_id"], rows[2]["session_id"] = "a:b'{2}", "a:b'{1}", "zzz"
    tables.append(place(contract.domain, contract.table), clean_table(contract, rows), "b", {})
    dataset = clean(contract)
    check = _pattern(contract, contract.field("session_id").also(pattern=r"^a.(?:b)'\{[2]{1}\}$"))
    from quality.measures import Measures

    (result,) = gate._run(dataset, f"select * from {dataset.relation}", [check], Measures(rows=3))
    assert (result.check_status, result.rows_failed) == ("failed", 2)
