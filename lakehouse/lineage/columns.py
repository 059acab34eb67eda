"""Which columns a model's columns come from, read out of the SQL that dbt ran.

compiled SQL + columns of the tables it reads ─▶ sqlglot ─▶ {column: [(dataset, column) …]} ─▶ <home>/lineage/columns.json

To read all models costs ten seconds, and their SQL changes only with the code: so the answer is kept, and looked up by the SQL
without the dates that each build puts into it. A model that cannot be read has no column lineage, and fails nothing.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path

from lakehouse.log import get_log

Columns = Mapping[str, Mapping[str, str]]
"""dataset (schema.table) → column → type"""
Found = dict[str, list[list[str]]]
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_log = get_log(__name__)


class ColumnLineage:
    """`kept`: the file that remembers. `database`: the name under which the SQL knows the warehouse."""

    def __init__(self, kept: Path, database: str, columns: Columns) -> None:
        self._kept, self._database, self._columns = kept, database, columns
        try:
            self._known: dict[str, Found] = json.loads(kept.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            self._known = {}

    def of(self, sql: str, reads: list[str]) -> Found:
        tables = {name: dict(self._columns.get(name, {})) for name in sorted(reads)}
        key = hashlib.sha256(json.dumps([_DATE.sub("", sql), tables]).encode()).hexdigest()
        if key not in self._known:
            self._known[key] = self._read(sql, tables)
        return self._known[key]

    def keep(self) -> None:
        partial = self._kept.with_suffix(".part")
        partial.write_text(json.dumps(self._known), encoding="utf-8")
        partial.replace(self._kept)

    def _read(self, sql: str, tables: Columns) -> Found:
        from sqlglot import exp, parse_one
        from sqlglot.errors import SqlglotError
        from sqlglot.lineage import lineage
        from sqlglot.optimizer.qualify import qualify
        from sqlglot.optimizer.scope import build_scope
        from sqlglot.schema import MappingSchema

        nested: dict[str, dict] = {}
        for name, columns in tables.items():
            folder, table = name.split(".", 1)
            if columns:
                nested.setdefault(self._database, {}).setdefault(folder, {})[table] = columns
        schema = MappingSchema(nested, dialect="duckdb")
        try:
            query = qualify(parse_one(sql, dialect="duckdb"), schema=schema, dialect="duckdb", validate_qualify_columns=False)
            roots = lineage(None, query, schema, scope=build_scope(query), dialect="duckdb")
        except (SqlglotError, ValueError, KeyError) as error:
            _log.info("columns_not_read", error=error)
            return {}
        found: Found = {}
        for column, root in roots.items():
            leaves = {
                (f"{n.source.db}.{n.source.name}", n.name.split(".")[-1].strip('"')) for n in root.walk() if isinstance(n.source, exp.Table)
            }
            found[column] = [list(leaf) for leaf in sorted(leaves) if leaf[0] in tables]
        return found


def opened(kept: Path, database: str, columns: Columns) -> ColumnLineage | None:
    """None where what reads SQL is not installed."""
    from importlib.util import find_spec

    return ColumnLineage(kept, database, columns) if find_spec("sqlglot") else None
