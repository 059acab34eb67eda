"""Every card's query asked of the local warehouse, and its answer held to its definition.

    Dashboard ─▶ ask_all(connection, …) ─▶ Answer(columns, rows, ms) a card, or CardError: which card, and why

Read-only, and one connection for all cards, so that a page shows one state of the marts.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from math import isfinite
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb

from dashboards.definitions import Card, Dashboard
from lakehouse.contracts.registry import Registry
from lakehouse.errors import BadInputError, CommandFailedError
from lakehouse.storage.warehouse import patiently

_SEOUL = ZoneInfo("Asia/Seoul")
Value = str | int | float | date | bool | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a card's query gave: the columns of its definition, in its order. Moments are Seoul's, without an offset."""

    card: Card
    rows: tuple[dict[str, Value], ...]
    ms: float

    @property
    def is_empty(self) -> bool:
        """No row, or one row of nothing: a sum over no rows is null."""
        return all(row[name] is None for row in self.rows for name in self.card.y)


Heard = Callable[[Dashboard, Answer], None]


@contextmanager
def opened(warehouse: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The local warehouse, read-only. Raises BadInputError where nothing was built yet, BusyError."""
    if not warehouse.exists():
        raise BadInputError(
            f"there is no warehouse in {warehouse.parent.parent.absolute()}", hint="run `lakehouse model` or `make demo` first"
        )
    connection = patiently(lambda: duckdb.connect(str(warehouse), read_only=True), warehouse)
    try:
        yield connection
    finally:
        connection.close()


def ask(connection: duckdb.DuckDBPyConnection, dashboard: Dashboard, card: Card, zone: str | None = None) -> Answer:
    """Raises CommandFailedError naming the dashboard and the card."""
    began = time.perf_counter()
    try:
        cursor = connection.execute(card.query(zone))
        columns = [column[0] for column in cursor.description]
        rows = cursor.fetchall()
    except duckdb.Error as error:
        words = str(error).partition("\n")[0]
        raise CommandFailedError(
            f"{dashboard.title}, card {card.title!r}: {words}",
            hint=f"mend dashboards/definitions/{dashboard.key}.yaml, or build the marts it asks: lakehouse model",
        ) from error
    return Answer(card, shaped(dashboard, card, columns, rows), (time.perf_counter() - began) * 1_000)


def shaped(dashboard: Dashboard, card: Card, columns: list[str], rows: Iterable[tuple]) -> tuple[dict[str, Value], ...]:
    """Rows by the card's own names, whichever engine gave them. Raises CommandFailedError where a column is missing."""
    if missing := [name for name in card.names if name not in columns]:
        raise CommandFailedError(
            f"{dashboard.title}, card {card.title!r}: the query gives no {missing[0]}, but {', '.join(columns)}",
            hint=f"name the column so in dashboards/definitions/{dashboard.key}.yaml",
        )
    places = [columns.index(name) for name in card.names]
    return tuple({name: _plain(row[place]) for name, place in zip(card.names, places)} for row in rows)


def _plain(value: object) -> Value:
    if isinstance(value, Decimal | float):
        return float(value) if isfinite(value) else None
    if isinstance(value, datetime):
        return value.astimezone(_SEOUL).replace(tzinfo=None) if value.tzinfo else value
    return value


def ask_all(
    connection: duckdb.DuckDBPyConnection,
    dashboards: Iterable[Dashboard],
    zone: str | None = None,
    heard: Heard = lambda dashboard, answer: None,
) -> dict[str, tuple[Answer, ...]]:
    """Dashboard's key → its answers, in the order of its cards."""
    answers: dict[str, tuple[Answer, ...]] = {}
    for dashboard in dashboards:
        told = []
        for card in dashboard.cards:
            told.append(ask(connection, dashboard, card, zone))
            heard(dashboard, told[-1])
        answers[dashboard.key] = tuple(told)
    return answers


def newest_days(connection: duckdb.DuckDBPyConnection, dashboards: Iterable[Dashboard], contracts: Registry) -> dict[str, date]:
    """Table → the newest business day that it holds, of those tables that have days and rows."""
    newest: dict[str, date] = {}
    for table in sorted({table for dashboard in dashboards for table in dashboard.tables}):
        contract = contracts.get(f"curated.{table}")
        if contract.event_time:
            day = connection.execute(f"select max({contract.event_time}) from curated.{table}").fetchone()[0]
            if day is not None:
                newest[table] = day
    return newest
