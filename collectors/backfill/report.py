"""What `backfill` shows and leaves behind: progress, the first events of a dry run, counts, and the rejected rows.

Outcome ─▶ tables on stdout (or JSON) and <home>/backfill/<mapping>.rejects.csv
"""

import csv
import json
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from collectors.backfill.filling import Backfill, Outcome, Reject
from collectors.backfill.mapping import Mapping
from lakehouse.errors import BadInputError
from lakehouse.places import Home
from lakehouse.settings import Settings
from lakehouse.storage.open import open_bus

_SHOWN = 20


def run(mapping: Mapping, settings: Settings, is_dry: bool, is_strict: bool, rejects: Path | None, as_json: bool) -> None:
    """Raises BadInputError where --strict meets a reject."""
    path = rejects or Home(settings.home).backfill / f"{mapping.name}.rejects.csv"
    if is_dry or is_strict:
        outcome = _filled(mapping, None, "reading")
        if is_dry or outcome.rejects:
            _show(mapping, outcome, path, is_dry=True, as_json=as_json)
        if is_strict and outcome.rejects:
            raise BadInputError(
                f"{len(outcome.rejects)} rows were rejected, so nothing was published", hint=f"{path} lists them, each with its reason"
            )
        if is_dry:
            return
    bus = open_bus(settings)
    try:
        outcome = _filled(mapping, bus, "publishing")
    finally:
        bus.close()
    _show(mapping, outcome, path, is_dry=False, as_json=as_json)


def _filled(mapping: Mapping, bus, verb: str) -> Outcome:
    columns = (
        SpinnerColumn(),
        TextColumn(f"{verb} {mapping.sheet.path.name}"),
        MofNCompleteColumn(),
        TextColumn("rows"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("rows", total=None)
        return Backfill(mapping).run(bus, lambda rows: progress.advance(task, rows))


def write_rejects(path: Path, rejects: list[Reject]) -> None:
    """One line a rejected row, its own columns after the reason. It may name people: only the owner may read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = list(dict.fromkeys(name for reject in rejects for name in reject.values))
    path.touch(mode=0o600)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "line", "output", "reason", *columns])
        for r in rejects:
            writer.writerow([r.file, r.line, r.output, r.reason, *(r.values.get(name, "") for name in columns)])


def _show(mapping: Mapping, outcome: Outcome, path: Path, is_dry: bool, as_json: bool) -> None:
    if outcome.rejects:
        write_rejects(path, outcome.rejects)
    else:
        path.unlink(missing_ok=True)  # those of an earlier run would be taken for this one's
    if as_json:
        print(json.dumps(_as_dict(outcome, path, is_dry), indent=2, ensure_ascii=False))
        return
    console = Console()
    if is_dry:
        _show_first(console, outcome)
    table = Table(title=f"backfill {mapping.name}{': dry run, nothing published' if is_dry else ''}")
    for name, justify in (("output", "left"), ("what", "left"), ("rows", "right")):
        table.add_column(name, justify=justify)
    table.add_row("", "read", f"{outcome.rows:,}")
    for title in dict.fromkeys(output.title for output in mapping.outputs):
        table.add_row(title, "would be published" if is_dry else "published", f"{outcome.published[title]:,}")
        for (of, reason), count in outcome.skipped.items():
            if of == title:
                table.add_row("", f"skipped: {reason}", f"{count:,}")
        for reason, count in Counter(r.reason for r in outcome.rejects if r.output == title).most_common():
            table.add_row("", f"[red]rejected:[/] {reason}", f"{count:,}")
    console.print(table)
    _show_rejects(console, outcome.rejects, path, everything=is_dry)


def _show_first(console: Console, outcome: Outcome) -> None:
    for title, events in outcome.first.items():
        console.print(f"[bold]{title}[/], the first {len(events)}:")
        for line, event in events:
            console.print(f"  line {line}: {json.dumps(event, ensure_ascii=False)}", markup=False, highlight=False, soft_wrap=True)


def _show_rejects(console: Console, rejects: list[Reject], path: Path, everything: bool) -> None:
    if not rejects:
        return
    for r in rejects if everything else rejects[:_SHOWN]:
        console.print(f"  {r.file}:{r.line}: {r.reason}", markup=False, highlight=False, soft_wrap=True)
    if not everything and len(rejects) > _SHOWN:
        console.print(f"  … and {len(rejects) - _SHOWN:,} more")
    console.print(f"{len(rejects):,} rejected rows, with their reasons: {path}", markup=False, highlight=False, soft_wrap=True)


def _as_dict(outcome: Outcome, path: Path, is_dry: bool) -> dict:
    return {
        "is_dry_run": is_dry,
        "rows": outcome.rows,
        "published": dict(outcome.published),
        "skipped": [{"output": title, "reason": reason, "rows": count} for (title, reason), count in outcome.skipped.items()],
        "rejected": len(outcome.rejects),
        "rejects": [{"file": r.file, "line": r.line, "output": r.output, "reason": r.reason} for r in outcome.rejects],
        "rejects_file": str(path) if outcome.rejects else None,
    }
