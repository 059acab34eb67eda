"""What the dashboards cost at sixty days: every card's query, over a bare scan of the columns that it needs (`python -m bench.dashboards`).

    lakehouse simulate --days 60 ─▶ collect ─▶ land ─▶ refine ─▶ model ─▶ marts ─┬▶ each card's query ────────────────┐
                                                                                └▶ the largest of each of its columns ┴▶ ms over ms

Each in this process, warm, the best of three; the slowest is what a person would wait for.
"""

import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import sqlglot

from bench import Row, run
from bench.freshness import running
from dashboards.asking import ask, opened
from dashboards.definitions import Card, dashboards
from lakehouse.contracts import registry
from lakehouse.places import Home

DAYS, SCALE, ROUNDS = 60, 1.0, 3
SLOWEST_S = 3.0


def rows() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="bench-dashboards-") as folder:
        home = Path(folder)
        _build(home)
        with opened(Home(home).warehouse) as warehouse:
            return [*_measured(warehouse)]


def _measured(warehouse: duckdb.DuckDBPyConnection) -> list[Row]:
    found, slowest = [], 0.0
    for dashboard in dashboards():
        asked = scanned = 0.0
        for card in dashboard.cards:
            cost = _best_ms(lambda card=card, dashboard=dashboard: ask(warehouse, dashboard, card))
            scans = bare_scans(card)
            asked, scanned = asked + cost, scanned + _best_ms(lambda scans=scans: [warehouse.execute(sql).fetchall() for sql in scans])
            slowest = max(slowest, cost / 1_000)
        note = f"{len(dashboard.cards)} cards, {asked:.0f} over {scanned:.0f} ms"
        found.append(Row(f"{dashboard.title}: all cards over bare scans of their columns", asked / scanned, note=note))
    return [*found, Row(f"the slowest card at {DAYS} days", slowest, SLOWEST_S, unit="s", at_most=True)]


def bare_scans(card: Card) -> list[str]:
    """A query a curated table: the largest value of each column that the card names."""
    named = {column.name for column in sqlglot.parse_one(card.query(), dialect="duckdb").find_all(sqlglot.exp.Column)}
    tables = {table: [n for n in registry().get(f"curated.{table}").names if n in named] for table in card.tables}
    return [f"select {', '.join(f'max({name})' for name in names)} from curated.{table}" for table, names in tables.items() if names]


def _best_ms(ask_once: Callable[[], object]) -> float:
    def once() -> float:
        began = time.perf_counter()
        ask_once()
        return (time.perf_counter() - began) * 1_000

    return min(once() for _ in range(ROUNDS))


def _build(home: Path) -> None:
    with running(home, "collect", "--port", "0", stdout=subprocess.PIPE) as collector:
        address = json.loads(collector.stdout.readline())["address"]
        run(home, "simulate", "--url", address, "--days", str(DAYS), "--scale", str(SCALE))
    for verb in ("land", "refine", "model"):
        run(home, verb)


if __name__ == "__main__":
    for row in rows():
        print(f"{row.name:75} {row.value:8.2f} {row.unit}  {'' if row.is_met else 'MISSED'}  {row.note}")
