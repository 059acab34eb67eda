"""A verdict as a table for people: one line a dataset, and for each check that did not pass what to do."""

from collections import Counter

from rich.console import Console
from rich.table import Table

from quality.gate import Result
from quality.stages import Verdict

_COLOUR = {"failed": "bold red", "warned": "yellow"}


def show(verdict: Verdict, verbose: bool = False) -> None:
    console = Console()
    run = verdict.run
    table = Table("dataset", "rows", "passed", "unknown", "warned", "failed", title=f"{run.check_stage}, business day {run.checked_on}")
    table.columns[0].no_wrap = True
    for column in table.columns[1:]:
        column.justify = "right"
    for dataset, measured in verdict.measures.items():
        found = verdict.of(dataset)
        counts = Counter(r.check_status for r in found)
        table.add_row(dataset, f"{measured.rows:,}", *(_count(s, counts[s]) for s in ("passed", "unknown", "warned", "failed")))
    console.print(table)
    for status in ("failed", "warned"):
        for result in verdict.with_status(status):
            console.print(_line(result), highlight=False, soft_wrap=True)
            if status == "failed" or verbose:
                console.print(f"    {result.advice}", highlight=False, soft_wrap=True, markup=False)


def _count(status: str, count: int) -> str:
    return f"[{_COLOUR[status]}]{count}[/]" if count and status in _COLOUR else str(count)


def _line(result: Result) -> str:
    seen = []
    if result.rows_failed:
        seen.append(f"{result.rows_failed:,} of {result.rows_checked:,} rows")
    elif result.observed_value is not None:
        seen.append(f"{result.observed_value:,.3g}")
    colour = _COLOUR[result.check_status]
    said = f"{result.checked_dataset} {result.check_name}: {', '.join(seen) or 'could not be checked'}, wanted: {result.threshold_text}"
    return f"[{colour}]{result.check_status}[/] " + said.replace("[", r"\[")
