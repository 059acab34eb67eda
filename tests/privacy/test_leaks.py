"""No reader's SQL finds what is not theirs: every table, role and tenant, held against an oracle that knows the rules by heart."""

import json
import re

import duckdb
import pytest

from lakehouse.errors import BadInputError, DeniedError
from lakehouse.privacy.query import ask, fill, readable
from lakehouse.storage.open import open_audit
from tests.privacy import leak_oracle, leak_town
from tests.privacy.leak_oracle import Token, Who
from tests.privacy.leak_town import PEOPLE, Town, reader

pytestmark = pytest.mark.slow(20)

KZONE, BOTH, SEVEN, THREE = frozenset({"kzone"}), frozenset({"kzone", "univprep"}), frozenset({7}), frozenset({3})
READERS = [
    Who("analyst", "L2", "analytics"),
    Who("analyst", "L2", "analytics", KZONE),
    Who("analyst", "L2", "analytics", KZONE, SEVEN),
    Who("analyst", "L2", "analytics", None, SEVEN),
    Who("analyst", "L2", "analytics", frozenset()),
    Who("analyst", "L2", "analytics", BOTH, frozenset()),
    Who("analyst", "L1", "analytics"),
    Who("analyst", "L1", "analytics", KZONE),
    Who("ml_engineer", "L2", "ai_training"),
    Who("ml_engineer", "L2", "ai_training", KZONE),
    Who("ml_engineer", "L2", "tutoring"),
    Who("data_engineer", "L2", "operations"),
    Who("privacy_officer", "L4", "privacy"),
    Who("sys_admin", "L3", "analytics", KZONE),
    Who("zone_admin", "L3", "support", KZONE),
    Who("zone_admin", "L2", "analytics", BOTH),
    Who("org_admin", "L3", "support", KZONE, SEVEN),
    Who("org_admin", "L2", "analytics", None, SEVEN),
    Who("teacher", "L2", "support", KZONE, THREE),
    Who("tutor", "L2", "tutoring", KZONE, THREE),
    Who("student", "L3", "own_data", None, None, PEOPLE[0][0]),
    Who("student", "L3", "own_data", KZONE, None, PEOPLE[5][0]),  # hidden
    Who("parent", "L2", "own_data", None, SEVEN, PEOPLE[3][0]),
]


def shown(town: Town, who: Who, actor: str = "one") -> dict[str, list[dict]]:
    """Table → every row of it that this reader's process holds; tables that are not there are not theirs."""
    with duckdb.connect() as db:
        fill(db, town.settings, town.contracts, reader(who, actor), readable(town.contracts, reader(who, actor)))
        db.execute("detach database if exists warehouse; drop table temp.hidden_people")
        there = db.execute("select schema_name, table_name from duckdb_tables() where not internal").fetchall()
        found = {}
        for schema, table in there:
            assert town.layers[table] in (schema, "rights" if schema == "clean" else schema)
            cursor = db.execute(f"select * from {schema}.{table}")
            names = [column[0] for column in cursor.description]
            found[table] = [dict(zip(names, row)) for row in cursor.fetchall()]
    return found


def is_as_said(found: list[dict], expected: list[dict], tokens: dict[str, str], where: str) -> None:
    """The same rows; a token stands for one person, everywhere the same, and is nobody's pseudonym."""
    assert len(found) == len(expected), where
    if not expected:
        return
    assert list(found[0]) == list(expected[0]), where
    plain = [name for name, value in expected[0].items() if not isinstance(value, Token)]
    by = lambda row: repr([row[name] for name in plain])  # noqa: E731
    for got, wanted in zip(sorted(found, key=by), sorted(expected, key=by)):
        for name, value in wanted.items():
            if isinstance(value, Token):
                assert re.fullmatch("[0-9a-f]{32}", got[name]) and got[name] not in {pid for pid, *_ in PEOPLE}, f"{where}.{name}"
                assert tokens.setdefault(value.pid, got[name]) == got[name], f"{where}.{name}"
            else:
                assert got[name] == value, f"{where}.{name}"


@pytest.mark.parametrize(
    "who", READERS, ids=lambda w: f"{w.role}-{w.level}-{w.purpose}-{'+'.join(sorted(w.zones or ())) or w.zones}-{w.orgs}"
)
def test_a_reader_sees_what_the_oracle_says_and_nothing_else(town: Town, who: Who) -> None:
    personal = leak_oracle.classes(town.settings.contracts)
    timeless = leak_oracle.timeless(town.settings.contracts)
    found, tokens = shown(town, who), {}
    for table, rows in town.rows.items():
        expected = leak_oracle.visible(who, town.layers[table], rows, leak_town.HIDDEN, personal, table in timeless)
        assert (table in found) == (expected is not None), table
        if expected is not None:
            is_as_said(found[table], expected, tokens, table)
    assert len(set(tokens.values())) == len(tokens)
    assert "enc." not in repr(found), "who may see a column sees it in clear, and nobody else even that"


