"""What `lakehouse serve` brings online is the newest row offline, in SQLite and in Redis, however often it runs."""

from datetime import timedelta

import pytest
from feature_rows import FIRST

from feature_repo import serving
from feature_repo.store import open_store, redis_connection
from lakehouse.contracts import registry
from lakehouse.errors import BadInputError, SettingsError
from lakehouse.settings import settings


def newest(contract, rows: list[dict]) -> dict[tuple, dict]:
    """The obvious way: go through all rows, keep the last of each entity."""
    last: dict[tuple, dict] = {}
    for row in sorted(rows, key=lambda r: r[contract.event_time]):
        last[tuple(row[k] for k in contract.keys)] = {name: row.get(name) for name in contract.names}
    return last


def online(rows_by_table: dict[str, list[dict]]) -> dict[str, dict[tuple, dict]]:
    store = open_store(settings())
    answer = {}
    for contract in registry().layer("features"):
        keys = list(newest(contract, rows_by_table[contract.table]))
        rows = serving.online(store, contract, [dict(zip(contract.keys, key)) for key in keys])
        answer[contract.table] = {tuple(row[k] for k in contract.keys): row for row in rows}
    return answer


def expected(rows_by_table: dict[str, list[dict]]) -> dict[str, dict[tuple, dict]]:
    return {c.table: newest(c, rows_by_table[c.table]) for c in registry().layer("features")}


def test_online_is_the_newest_row_offline(home, online_store, some_features, write_features):
    served = {s.view: s for s in serving.serve(settings())}
    assert online(some_features) == expected(some_features)
    assert (served["engagement_vector"].rows, served["engagement_vector"].entities) == (10, 4)
    assert served["engagement_vector"].newest == FIRST + timedelta(days=3)

    serving.serve(settings())
    assert online(some_features) == expected(some_features)

    # A day that was built anew, and a new day of one user only.
    rows = some_features["engagement_vector"]
    rows[3]["activity_count_7d"] = 7777
    rows.append({"user_pid": "u1", "feature_at": FIRST + timedelta(days=4), "activity_count_7d": 8888})
    write_features("engagement_vector", rows)
    serving.serve(settings())
    assert online(some_features) == expected(some_features)


def test_a_user_who_is_not_online_has_nulls(home, some_features):
    serving.serve(settings())
    contract = registry().get("features.engagement_vector")
    (row,) = serving.online(open_store(settings()), contract, [{"user_pid": "nobody"}])
    assert row.pop("user_pid") == "nobody"
    assert set(row.values()) == {None}


def test_every_feature_contract_has_a_view_with_its_keys_and_columns(home):
    from feast import FeatureView

    from feature_repo import services, views

    there = {v.name: v for v in vars(views).values() if isinstance(v, FeatureView)}
    assert set(there) == {c.table for c in registry().layer("features")}
    for contract in registry().layer("features"):
        view = there[contract.table]
        assert tuple(view.entities) == contract.keys
        assert {f.name for f in view.schema} == set(contract.names) - {contract.event_time}
    assert {p.name for p in services.tutor.feature_view_projections} <= set(there)


def test_what_the_repository_no_longer_says_is_forgotten(home, some_features):
    from feast import FeatureView

    from feature_repo.entities import user
    from feature_repo.sources import source

    serving.serve(settings())
    store = open_store(settings())
    store.apply([FeatureView(name="abandoned", entities=[user], source=source(registry().get("features.engagement_vector"), settings()))])
    assert "abandoned" in {v.name for v in open_store(settings()).list_feature_views()}
    serving.serve(settings())
    assert {v.name for v in open_store(settings()).list_feature_views()} == {c.table for c in registry().layer("features")}


def test_an_empty_table_is_served_as_empty(home, some_features, write_features):
    write_features("student_skill_vector", [])
    served = {s.view: s for s in serving.serve(settings())}
    assert (served["student_skill_vector"].rows, served["student_skill_vector"].newest) == (0, None)


def test_without_a_warehouse_or_its_tables_the_next_move_is_named(home, write_features):
    with pytest.raises(BadInputError) as refused:
        serving.serve(settings())
    assert "lakehouse model" in refused.value.hint
    write_features("engagement_vector", [])
    with pytest.raises(BadInputError, match="learning_path_vector"):
        serving.serve(settings())


@pytest.mark.parametrize(
    ("url", "connection"),
    [
        ("redis://cache", "cache:6379,db=0"),
        ("redis://:secret@10.0.0.3:6380/5", "10.0.0.3:6380,db=5,password=secret"),
        ("rediss://tutor:s%23cret@cache:6379/0", "cache:6379,db=0,username=tutor,password=s#cret,ssl=true"),
    ],
)
def test_redis_urls_in_feasts_notation(url, connection):
    assert redis_connection(url) == connection


@pytest.mark.parametrize("url", ["http://cache:6379", "redis://:a,b@cache", "redis://"])
def test_a_url_that_cannot_be_used_is_refused_without_quoting_it(url):
    with pytest.raises(SettingsError) as refused:
        redis_connection(url)
    assert url not in str(refused.value)
