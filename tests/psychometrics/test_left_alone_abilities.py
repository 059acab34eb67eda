"""Nobody is estimated from the answers of whoever is hidden, and nobody else's answers are missed."""

from datetime import date
from pathlib import Path

import duckdb

from psychometrics import responses

DAY = date(2026, 1, 1)


def test_answers_of_the_hidden_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    rows = "('ann', 's', 'i', true), ('bob', 's', 'i', false), (null, 's', 'i', true)"
    with duckdb.connect(str(path)) as warehouse:
        warehouse.execute("create schema curated")
        named = f"select *, date '{DAY}' as responded_on from (values {rows}) as answered(user_pid, skill, item_id, is_correct)"
        warehouse.execute(f"create table curated.fact_responses as {named}")
    for hidden, counted in (((), 3), ({"ann"}, 2)):
        with responses.opened(path, hidden) as warehouse:
            assert [day.answers for day in responses.days(warehouse)] == [{"i": counted}]
            assert ("ann" in responses.users_on(warehouse, DAY)) == ("ann" in responses.window(warehouse, DAY).user) == (not hidden)