def test_readers_cannot_put_their_tokens_together(town: Town) -> None:
    one, same, other = (shown(town, READERS[0], actor)["dim_user"] for actor in ("one", "one", "another"))
    names = [{row["user_pid"] for row in rows} for rows in (one, same, other)]
    assert len(names[0]) == len(PEOPLE) - len(leak_town.HIDDEN)
    assert names[0] == names[1] and not names[0] & names[2]


def test_the_hidden_come_back_where_nobody_is_hidden(town: Town) -> None:
    """The set decides and nothing else: so the tests above would see them if it did not."""
    leak_town.hide(town.settings, set())
    try:
        found = shown(town, Who("privacy_officer", "L4", "privacy"))
        assert {row["user_pid"] for row in found["fact_attempts"]} == {pid for pid, *_ in PEOPLE}
    finally:
        leak_town.hide(town.settings, leak_town.HIDDEN)


SELECTS = [
    "select * from read_parquet('{home}/lake/exams/clean/exam_events/*/*.parquet')",
    "select * from '{home}/warehouse/lakehouse.duckdb'",
    "select * from read_text('{home}/vault/master.key')",
    "select * from read_blob('{home}/access/secret.key')",
    "select * from glob('{home}/**')",
    "select * from read_csv('{home}/contracts/vocabulary.yaml')",
    "select * from sqlite_scan('{home}/audit/audit.sqlite', 'audit_record')",
    "select * from warehouse.curated.dim_user",
    "select * from warehouse.staging.stg_secret",
    "select * from staging.stg_secret",
    "select * from hidden_people",
    "select * from people",
    "select * from town",
    "select * from query('attach ''{home}/warehouse/lakehouse.duckdb'' as w')",
    "select * from query_table('staging.stg_secret')",
    "select * from duckdb_secrets()",
    "select getenv('HOME')",
    "select * from parquet_metadata('{home}/lake/platform/privacy/hidden.parquet')",
]
STATEMENTS = [
    "attach '{home}/warehouse/lakehouse.duckdb' as w",
    "pragma database_list",
    "set enable_external_access = true",
    "install httpfs",
    "load sqlite",
    "copy (select 1) to '{home}/out.csv'",
    "export database '{home}/out'",
    "create table mine as select 1",
    "select 1; select 2",
    "call pragma_version()",
    "explain analyze select 1",
]


@pytest.mark.parametrize("sql", SELECTS + STATEMENTS)
def test_nothing_else_can_be_reached(town: Town, looks, sql: str) -> None:
    people = [1]  # a Python variable: DuckDB would look for one of that name
    with pytest.raises(BadInputError) as refused:
        ask(town.settings, town.contracts, looks(READERS[0]), sql.format(home=town.settings.home), 10)
    assert people and "canary" not in str(refused.value)


def test_what_the_engine_tells_of_itself_names_nobody(town: Town, looks) -> None:
    tells = ["duckdb_settings()", "duckdb_tables()", "duckdb_columns()", "duckdb_views()", "duckdb_databases()", "duckdb_logs()"]
    for function in tells:
        sql = f"select dim_user.is_current_row, told from (select 1 as is_current_row from dim_user limit 1) dim_user, {function} as told"
        told = repr(ask(town.settings, town.contracts, looks(READERS[0]), sql, 5_000))
        assert str(town.settings.home) not in told and "canary" not in told and not any(pid in told for pid, *_ in PEOPLE)


def test_the_doors_are_locked_from_within(town: Town, looks) -> None:
    asked = ", ".join(
        f"current_setting('{name}')" for name in ("python_enable_replacements", "enable_external_access", "lock_configuration")
    )
    assert ask(town.settings, town.contracts, looks(READERS[0]), f"select {asked}", 1).rows == [(False, False, True)]


def test_sql_is_answered_and_every_look_is_recorded(town: Town, looks) -> None:
    sql = "with k as (select * from dim_user) select zone_id, count(*) as n from k join features.engagement_vector using (user_pid) group by 1"
    who = Who("ml_engineer", "L2", "ai_training")
    answer = ask(town.settings, town.contracts, looks(who), sql, 10)
    assert answer.columns == ("zone_id", "n") and sorted(answer.rows) == [("kzone", 3), ("univprep", 2)] and not answer.is_cut
    assert ask(town.settings, town.contracts, looks(who), "from dim_user", 2).is_cut
    with pytest.raises(DeniedError, match=r"features\.engagement_vector"):
        ask(town.settings, town.contracts, looks(READERS[0]), sql, 10)
    *_, allowed, cut, denied = open_audit(town.settings).records()
    assert (allowed.action, allowed.actor, allowed.purpose, allowed.outcome) == ("table.read", "one", "ai_training", "allowed")
    assert json.loads(allowed.details)["datasets"] == ["curated.dim_user", "features.engagement_vector"]
    assert cut.dataset == "curated.dim_user" and (denied.outcome, denied.dataset) == ("denied", "features.engagement_vector")
    assert "select" not in allowed.details
