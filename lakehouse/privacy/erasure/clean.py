"""People in clean: histories, current tables, what our own commands derived, and what a replay built beside them.

contracts ─▶ naming.py: columns that name people ─▶ tables.forget() ─▶ tables.free(): no older version keeps them
"""

from collections.abc import Iterator, Mapping, Sequence

import duckdb
import pyarrow.parquet as pq

from lakehouse.contracts import Contract, registry
from lakehouse.contracts.project import clean_fields
from lakehouse.privacy.clean_tables import CleanTables
from lakehouse.privacy.erasure.copies import Left, Place, Purged, Tell
from lakehouse.privacy.naming import tables_naming_people
from lakehouse.privacy.requests import Whom
from lakehouse.privacy.rights.held import Held, Row, theirs
from lakehouse.storage.literals import literals
from lakehouse.storage.open import open_files, open_tables, open_vault


class Clean(Place):
    """Every Delta table that names people."""

    name = "clean"
    stage = 20

    def purge(self, people: Sequence[Whom], tell: Tell) -> list[Purged]:
        """Those who were forgotten before and are back, from a backup, go with the others."""
        tables, vault, done = open_tables(self.settings), open_vault(self.settings), []
        asked = {one.pid for one in people if one.pid}
        for _, table, columns in self._tables():
            tell(table)
            back = vault.forgotten_pids(_names(tables.files(table), list(columns)))
            gone = tables.forget(table, columns, asked | back)
            tables.free(table)
            if gone.files:
                how = "rows deleted, files written anew, older versions removed"
                done.append(Purged(table, how, gone.rows + gone.mentions, gone.bytes_held, gone.bytes_written))
        return done

    def left(self, people: Sequence[Whom]) -> list[Left]:
        tables, pids = open_tables(self.settings), [one.pid for one in people if one.pid]
        return [Left(table, *_count(tables.files(table), list(columns), pids)) for _, table, columns in self._tables()]

    def held(self, one: Whom) -> Iterator[Held]:
        tables = open_tables(self.settings)
        for contract, table, columns in self._tables() if one.pid else ():
            rows = _rows(tables.files(table), columns, one.pid)
            yield Held(table, table, rows, contract, clean_fields(contract, registry().vocabulary))

    def _tables(self) -> Iterator[tuple[Contract, str, dict[str, bool]]]:
        there = CleanTables(open_tables(self.settings), open_files(self.settings))
        for contract, columns in tables_naming_people(registry()).values():
            for table in there.every(contract):
                yield contract, table, columns


def counted(database: duckdb.DuckDBPyConnection, table: str, columns: Sequence[str], people: str) -> tuple[dict[str, int], int]:
    """Of a table the rows that name each of `people` (a table of `pid`) in one of the columns, and its rows in all."""
    of_rows = database.execute(f"select count(*) from {table}").fetchone()[0]
    named = " union all ".join(f'select "{name}" as pid from {table} where "{name}" in (select pid from {people})' for name in columns)
    rows = database.execute(f"select pid, count(*) from ({named}) group by pid").fetchall() if named else []
    return dict(rows), of_rows


def _names(files: Sequence[str], columns: Sequence[str]) -> set[str]:
    """Everybody whom these files name."""
    found: set[str] = set()
    for file in files:
        there = [name for name in columns if name in pq.read_schema(file).names]
        rows = pq.read_table(file, columns=there, partitioning=None)
        found |= {pid for name in there for pid in rows[name].unique().to_pylist() if pid is not None}
    return found


def _count(files: Sequence[str], columns: Sequence[str], pids: Sequence[str]) -> tuple[dict[str, int], int]:
    """Rows that name each of them, and rows in all."""
    if not files:
        return {}, 0
    with duckdb.connect() as database:
        database.execute("create table people as select unnest(?::varchar[]) as pid", [list(pids)])
        listed = {name for file in files for name in pq.read_schema(file).names}
        rows = f"read_parquet([{literals(files)}], union_by_name = true, hive_partitioning = false)"
        return counted(database, rows, [name for name in columns if name in listed], "people")


def _rows(files: Sequence[str], columns: Mapping[str, bool], pid: str) -> list[Row]:
    """Rows that name a person, as they are to see them."""
    there = [name for name in columns if any(name in pq.read_schema(file).names for file in files)]
    if not there:
        return []
    with duckdb.connect() as database:
        database.execute("set TimeZone = 'UTC'")
        named = " or ".join(f'"{name}" = $pid' for name in there)
        sql = f"select * from read_parquet($files, union_by_name = true, hive_partitioning = true) where {named} order by all"
        found = database.execute(sql, {"files": list(files), "pid": pid}).to_arrow_table().to_pylist()
    return [theirs(row, columns, pid) for row in found]
