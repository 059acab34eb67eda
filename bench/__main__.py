"""`make bench`: every ratio in one run, a table for each bench as it ends. `python -m bench NAME…` runs some of them.

A run that misses a target exits 20, so that it can stand in a pipeline; one in which a bench broke, 1, once the others are
through.
"""

import importlib
import sys
import time

from rich.console import Console
from rich.table import Table

BENCHES = (
    "refine",
    "collector",
    "collector_steady",
    "growth",
    "full_day",
    "dashboards",
    "freshness",
    "event_keys",
    "memory",
    "live",
    "cdc",
    "cdc_freshness",
    "online_features",
    "psychometrics",
    "text",
    "erasure",
)


def main(names: list[str]) -> int:
    unknown = sorted(set(names) - set(BENCHES))
    if unknown:
        print(f"no bench {', '.join(unknown)}; there are {', '.join(BENCHES)}", file=sys.stderr)
        return 2
    console, progress = Console(), Console(stderr=True)
    missed, broken = 0, []
    for name in names or BENCHES:
        progress.print(f"[bold]{name}[/] …")
        started = time.monotonic()
        try:
            rows = importlib.import_module(f"bench.{name}").rows()
        except Exception:  # noqa: BLE001
            # Nothing is measured of it, and the exit code says so; a quarter of an hour of other measurements is kept.
            console.print_exception()
            broken.append(name)
            continue
        table = Table("what", "measured", "target", "met", "note", title=f"{name}: ratios measured in this run", title_justify="left")
        for row in rows:
            missed += not row.is_met
            target = "" if row.target is None else f"{'at most' if row.at_most else 'at least'} {row.target:g}"
            met = "" if row.target is None else "yes" if row.is_met else "[bold red]NO[/]"
            table.add_row(row.name, f"{row.value:,.3g} {row.unit}", target, met, row.note)
        console.print(table)
        progress.print(f"[bold]{name}[/] done in {time.monotonic() - started:.0f} s")
    if broken:
        progress.print(f"[bold red]broken:[/] {', '.join(broken)}")
        return 1
    return 20 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
