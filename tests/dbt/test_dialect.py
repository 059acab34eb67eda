"""Each function that the two dialects spell differently, on the values where they would part.

macros/dialect/*.sql, arithmetic.sql ─▶ the DuckDB spelling ─▶ DuckDB                        ┐
                                     └▶ the BigQuery spelling ─▶ Google's reference evaluator┴▶ the same value
"""

import re
from pathlib import Path

import duckdb
import jinja2
import pytest
from googlesql import BigQuery

_DAYS = ["1999-12-31", "2000-02-29", "2020-12-31", "2021-01-03", "2021-01-04", "2024-02-28", "2025-11-03", "2026-11-01"]
_INSTANTS = ["2025-11-03 14:59:59.999999+00", "2025-11-03 15:00:00+00", "2025-11-03 23:59:59.999999+00", "2024-02-29 00:00:00+00"]
_FLOATS = ["1.005", "0.1", "-2.5", "0.0000005", "1.0000015", "-0.0000005", "99.9999995", "1e-9", "33.333333333333336"]
_KINDS = {"duckdb": {"instant": "timestamptz", "float": "double"}, "bigquery": {"instant": "timestamp", "float": "float64"}}
_ROWS = " union all ".join(f"select cast({f} as FLOAT_KIND) as x, {n} as n" for n, f in enumerate(_FLOATS))

# What is asked of each macro: SQL with {macro(arguments)} calls; `day` and `instant` are each value in turn.
_ASKED = {
    "end_of_business_day": ["{{ utc_day(end_of_business_day(day)) }}", "MICROS({{ end_of_business_day(day) }})"],
    "utc_day": ["{{ utc_day(instant) }}"],
    "business_day": ["{{ business_day(instant) }}"],
    "any_day": ["{{ any_day(day) }}"],
    "hour_of": ["MICROS({{ hour_of(instant) }})"],
    "add_days": ["{{ add_days(day, 1) }}", "{{ add_days(day, -29) }}", "{{ add_days(day, 0) }}"],
    "days_between": ["{{ days_between(day, \"date '2024-03-01'\") }}", "{{ days_between(\"date '2024-03-01'\", day) }}"],
    "weekday_number": ["{{ weekday_number(day) }}"],
    "iso_week": ["{{ iso_week(day) }}"],
    "calendar": [f"(select {f}(calendar_on) from {{{{ calendar('2023-12-30', '2024-03-02') }}}} as c)" for f in ("min", "max", "count")],
    "float_type": ["cast(1 as {{ float_type() }}) / 3", "cast('0.1' as {{ float_type() }}) + cast('0.2' as {{ float_type() }})"],
    "integer_type": ["cast(2.5 as {{ integer_type() }})", "cast(-2.5 as {{ integer_type() }})", "cast('9007199254740993' as {{ integer_type() }})"],
    "decimal_type": ["cast('0.000001' as {{ decimal_type() }}) * 3 = cast('0.000003' as {{ decimal_type() }})", "cast('123456789012.654321' as {{ decimal_type() }})"],
    "exact_mean": [f"(select {{{{ exact_mean('x') }}}} from ({_ROWS}) as r where n <> {n})" for n in range(len(_FLOATS))]
    + [f"(select {{{{ exact_mean('x') }}}} from ({_ROWS}) as r where n < 0)"],
    "ratio": ["{{ ratio('1', '3') }}", "{{ ratio('0', '7') }}", "{{ ratio('5', '0') }}", "{{ ratio('9007199254740993', '1') }}"],
    "whole_sum": [f"(select {{{{ whole_sum('n') }}}} from ({_ROWS}) as r)", f"(select {{{{ whole_sum('n') }}}} from ({_ROWS}) as r where n < 0)"],
    "count_where": [f"(select {{{{ count_where('x > 0') }}}} from ({_ROWS}) as r)", f"(select {{{{ count_where('cast(null as FLOAT_KIND) > 0') }}}} from ({_ROWS}) as r)"],
}  # fmt: skip


