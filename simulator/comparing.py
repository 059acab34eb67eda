"""Truth against mart: every measure of every key, exactly.

    <home>/truth/*.parquet ─┐
                            ├─▶ full join on the key, column by column ─▶ Measure: equal, or the keys that differ
    <home>/warehouse ───────┘   (read only; simulated days only)

Which columns are keys and which are measures is the contracts' business. Integers, texts, dates and decimals must be
equal; floats are compared after rounding to 9 significant digits, since no two engines add up in the same order.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

import duckdb
import pyarrow as pa

from lakehouse.contracts import Contract, registry
from lakehouse.errors import BadInputError, QualityGateError
from lakehouse.places import CLEAN_SCHEMA, CURATED_SCHEMA, Home
from lakehouse.settings import Settings
from simulator import truth
from simulator.ledger import ENGAGEMENT_SUMS
from simulator.practice_lines import SCORES

SIGNIFICANT_DIGITS = 9
HOURLY = ("fact_kzone_voice", "fact_motion_scores")
"""Facts that are aggregates, and are compared as marts are."""


@dataclass
class Measure:
    """One column of one table, compared on all keys. `truth` and `mart`: its sum over the keys, of floats their mean."""

    name: str
    keys: int
    truth: object
    mart: object
    differences: list[str] = field(default_factory=list)

    @property
    def is_equal(self) -> bool:
        return not self.differences

    def as_dict(self) -> dict:
        return {
            "measure": self.name,
            "keys": self.keys,
            "truth": self.truth,
            "mart": self.mart,
            "equal": self.is_equal,
            "differences": self.differences,
        }


def compare(settings: Settings) -> list[Measure]:
    """All measures, in a fixed order. Raises BadInputError where there is no truth or no warehouse."""
    home = Home(settings.home)
    run = truth.read_run(home.truth)
    if not home.warehouse.exists():
        raise BadInputError(f"{home.warehouse} does not exist", hint="run `lakehouse land`, `refine` and `model` first")
    with duckdb.connect(str(home.warehouse), read_only=True) as warehouse:
        warehouse.execute("SET TimeZone = 'UTC'")
        queries = [q for q in _queries(run["city"]) if truth.has_table(home.truth, q.truth)]
        return [m for query in queries for m in _measures(query, truth.read_table(home.truth, query.truth), warehouse)]


def require_equal(measures: list[Measure]) -> None:
    """Raises QualityGateError where any measure differs."""
    if different := [m.name for m in measures if not m.is_equal]:
        raise QualityGateError(
            f"{len(different)} of {len(measures)} measures differ from the truth: {', '.join(different)}",
            hint="was everything landed, refined and modelled since `lakehouse simulate` ended? `lakehouse compare --all` lists the keys",
        )


@dataclass(frozen=True)
class _Query:
    """What the warehouse is asked, and the truth's table that has the same columns. The first `keys` of them are the key."""

    title: str
    truth: str
    sql: str
    keys: int


def _queries(city: dict) -> Iterator[_Query]:
    from datetime import date, timedelta

    last = date.fromisoformat(city["end_on"])
    first = last - timedelta(days=city["days"] - 1)
    within = f"between DATE '{first}' and DATE '{last}'"
    contracts = registry()
    for contract in contracts.layer("curated"):
        if contract.table.startswith("mart_") or contract.table in HOURLY:
            day = next(f.name for f in contract.fields if f.type == "date")
            # The key first: the grain may be named in another order than the columns.
            columns = [*contract.primary_key, *(n for n in contract.names if n not in contract.primary_key)]
            sql = f"select {', '.join(columns)} from {CURATED_SCHEMA}.{contract.table} where {day} {within}"
            yield _Query(contract.table, contract.table, sql, len(contract.primary_key))
    logins = f"select zone_id, occurred_on, event_type, count(*) as login_count from {CURATED_SCHEMA}.fact_logins where occurred_on {within} group by all"
    yield _Query("fact_logins", truth.LOGINS, logins, 3)
    sums = ", ".join(f"sum({name})::BIGINT as {name}" for name in ENGAGEMENT_SUMS)
    engagement = f"select zone_id, activity_on, count(*) as user_count, {sums} from {CURATED_SCHEMA}.fact_user_engagement where activity_on {within} group by all"
    yield _Query("fact_user_engagement", truth.ENGAGEMENT, engagement, 2)
    facts = [
        f"select '{c.table}' as fact, count(*) as rows from {CURATED_SCHEMA}.{c.table} where {c.event_time} {within}"
        for c in contracts.layer("curated")
        if c.table.startswith("fact_")
    ]
    yield _Query("fact", truth.FACT_ROWS, " union all ".join(facts), 1)
    clean = [
        f"select '{c.id}' as contract, dt, count(*) as rows from {CLEAN_SCHEMA}.{c.table} where dt {within} group by all"
        for c in contracts.ingested
    ]
    yield _Query("clean", truth.CLEAN_ROWS, " union all ".join(clean), 2)
    practice = [_practice_sql(contracts.get(contract), score, within) for contract, score in SCORES.items()]
    yield _Query("practice", truth.PRACTICE, " union all ".join(practice), 3)


def _practice_sql(contract: Contract, score: str | None, within: str) -> str:
    duration = "coalesce(sum(duration_ms), 0)" if "duration_ms" in contract.names else "0"
    scores = f"coalesce(sum(round({score} * 100)), 0)" if score else "0"
    return (
        f"select '{contract.id}' as contract, dt, event_type, count(*) as rows, {duration}::BIGINT as duration_total_ms, "
        f"{scores}::BIGINT as score_total_centi from {CLEAN_SCHEMA}.{contract.table} where dt {within} group by all"
    )


def _measures(query: _Query, true: pa.Table, warehouse: duckdb.DuckDBPyConnection) -> Iterator[Measure]:
    answer = warehouse.execute(query.sql).to_arrow_table()
    columns = answer.column_names
    truths = _by_key(true.select(columns), query.keys)
    marts = _by_key(answer, query.keys)
    keys = sorted(truths.keys() | marts.keys(), key=str)
    for place, column in enumerate(columns[query.keys :]):
        yield _compared(f"{query.title}.{column}", keys, _column(truths, place), _column(marts, place))


def _compared(name: str, keys: list[tuple], truths: dict, marts: dict) -> Measure:
    measure = Measure(name, len(keys), _total(truths), _total(marts))
    for key in keys:
        told, found = truths.get(key, "no row"), marts.get(key, "no row")
        if comparable(told) != comparable(found):
            measure.differences.append(f"{' '.join(map(str, key))}: truth {told}, mart {found}")
    return measure


def _by_key(table: pa.Table, keys: int) -> dict[tuple, tuple]:
    rows = zip(*(column.to_pylist() for column in table.columns))
    return {row[:keys]: row[keys:] for row in rows}


def _column(rows: dict[tuple, tuple], place: int) -> dict:
    return {key: values[place] for key, values in rows.items()}


def comparable(value: object) -> object:
    """Floats to 9 significant digits, everything else as it is."""
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}") if isinstance(value, float) else value


def _total(values: dict) -> object:
    """For the eye only: equality is decided key by key."""
    numbers = [v for v in values.values() if isinstance(v, int | float | Decimal)]
    if not numbers:
        return None
    return sum(numbers) / len(numbers) if isinstance(numbers[0], float) else sum(numbers)
