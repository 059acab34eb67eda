"""The closing table: what became of every record, truth against mart, where the time went, and what to look at next.

simulate --json ─┐
counts.py ───────┼─▶ Summary ─┬▶ tables on stdout, for people
compare --json ──┤            └▶ logs/demo/summary.json, for programs
Day.seconds ─────┘
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from simulator.demo.counts import Counts

SUMMARY = "summary.json"
_WIDTH = 110


@dataclass(frozen=True)
class Summary:
    """`sent` is what `simulate --json` printed; `truth` holds rows of {measure, keys, truth, mart, equal}."""

    as_of: str
    sent: dict
    refined: dict[str, int]
    drift: dict[str, int]
    dead_letters: dict[str, int]
    tables: dict[str, int]
    truth: list[dict]
    seconds: dict[str, float]
    total_seconds: float

    @property
    def differing(self) -> list[str]:
        return [row["measure"] for row in self.truth if not row["equal"]]

    def write(self, folder: Path) -> None:
        (folder / SUMMARY).write_text(json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def summarise(
    as_of: str, sent: dict, reconciled: dict, counted: Counts, compared: list[dict], seconds: dict[str, float], total_s: float
) -> Summary:
    compared = [*compared, _copied(reconciled)]
    truth = [_row(m["measure"], m["keys"], m["truth"], m["mart"], m["equal"]) for m in compared] + list(_fates(sent, counted))
    return Summary(as_of, sent, *map(dict, (counted.refined, counted.drift, counted.dead_letters)), counted.tables, truth, seconds, total_s)


def _fates(sent: dict, counted: Counts) -> Iterable[dict]:
    """What must have become of what was sent amiss, beside what did: the marts cannot tell, for they must not show it."""
    foreseen = sent["duplicates"] + sent["duplicates_past_the_door"]
    yield _counted("duplicates dropped", foreseen, counted.refined["duplicates"])
    for code in sorted(sent["dead_letters"].keys() | counted.dead_letters.keys()):
        yield _counted(f"dead letters: {code}", sent["dead_letters"].get(code, 0), counted.dead_letters[code])
    for field in sorted(sent["unknown_fields"].keys() | counted.drift.keys()):
        yield _counted(f"drift: {field}", sent["unknown_fields"].get(field, 0), counted.drift[field])


def _copied(reconciled: dict) -> dict:
    """Every row of the source database beside the lake's current tables."""
    differing = sum(number for counts in reconciled["tables"].values() for number in counts.values())
    is_equal = not differing and not reconciled["tenants_differing"]
    return _row("rows of the source, in clean", 1, reconciled["rows"], reconciled["rows"] - differing, is_equal)


def _counted(measure: str, truth: int, mart: int) -> dict:
    return _row(measure, 1, truth, mart, truth == mart)


def _row(measure: str, keys: int, truth: object, mart: object, equal: bool) -> dict:
    return {"measure": measure, "keys": keys, "truth": truth, "mart": mart, "equal": equal}


def show(summary: Summary, home: Path) -> None:
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)  # a log or a file has no edge to keep to
    for table in (_fate_table(summary), _rows_table(summary), _truth_table(summary), _times_table(summary)):
        console.print(table)
    console.print(_next_steps(home), markup=False, highlight=False, soft_wrap=True)


def _fate_table(summary: Summary) -> Table:
    sent, refined = summary.sent, summary.refined
    table = _table("what became of it", "records", "why")
    table.add_row("sent over HTTP", _number(sent["sent"]), f"{sent['requests']:,} requests")
    table.add_row("accepted", _number(sent["accepted"]))
    table.add_row("rejected at the door", _number(sum(sent["rejected"].values())), _codes(sent["rejected"]))
    table.add_row("changes of the source", _number(sum(sent["rows_changed"].values())), "captured from PostgreSQL by Debezium")
    table.add_row("duplicates dropped", _number(refined.get("duplicates", 0)))
    table.add_row("dead letters", _number(sum(summary.dead_letters.values())), _codes(summary.dead_letters))
    table.add_row("sent late", _number(sent["late"]), "each is found under the day on which it happened")
    table.add_row("in the clean zone", _number(refined.get("valid", 0)))
    table.add_row("fields no contract knows", _number(sum(summary.drift.values())), _codes(summary.drift))
    return table


def _rows_table(summary: Summary) -> Table:
    table = _table("rows of", "rows")
    for name, rows in summary.tables.items():
        table.add_row(name, _number(rows))
    return table


def _truth_table(summary: Summary) -> Table:
    table = _table("truth against mart", "keys", "truth", "mart", "equal")
    for row in summary.truth:
        mark = "[green]✓[/]" if row["equal"] else "[red]✗[/]"
        table.add_row(row["measure"], _number(row["keys"]), _number(row["truth"]), _number(row["mart"]), mark)
    return table


def _times_table(summary: Summary) -> Table:
    table = _table("stage", "seconds")
    for stage, seconds in summary.seconds.items():
        table.add_row(stage, f"{seconds:.1f}")
    table.add_row("[bold]the whole demo[/]", f"[bold]{summary.total_seconds:.1f}[/]")
    return table


def _next_steps(home: Path) -> str:
    warehouse = home / "warehouse" / "lakehouse.duckdb"
    setting = "" if home == Path("var").resolve() else f"LAKEHOUSE_HOME={home} "
    return f"""
Next to try
  {setting}make airflow        the runs, tasks and logs of this day, and the DAGs (login on the screen)
  {setting}make docs           every model, column and test, with its lineage
  .venv/bin/python -c "import duckdb; print(duckdb.connect('{warehouse}', read_only=True).sql('from curated.mart_daily_activity where zone_id = \\'all\\''))"
  {setting}.venv/bin/lakehouse calibrate --against-truth   how well items and abilities are known
  .venv/bin/lakehouse backfill --help   brings years of real attempts from any CSV file
The lake of this day is {home}; the logs of its stages are in {home / "logs" / "demo"} and {home / "airflow" / "logs"}.
"""


def _table(first: str, *others: str) -> Table:
    table = Table(title_justify="left", header_style="bold")
    table.add_column(first, no_wrap=True)
    for name in others:
        table.add_column(name, justify="left" if name == "why" else "right", no_wrap=name != "why")
    return table


def _codes(codes: Mapping[str, int]) -> str:
    return ", ".join(f"{code} {count:,}" for code, count in sorted(codes.items(), key=lambda item: (-item[1], item[0])))


def _number(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return f"{value:,.9g}" if isinstance(value, float) else f"{value:,}"
