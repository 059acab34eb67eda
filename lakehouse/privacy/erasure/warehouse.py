"""People in the warehouse: every table that names them, whichever model made it, and every figure that they are part of.

    prepare  the days of these people ─▶ clocks ─▶ a planned build, which the next one makes up for
    purge    delete by pseudonym ─▶ build: those days' figures anew, and tables of a row a key from nothing ─▶ a new file

Which tables name people the warehouse says itself: a model that is added is covered. A file of DuckDB keeps what was deleted in
its free blocks, and so the tables are copied into a new one.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

import duckdb
import pyarrow as pa

from lakehouse.contracts import Contract, registry
from lakehouse.model import builds
from lakehouse.model.build import build, opened
from lakehouse.model.clocks import FILED, clocks
from lakehouse.model.publish import publish
from lakehouse.optimize.warehouse import optimize_warehouse
from lakehouse.places import CLEAN_SCHEMA, Home
from lakehouse.privacy.erasure.clean import counted
from lakehouse.privacy.erasure.copies import Left, Place, Purged, Tell
from lakehouse.privacy.naming import naming, tables_naming_people
from lakehouse.privacy.requests import Whom
from lakehouse.privacy.rights.held import Held, theirs
from lakehouse.storage.open import open_tables, open_vault, open_warehouse
from lakehouse.storage.turns import alone, beside
from lakehouse.storage.warehouse import base_tables, patiently


class Warehouse(Place):
    """The DuckDB file of the local profile."""

    name = "warehouse"
    stage = 30

    def prepare(self, people: Sequence[Whom]) -> None:
        path, contracts = open_warehouse(self.settings), registry()
        if not path.exists():
            return
        with alone(self.settings), opened(path) as warehouse:
            past = builds.past(warehouse)
            if past.versions is None:
                return  # there are no figures yet
            publish(warehouse, contracts, open_tables(self.settings))
            _register(warehouse, people)
            changed = {}
            for contract, columns in tables_naming_people(contracts).values():
                rows = warehouse.execute(f"select distinct dt from {CLEAN_SCHEMA}.{contract.table} where {_named(columns)}")
                changed[contract.table] = {day for (day,) in rows.fetchall()}
            for table, key, _ in FILED.values():
                changed[table] |= _others_days(warehouse, table, key, tables_naming_people(contracts))
            if any(changed.values()):
                builds.plan(warehouse, past.versions, clocks(warehouse, contracts, changed))

    def purge(self, people: Sequence[Whom], tell: Tell) -> list[Purged]:
        path = open_warehouse(self.settings)
        if not path.exists():
            return []
        done = []
        with alone(self.settings), opened(path) as warehouse:
            publish(warehouse, registry(), open_tables(self.settings))
            _register(warehouse, people, self._back(warehouse))
            for table, columns in _tables(warehouse):
                tell(table)
                rows = warehouse.execute(f"delete from {table} where {_named(columns)}").fetchone()[0]
                done += [Purged(table, "rows deleted, figures worked out anew, file copied", rows)] if rows else []
        tell("figures of their days")
        build(self.settings, refreshed=self._keyed())
        tell("a new file")
        with alone(self.settings):
            optimize_warehouse(path, always=True)
        return done

    def left(self, people: Sequence[Whom]) -> list[Left]:
        path = open_warehouse(self.settings)
        if not path.exists():
            return []
        with beside(self.settings), patiently(lambda: duckdb.connect(str(path), read_only=True), path) as warehouse:
            _register(warehouse, people)
            return [Left(table, *counted(warehouse, table, columns, "forgotten_people")) for table, columns in _tables(warehouse)]

    def held(self, one: Whom) -> Iterator[Held]:
        path = open_warehouse(self.settings)
        if not path.exists() or not one.pid:
            return
        contracts = registry()
        known = {f"{c.layer}.{c.table}": c for c in contracts}
        with beside(self.settings), patiently(lambda: duckdb.connect(str(path), read_only=True), path) as warehouse:
            warehouse.execute("set TimeZone = 'UTC'")
            for table, columns in _tables(warehouse):
                named = " or ".join(f'"{name}" = ?' for name in columns)
                rows = warehouse.execute(f"select * from {table} where {named} order by all", [one.pid] * len(columns)).to_arrow_table()
                contract = known.get(table.replace('"', ""))
                fields = (
                    contract.fields if contract else tuple(contracts.vocabulary[n] for n in rows.column_names if n in contracts.vocabulary)
                )
                told = [theirs(row, dict.fromkeys(columns, True), one.pid) for row in rows.to_pylist()]
                yield Held(table, contract.id if contract else table.replace('"', ""), told, contract, fields)

    def follow(self, people: Sequence[Whom]) -> None:
        """As an erasure does it: the days of these people are noted, their rows go, and the build makes of clean, which has them all,
        what it does with whoever is restricted now. Whoever is not any more is back with it."""
        path = open_warehouse(self.settings)
        if not path.exists():
            return
        self.prepare(people)
        with alone(self.settings), opened(path) as warehouse:
            if builds.past(warehouse).versions is None:
                return
            _register(warehouse, people)
            for table, columns in _tables(warehouse):
                warehouse.execute(f"delete from {table} where {_named(columns)}")
        build(self.settings, refreshed=self._keyed())

    def _back(self, warehouse: duckdb.DuckDBPyConnection) -> set[str]:
        """Who was forgotten before and is named again, since the file was restored from a backup."""
        there: set[str] = set()
        for table, columns in _tables(warehouse):
            for name in columns:
                there |= {
                    pid for (pid,) in warehouse.execute(f'select distinct "{name}" from {table} where "{name}" is not null').fetchall()
                }
        return open_vault(self.settings).forgotten_pids(there)

    def _keyed(self) -> list[str]:
        """Models of a row a key: what the first or the newest event said stays in them, even where that event is gone."""
        manifest = Home(self.settings.home).dbt_target / "manifest.json"
        nodes = json.loads(manifest.read_text(encoding="utf-8"))["nodes"].values()
        return sorted(n["name"] for n in nodes if n["config"].get("incremental_strategy") == "delete+insert")


def _others_days(warehouse: duckdb.DuckDBPyConnection, table: str, key: str, naming: Mapping[str, tuple[Contract, dict]]) -> set[date]:
    """Days of whatever else came under a key that these people used: with their events gone, it may begin on another day."""
    columns = next(columns for contract, columns in naming.values() if contract.table == table)
    used = f"select {key} from {CLEAN_SCHEMA}.{table} where {_named(columns)}"
    return {day for (day,) in warehouse.execute(f"select distinct dt from {CLEAN_SCHEMA}.{table} where {key} in ({used})").fetchall()}


def _register(warehouse: duckdb.DuckDBPyConnection, people: Sequence[Whom], more: set[str] = frozenset()) -> None:
    pids = sorted({one.pid for one in people if one.pid} | more)
    warehouse.register("forgotten_people", pa.table({"pid": pa.array(pids, pa.string())}))


def _named(columns: Sequence[str]) -> str:
    return " or ".join(f'"{name}" in (select pid from forgotten_people)' for name in columns)


def _tables(warehouse: duckdb.DuckDBPyConnection) -> Iterator[tuple[str, list[str]]]:
    """Base tables that name people, and by which columns."""
    for (schema, table), names in base_tables(warehouse).items():
        if columns := naming(names, registry().vocabulary):
            yield f'{schema}."{table}"', sorted(columns)
