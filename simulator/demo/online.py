"""One student read back as the tutor's hot path reads them, and held against the newest row of every feature table.

features.<table> ─▶ the student with the most skills ─▶ `lakehouse features online … --json` ─▶ equal, or not
"""

import json
from collections.abc import Callable

import duckdb

from lakehouse.contracts import Contract, registry
from lakehouse.places import FEATURES_SCHEMA, Home

USER_KEY = "user_pid"


def read_back(home: Home, read: Callable[[str], str]) -> list[dict]:
    """Rows of the closing table, one a feature table: how many values the student has offline, how many of them online.

    `read` takes a pseudonym and returns what the command prints: one JSON object a line, with `view` in it.
    """
    contracts = [c for c in registry().layer("features") if USER_KEY in c.primary_key]
    with duckdb.connect(str(home.warehouse), read_only=True) as warehouse:
        warehouse.execute("set TimeZone = 'UTC'")
        student = _busiest(warehouse, contracts)
        offline = {contract.table: _newest(warehouse, contract, student) for contract in contracts}
    online: dict[str, list[dict]] = {}
    for line in read(student).splitlines():
        row = json.loads(line)
        online.setdefault(row.pop("view"), []).append(row)
    return [_compared(contract, offline[contract.table], online.get(contract.table, [])) for contract in contracts]


def _busiest(warehouse: duckdb.DuckDBPyConnection, contracts: list[Contract]) -> str:
    """The one with the most rows in all feature tables together: the more there is to be wrong, the better."""
    rows = " union all ".join(f"select {USER_KEY} from {FEATURES_SCHEMA}.{c.table}" for c in contracts)
    return warehouse.execute(f"select {USER_KEY} from ({rows}) group by all order by count(*) desc, {USER_KEY} limit 1").fetchone()[0]


def _newest(warehouse: duckdb.DuckDBPyConnection, contract: Contract, student: str) -> list[dict]:
    sql = (
        f"select {', '.join(contract.names)} from {FEATURES_SCHEMA}.{contract.table} where {USER_KEY} = ? "
        f"qualify row_number() over (partition by {', '.join(contract.keys)} order by {contract.event_time} desc) = 1"
    )
    answer = warehouse.execute(sql, [student])
    return [dict(zip(contract.names, row)) for row in answer.fetchall()]


def _compared(contract: Contract, offline: list[dict], online: list[dict]) -> dict:
    there, found = _values(contract, offline), _values(contract, online)
    return {
        "measure": f"online: {contract.table} of one student",
        "keys": len(offline),
        "truth": len(there),
        "mart": len(there & found),
        "equal": bool(there) and there == found,
    }


def _values(contract: Contract, rows: list[dict]) -> set[tuple]:
    """(entity, feature, value) of every value; a value by its text, which JSON keeps for all of our types."""
    return {
        (*(row[key] for key in contract.keys), name, str(value))
        for row in rows
        for name, value in row.items()
        if name not in contract.keys and value is not None
    }
