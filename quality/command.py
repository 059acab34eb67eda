"""`lakehouse check`: the quality gate of a stage."""

from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Annotated

import typer


class Stage(StrEnum):
    clean = "clean"
    curated = "curated"


def check(
    stage: Annotated[Stage, typer.Argument(help="clean: after refine; curated: marts and features, after model.")],
    as_of: Annotated[
        datetime | None,
        typer.Option(
            "--as-of", formats=["%Y-%m-%d"], help="The business day to judge; by default LAKEHOUSE_AS_OF, else yesterday in Seoul."
        ),
    ] = None,
    dataset: Annotated[list[str] | None, typer.Option(help="Check this contract or table only; may be repeated.")] = None,
    run_id: Annotated[str | None, typer.Option("--run-id", help="Name of this run; results under the same name are replaced.")] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Also list warnings, one line each.")] = False,
) -> None:
    """Hold the tables of a stage to their contracts; exit 20 where a critical check fails, so that nothing runs on bad data.

    Rules of the contract (types, ranges, keys, what an event type requires) are critical. How the day compares with
    others (volume against 14 days, rising null rates, duplicates as delivered, freshness, references) only warns. All
    results go to monitoring.data_quality_checks in the warehouse, and as Prometheus metrics to logs/ in the lake's home.

    Example: `lakehouse check clean --as-of 2027-03-01`
    """
    from lakehouse.business_day import last_complete_day
    from lakehouse.outcome import tell
    from lakehouse.settings import settings
    from quality import report, stages
    from quality.results import Run

    now = datetime.now(UTC)
    day: date = as_of.date() if as_of else settings().as_of or last_complete_day(now)
    run = Run(run_id or f"{stage.value}-{now:%Y%m%dT%H%M%S.%fZ}", now, day, stage.value)
    verdict = stages.run(run, settings(), dataset or [])
    tell(rows=sum(max((r.rows_checked or 0 for r in verdict.of(name)), default=0) for name in {r.checked_dataset for r in verdict.results}))
    report.show(verdict, verbose)
    verdict.raise_if_closed()
