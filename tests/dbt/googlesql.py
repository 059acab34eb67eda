"""Google's own analyzer and reference evaluator for BigQuery SQL (the zetasql wheel), without the wait.

The wheel holds WebAssembly; compiling it takes most of a minute and a gigabyte, loading the compiled module two seconds.
So the compiled module is kept in .tools/cache, under the versions that made it. The wheel also copies memory byte by byte,
and makes a Python object of every node of an answer; here slices are copied, and an answer is read as it came.
"""

import ctypes
import os
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar

import wasmtime
from google.protobuf import empty_pb2
from zetasql.api import CatalogBuilder, TableBuilder
from zetasql.core import wasm_client
from zetasql.core.local_service import ZetaSqlLocalService
from zetasql.types import AnalyzeRequest, AnalyzerOptions, LanguageOptions, PrepareQueryRequest, TypeKind, ZetaSQLBuiltinFunctionOptions
from zetasql.wasi._pb2.zetasql.local_service import local_service_pb2 as service

_CACHE = Path(__file__).resolve().parents[2] / ".tools" / "cache"
KINDS = {
    "STRING": TypeKind.TYPE_STRING,
    "INT64": TypeKind.TYPE_INT64,
    "FLOAT64": TypeKind.TYPE_DOUBLE,
    "NUMERIC": TypeKind.TYPE_NUMERIC,
    "BOOL": TypeKind.TYPE_BOOL,
    "TIMESTAMP": TypeKind.TYPE_TIMESTAMP,
    "DATE": TypeKind.TYPE_DATE,
}
_NAMES = {kind: name for name, kind in KINDS.items()}


class _KeptModule:
    """Stands in for wasmtime.Module in the wheel's client: the same module, compiled once."""

    @staticmethod
    def from_file(engine: wasmtime.Engine, path: str) -> wasmtime.Module:
        kept = _CACHE / f"zetasql-{version('zetasql')}-wasmtime-{version('wasmtime')}.cwasm"
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            half = kept.with_suffix(f".{os.getpid()}")
            half.write_bytes(wasmtime.Module.from_file(engine, path).serialize())
            half.replace(kept)
        return wasmtime.Module.deserialize_file(engine, str(kept))


def _write_bytes(client: wasm_client.WasmClient, at: int, data: bytes) -> None:
    ctypes.memmove(_address(client) + at, data, len(data))


def _read_bytes(client: wasm_client.WasmClient, at: int, size: int) -> bytes:
    return ctypes.string_at(_address(client) + at, size)


def _address(client: wasm_client.WasmClient) -> int:
    return ctypes.addressof(client.memory.data_ptr().contents)


wasm_client.Module = _KeptModule
wasm_client.WasmClient.write_bytes, wasm_client.WasmClient.read_bytes = _write_bytes, _read_bytes


