"""Restricted columns come in clear to whoever may see them: through our own SQL alone, where they are read, and by no reader's word."""

import re

import pytest

from lakehouse.contracts import registry
from lakehouse.contracts.project import ciphertexts, clean_fields, restricted
from lakehouse.errors import BadInputError, KeyGoneError
from lakehouse.privacy import query
from lakehouse.privacy.query import ask
from lakehouse.privacy.reader_sql import columns_read
from tests.privacy import leak_oracle
from tests.privacy.leak_oracle import Who
from tests.privacy.leak_town import PEOPLE, Town

KZONE = Who("zone_admin", "L3", "support", frozenset({"kzone"}))
OFFICER = Who("privacy_officer", "L4", "privacy")
TRAINER = Who("ml_engineer", "L2", "ai_training")
CANARY = r"canary of [a-z_]+\.[a-z_]+ \d"


@pytest.fixture
def opened(town: Town, monkeypatch: pytest.MonkeyPatch) -> list:
    """Each vault that a question opens."""
    found, real = [], query.open_vault
    monkeypatch.setattr(query, "open_vault", lambda settings: found.append(real(settings)) or found[-1])
    return found


def rows(town: Town, looks, who: Who, sql: str) -> list[tuple]:
    return ask(town.settings, town.contracts, looks(who), sql, 1_000).rows


def test_the_columns_follow_from_the_vocabulary_alone() -> None:
    for contract in registry().ingested:
        fields = clean_fields(contract, registry().vocabulary)
        assert ciphertexts(fields, registry().vocabulary) == restricted(contract, registry().vocabulary).keys(), contract.id
    found = {name for c in registry() for name in ciphertexts(c.fields, registry().vocabulary)}
    assert found == leak_oracle.encrypted(registry().folder) & {f.name for c in registry() for f in c.fields} != set()


@pytest.mark.parametrize("beside", ["", " from fact_logins", " from (select ip_network from fact_logins)"])
@pytest.mark.parametrize("name", ["decrypted", "system.main.decrypted", '"decrypted"'])
def test_no_sql_of_a_reader_decrypts_a_value_that_they_were_not_given(town: Town, looks, name: str, beside: str) -> None:
    (theirs,) = (row["ip_network"] for row in town.stored["fact_logins"] if row["user_pid"] == PEOPLE[3][0])
    with pytest.raises(BadInputError, match="decrypted does not exist") as refused:
        rows(town, looks, KZONE, f"select {name}('ip_network', '{theirs}'){beside}")
    assert "canary" not in str(refused.value)
    assert rows(town, looks, KZONE, "select function_name from duckdb_functions() where function_name like '%decrypt%'") == []


READS = [
    "select ip_network from fact_logins",
    "from fact_logins",
    "select #{nth} from fact_logins",
    "select fact_logins from fact_logins",
    "select columns('ip_.*') from fact_logins",
    "select * from query('select ip_network from fact_logins'), (select 1 from fact_logins limit 1)",
    "select max(ip_network) from fact_logins group by event_type",
    "with l as (select * from fact_logins) select (select ip_network from l limit 1)",
    "select l.ip_network from fact_logins l natural join (select ip_network from fact_logins)",
    "select upper(ip_network).lower() from fact_logins",
    "select value from (unpivot (select ip_network, event_id from fact_logins) on ip_network)",
]


@pytest.mark.parametrize("sql", READS)
def test_however_it_is_read_it_is_read_in_clear(town: Town, looks, sql: str) -> None:
    nth = town.contracts.get("curated.fact_logins").names.index("ip_network") + 1
    told = repr(rows(town, looks, KZONE, sql.format(nth=nth)))
    assert "canary of fact_logins.ip_network" in told and "enc." not in told
    assert not re.search(r"ip_network [3-6]", told), "and no row of another zone, or of somebody hidden"


def test_where_and_joins_compare_what_is_in_clear(town: Town, looks) -> None:
    is_second = "ip_network = 'canary of fact_logins.ip_network 1'"
    assert rows(town, looks, KZONE, f"select org_id from fact_logins where {is_second}") == [(7,)]
    asked = "select count(*) from fact_logins join dim_user on ip_network[1:6] = redacted_review_text[1:6]"
    assert rows(town, looks, KZONE, asked) == [(9,)], "three of theirs, each with three"


def test_the_vault_is_opened_for_whoever_sees_a_column_that_is_read(town: Town, looks, opened: list) -> None:
    assert rows(town, looks, OFFICER, "select count(*), max(occurred_on) from fact_logins") != []
    assert rows(town, looks, TRAINER, "select redacted_answer_text from clean.exam_events")[0] == ("[redacted]",)
    assert rows(town, looks, OFFICER, "select * from mart_ai_cost") != [] and opened == []
    with pytest.raises(BadInputError, match="nonesuch"):
        rows(town, looks, OFFICER, "select nonesuch from mart_ai_cost")
    assert re.fullmatch(CANARY, rows(town, looks, OFFICER, "select redacted_answer_text from clean.exam_events")[0][0])
    assert len(opened) == 1


def test_of_a_view_our_sql_decrypts_what_it_asks_for(town: Town, looks, opened: list) -> None:
    wanted = [town.contracts.get("curated.fact_logins")]
    with query.shown(town.settings, town.contracts, looks(KZONE), "report.made", wanted) as db:
        assert db.execute("select count(*) from fact_logins").fetchone() == (3,) and opened == []
        found = {value for (value,) in db.execute("select ip_network from fact_logins").fetchall()}
        assert found == {f"canary of fact_logins.ip_network {n}" for n in range(3)} and len(opened) == 1


def test_where_the_key_is_destroyed_it_is_said_and_other_columns_are_answered(town: Town, looks, monkeypatch: pytest.MonkeyPatch) -> None:
    class Emptied:
        def keys(self, names) -> dict:
            return {}

        def close(self) -> None:
            """There is nothing to close."""

    monkeypatch.setattr(query, "open_vault", lambda settings: Emptied())
    with pytest.raises(KeyGoneError, match="of ip_network is destroyed") as told:
        rows(town, looks, KZONE, "from fact_logins")
    assert "column" in told.value.hint
    assert rows(town, looks, KZONE, "select count(*) from fact_logins") == [(3,)]


def test_what_cannot_be_planned_reads_everything() -> None:
    tables = {("curated", "one"): {"a": "BIGINT", "b": "VARCHAR"}, ("clean", "two"): {"a": "BIGINT"}}
    everything = {table: set(columns) for table, columns in tables.items()}
    for sql in ("select nonesuch from one", "select a from one where a = $1", "select a from nowhere", "select * from read_csv('x')"):
        assert columns_read(sql, tables, ["curated", "clean"]) == everything, sql
    assert columns_read("select b from one, two", tables, ["curated", "clean"])["curated", "one"] == {"b"}
