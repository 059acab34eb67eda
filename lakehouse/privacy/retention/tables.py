"""Rows that name people go by whole days: out of clean's Delta tables, and out of every table of the warehouse that has a day.

    days before the term ─▶ nothing in them is held or in force? the day's files go ─ else ─▶ the day is written anew with those rows

What is in force is the newest row of its key of a source table that has not deleted it: an account lives for as long as the source has
it, which judges by its last activity; its older versions go. Figures that are worked out of these rows go with their days.
"""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from lakehouse.contracts.model import Contract
from lakehouse.model.build import opened
from lakehouse.privacy.naming import naming, naming_in_clean
from lakehouse.privacy.retention.office import Keeper
from lakehouse.privacy.retention.outcome import Outcome, together
from lakehouse.privacy.retention.rules import Rule
from lakehouse.storage.open import open_warehouse
from lakehouse.storage.turns import alone
from lakehouse.storage.warehouse import base_tables


def clean(keeper: Keeper, rule: Rule) -> Outcome:
    contract, outcome = keeper.contracts.get(rule.contract), Outcome(rule)
    for table in keeper.clean_tables.histories(contract):
        outcome = outcome.and_(_of_table(keeper, rule, contract, table))
    return outcome


def _of_table(keeper: Keeper, rule: Rule, contract: Contract, table: str) -> Outcome:
    files = defaultdict(list)
    for uri in keeper.tables.files(table):
        files[date.fromisoformat(uri.split("/dt=")[1].split("/")[0])].append(uri)
    last_day = rule.last_day(keeper.as_of)
    days = sorted(day for day in files if day < last_day)
    outcome, kept, going = Outcome(rule), [], set()
    with duckdb.connect() as database:
        _note_in_force(database, contract, [uri for uris in files.values() for uri in uris] if days else [])
        for day in days:
            some = [_sorted_out(database, keeper, rule, contract, uri, day) for uri in files[day]]
            rows = [rows for rows, _ in some if rows.num_rows]
            of_day = together(rule, (one for _, one in some))
            outcome = outcome.and_(of_day)
            if of_day.removed:
                going.add(day)
                kept += rows
    if going and not keeper.is_dry:
        empty = pa.table({"dt": pa.array([], pa.date32())})
        keeper.tables.replace_days(table, pa.concat_tables(kept, promote_options="default") if kept else empty, going, {})
        keeper.tables.free(table)  # no older version may keep them; who was killed before leaves that to the hourly compaction
    left = [day for day in files if day not in going or keeper.is_dry] + [day for day in going if kept]
    return outcome.and_(Outcome(rule, oldest=min(left, default=None)))


def _sorted_out(
    database: duckdb.DuckDBPyConnection, keeper: Keeper, rule: Rule, contract: Contract, uri: str, day: date
) -> tuple[pa.Table, Outcome]:
    """The rows of a file that stay although their day is over, and how many of them there are of which kind."""
    schema = pq.read_schema(uri)
    held = keeper.held.condition(schema.names, naming_in_clean(contract, keeper.contracts.vocabulary))
    if rule.contract in keeper.held.contracts:
        held = "true"
    in_force = "event_id in (select event_id from in_force)" if "event_id" in schema.names else "false"
    sql = f"select {held}, {in_force} from read_parquet(?, hive_partitioning = false, file_row_number = true) order by file_row_number"
    marks = database.execute(sql, [uri]).fetchall()
    stays = pa.array([is_held or is_in_force for is_held, is_in_force in marks], pa.bool_())
    outcome = Outcome(
        rule,
        removed=sum(not any(mark) for mark in marks),
        held=sum(is_held for is_held, _ in marks),
        in_force=sum(is_in_force and not is_held for is_held, is_in_force in marks),
    )
    if not (outcome.held or outcome.in_force):
        return schema.empty_table(), outcome
    rows = pq.read_table(uri, partitioning=None).filter(stays)
    return rows.append_column("dt", pa.array([day] * rows.num_rows, pa.date32())), outcome


def _note_in_force(database: duckdb.DuckDBPyConnection, contract: Contract, files: list[str]) -> None:
    database.execute("create table in_force (event_id varchar)")
    if contract.layer != "table" or not files:
        return
    key = contract.field(contract.row_key)
    name = key.becomes if key.treatment not in ("keep", "drop") else key.name
    database.execute(
        f"""insert into in_force select event_id from (
            select event_id, op, row_number() over (partition by "{name}" order by coalesce(source_epoch, 0) desc, source_lsn desc) as place
            from read_parquet(?, union_by_name = true, hive_partitioning = false)) where place = 1 and op <> 'd'""",
        [files],
    )


def warehouse(keeper: Keeper, rule: Rule) -> Outcome:
    """A table of a contract. Monitoring has no zones and names nobody: there only the contract can be held."""
    schema, _, table = rule.place.partition(".")
    with _opened(keeper) as database:
        return _of_warehouse(database, keeper, rule, schema, table, rule.since) if database else Outcome(rule)


def steps(keeper: Keeper, rule: Rule) -> Outcome:
    """Tables on the way to the marts have no contract: those that name people and have the day of a fact."""
    days = sorted({c.event_time for c in keeper.contracts.layer("curated") if c.event_time})
    with _opened(keeper) as database:
        found = _columns(database, rule.place) if database else {}
        chosen = {
            table: next(name for name in days if name in names)
            for table, names in found.items()
            if naming(names, keeper.contracts.vocabulary) and set(days) & set(names)
        }
        return together(rule, [_of_warehouse(database, keeper, rule, rule.place, table, day) for table, day in chosen.items()])


def _of_warehouse(database: duckdb.DuckDBPyConnection, keeper: Keeper, rule: Rule, schema: str, table: str, since: str) -> Outcome:
    names = _columns(database, schema).get(table, [])
    if since not in names:
        return Outcome(rule)
    held = "true" if rule.contract in keeper.held.contracts else keeper.held.condition(names, naming(names, keeper.contracts.vocabulary))
    day, where, last_day = f'cast("{since}" as date)', f'{schema}."{table}"', rule.last_day(keeper.as_of)
    due = f"{day} < cast(? as date)"
    counted = f"select count(*) filter ({held}), count(*) filter (not ({held})) from {where} where {due}"
    kept, going = database.execute(counted, [last_day]).fetchone()
    if going and not keeper.is_dry:
        database.execute(f"delete from {where} where {due} and not ({held})", [last_day])
        database.execute("checkpoint")
    return Outcome(rule, removed=going, held=kept, oldest=database.execute(f"select min({day}) from {where}").fetchone()[0])


@contextmanager
def _opened(keeper: Keeper) -> Iterator[duckdb.DuckDBPyConnection | None]:
    """None where there is no warehouse in a file: BigQuery's is not reached from here, as little as by `lakehouse model`."""
    path = open_warehouse(keeper.settings) if keeper.settings.profile == "local" else None
    if path is None or not path.exists():
        yield None
        return
    with alone(keeper.settings), opened(path) as database:
        database.execute("set TimeZone = 'UTC'")
        yield database


def _columns(database: duckdb.DuckDBPyConnection, schema: str) -> dict[str, list[str]]:
    """Of each base table of a schema."""
    return {table: names for (of, table), names in base_tables(database).items() if of == schema}