# What travels in and out of the evaluator as something simpler: type → (carried as, read in SQL, written in SQL).
_CARRIED = {
    "TIMESTAMP": ("INT64", "timestamp_micros({})", "unix_micros({})"),
    "DATE": ("INT64", "date_from_unix_date({})", "unix_date({})"),
    "NUMERIC": ("STRING", "cast({} as numeric)", "format('%.9f', {})"),
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INTO = {
    "TIMESTAMP": lambda v: (v - _EPOCH) // timedelta(microseconds=1),
    "DATE": lambda v: (v - _EPOCH.date()).days,
    "NUMERIC": str,
}
_BACK = {
    "TIMESTAMP": lambda v: _EPOCH + timedelta(microseconds=v),
    "DATE": lambda v: _EPOCH.date() + timedelta(days=v),
    "NUMERIC": Decimal,
}
_FIELDS = {"STRING": "string_value", "INT64": "int64_value", "FLOAT64": "double_value", "BOOL": "bool_value"}


class BigQuery:
    """A catalog of tables, with or without rows, and what Google's analyzer and evaluator say of queries on it."""

    _analyzed: ClassVar[dict[tuple, list[tuple[str, str]]]] = {}
    """Query and the columns of the tables in it → the columns of its answer. Each catalog is as good as another."""

    def __init__(self) -> None:
        self._language = LanguageOptions.maximum_features()
        self._language.reserved_keywords = ["QUALIFY"]
        self._options = AnalyzerOptions(language_options=self._language, default_timezone="UTC")
        self._columns: dict[str, list[tuple[str, str]]] = {}
        self._rows: dict[str, list[list]] = {}

    def add(self, table: str, columns: list[tuple[str, str]], rows: Iterable[dict] = ()) -> None:
        """`columns`: (name, BigQuery type)."""
        self._columns[table] = columns
        self._rows[table] = [[_carry(row[name], kind) for name, kind in columns] for row in rows]

    def analyze(self, sql: str) -> list[tuple[str, str]]:
        """The columns of a query's answer. Raises zetasql's error where BigQuery would refuse it."""
        tables = {name: self._columns[name] for name in self._named_in(sql)}
        asked = (sql, *((name, *columns) for name, columns in tables.items()))
        if asked not in self._analyzed:
            self._analyzed[asked] = self._analyze(sql, tables)
        return self._analyzed[asked]

    def _analyze(self, sql: str, tables: dict[str, list[tuple[str, str]]]) -> list[tuple[str, str]]:
        request = AnalyzeRequest(sql_statement=sql, options=self._options, simple_catalog=self._catalog(tables)).to_proto()
        columns = _call("Analyze", request, service.AnalyzeResponse).resolved_statement.resolved_query_stmt_node.output_column_list
        return [(c.name, _NAMES.get(c.column.type.type_kind, "?")) for c in columns]

    def answer(self, sql: str) -> list[dict]:
        """The rows of a query's answer, by the reference evaluator."""
        columns = self.analyze(sql)
        used = self._named_in(sql)
        for name in used:
            reads = ", ".join(f"{_CARRIED[kind][1].format(c) if kind in _CARRIED else c} as {c}" for c, kind in self._columns[name])
            sql = sql.replace(f"`{name}`", f"(select {reads} from `carried.{name}`)")
        writes = ", ".join(f"{_CARRIED[kind][2].format(c) if kind in _CARRIED else c} as {c}" for c, kind in columns)
        carried = {f"carried.{name}": [(c, _carrier(kind)) for c, kind in self._columns[name]] for name in used}
        request = PrepareQueryRequest(
            sql=f"select {writes} from ({sql})", options=self._options, simple_catalog=self._catalog(carried)
        ).to_proto()
        for name in used:
            _fill(request.table_content[f"carried.{name}"].table_data, self._rows[name], self._columns[name])
        prepared = _call("PrepareQuery", request, service.PrepareQueryResponse).prepared.prepared_query_id
        asked = service.EvaluateQueryRequest(prepared_query_id=prepared)
        answer = _call("EvaluateQuery", asked, service.EvaluateQueryResponse).content.table_data
        _call("UnprepareQuery", service.UnprepareQueryRequest(prepared_query_id=prepared))
        return [{name: _uncarry(cell, kind) for (name, kind), cell in zip(columns, row.cell, strict=True)} for row in answer.row]

    def _named_in(self, sql: str) -> list[str]:
        return [name for name in self._columns if f"`{name}`" in sql]

    def _catalog(self, tables: dict[str, list[tuple[str, str]]]):
        builder = CatalogBuilder("warehouse").with_builtin_functions(ZetaSQLBuiltinFunctionOptions(language_options=self._language))
        for name, columns in tables.items():
            table = TableBuilder(name)
            for column, kind in columns:
                table.add_column(column, KINDS[kind])
            builder.add_table(table.build())
        return builder.build()


def _call(method: str, request, response=empty_pb2.Empty):
    return ZetaSqlLocalService.get_instance().wasm_client.call_grpc_func(f"ZetaSqlLocalService_{method}", request, response)


def _fill(table_data, rows: Iterable[list], columns: list[tuple[str, str]]) -> None:
    """A cell in which nothing is set is a null."""
    table_data.SetInParent()  # also where there is no row
    fields = [_FIELDS[_carrier(kind)] for _, kind in columns]
    for row in rows:
        cells = table_data.row.add().cell
        for field, value in zip(fields, row, strict=True):
            cell = cells.add()
            if value is not None:
                setattr(cell, field, value)


def _carrier(kind: str) -> str:
    return _CARRIED[kind][0] if kind in _CARRIED else kind


def _carry(value: object, kind: str) -> object:
    if value is None:
        return None
    return _INTO[kind](value) if kind in _INTO else float(value) if kind == "FLOAT64" else value


def _uncarry(cell, kind: str) -> object:
    field = _FIELDS[_carrier(kind)]
    if not cell.HasField(field):
        return None
    value = getattr(cell, field)
    return _BACK[kind](value) if kind in _BACK else value