def _cases() -> list[tuple[str, str, dict[str, str]]]:
    found = []
    for macro, asked in _ASKED.items():
        for sql in asked:
            values = (
                [{"day": v} for v in _DAYS]
                if re.search(r"\bday\b", sql)
                else [{"instant": v} for v in _INSTANTS]
                if "instant" in sql
                else [{}]
            )
            found += [(macro, sql, value) for value in values]
    return found


@pytest.fixture(scope="module")
def spellings(root: Path) -> dict[str, jinja2.Environment]:
    return {dialect: _environment(root / "dbt_project" / "macros", dialect) for dialect in _KINDS}


def _environment(macros: Path, dialect: str) -> jinja2.Environment:
    """The macros as dbt would see them, with a dispatch that looks for the dialect's spelling."""
    environment = jinja2.Environment(extensions=["jinja2.ext.do"], undefined=jinja2.StrictUndefined)
    adapter = type("adapter", (), {"dispatch": staticmethod(lambda name, package: environment.globals[f"{dialect}__{name}"])})
    environment.globals |= {"adapter": adapter, "return": lambda value: value}
    for name in ("dialect/days.sql", "dialect/types.sql", "arithmetic.sql"):
        module = environment.from_string((macros / name).read_text()).make_module()
        environment.globals |= {k: v for k, v in vars(module).items() if not k.startswith("_")}
    return environment


def _sql(environment: jinja2.Environment, dialect: str, asked: str, value: dict[str, str]) -> str:
    spelled = {name: f"{'date' if name == 'day' else _KINDS[dialect]['instant']} '{v}'" for name, v in value.items()}
    sql = environment.from_string("select " + asked + " as v").render(spelled)
    sql = re.sub(r"MICROS\((.*)\)", {"duckdb": r"epoch_us(\1)", "bigquery": r"unix_micros(\1)"}[dialect], sql)
    return sql.replace("FLOAT_KIND", _KINDS[dialect]["float"])


def test_both_engines_give_the_same_value(spellings: dict[str, jinja2.Environment]) -> None:
    bigquery, different = BigQuery(), []
    with duckdb.connect() as engine:
        engine.execute("set TimeZone = 'America/New_York'")  # no macro may lean on the session's clock
        for macro, asked, value in _cases():
            ours = engine.execute(_sql(spellings["duckdb"], "duckdb", asked, value)).fetchone()[0]
            theirs = bigquery.answer(_sql(spellings["bigquery"], "bigquery", asked, value))[0]["v"]
            if ours != theirs or (isinstance(ours, bool) != isinstance(theirs, bool)):
                different.append(f"{macro}: {asked} of {value}: DuckDB {ours!r}, BigQuery {theirs!r}")
    assert different == []


def test_every_dialect_macro_is_in_the_battery(root: Path) -> None:
    dispatched = set()
    for path in (root / "dbt_project" / "macros" / "dialect").glob("*.sql"):
        dispatched |= set(re.findall(r"adapter\.dispatch\('(\w+)'", path.read_text()))
    # these say how a table is written, and give no value; test_order.py and test_bigquery.py cover them
    assert dispatched - {"replaced_by_day", "replaced_by_key", "kept_up_to_date"} <= _ASKED.keys()


def test_no_model_spells_a_dialect(root: Path) -> None:
    """What the engines spell or read differently stays in macros/dialect; the silent differences stay out altogether."""
    banned = (
        r"target\.type|::|\bdate_(add|sub|diff|trunc)\b|\bstrftime|\bformat_|\bepoch|\bunix_|\bextract\(\s*(dow|dayofweek|week)\b"
        r"|\bround\(|\bcast\([^)]* as (string|varchar|text)\)|\btimestamp_diff|\bsubstr|\bunnest|\binstr|\bformat\(|\bmedian|\bsafe_|\bqualify"
        r"|\bfilter\s*\(|\bdistinct on\b|\bat time zone\b|\bcurrent_(date|timestamp)|\bnow\(|\brandom\("
    )
    found = [
        f"{path.name}: {match.group(0)}"
        for path in sorted((root / "dbt_project" / "models").rglob("*.sql"))
        for match in re.finditer(banned, path.read_text(), re.IGNORECASE)
    ]
    assert found == []
