"""What a table holds, and so who may see it, is read off its contract."""

from lakehouse.contracts.registry import registry
from lakehouse.privacy.access import PEOPLE, Holding, access


def test_words_that_count_people_are_the_vocabularys() -> None:
    told = {name: field.description for name, field in registry().vocabulary.items() if field.type == "integer"}
    counting = {name for name, words in told.items() if words.startswith(("Users (distinct user_pid)", "Users of a cohort."))}
    assert counting == set(PEOPLE) - {"visitor_count"} and told["visitor_count"].startswith(
        "Visits (distinct session_id) with at least one page_view"
    )


def test_what_tables_hold_is_read_off_their_contracts() -> None:
    held = {c.table: access(c, registry()).holding for c in registry().layer("curated")}
    assert held["fact_attempts"] == held["mart_learning_progress"] == held["dim_organization"] == Holding.tenant
    assert held["mart_revenue"] == held["fact_user_engagement"] == Holding.zone
    assert held["mart_exam_performance"] == held["mart_retention"] == held["dim_content"] == Holding.city
    assert held["dim_exam"] == held["dim_date"] == held["dim_zone"] == Holding.reference
