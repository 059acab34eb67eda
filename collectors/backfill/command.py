"""`lakehouse backfill`: the files of the past, through the same door as the events of today."""

from pathlib import Path
from typing import Annotated

import typer


def backfill(
    file: Annotated[Path, typer.Argument(help="A CSV file with a header.")],
    mapping: Annotated[Path, typer.Option(help="YAML that says which columns become which fields.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Publish nothing; show the first events, and every reject with its line.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Publish nothing where any row is rejected (exit 11).")] = False,
    rejects: Annotated[
        Path | None, typer.Option(help="Where to write the rejected rows, as CSV; by default in LAKEHOUSE_HOME/backfill.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the closing counts as JSON.")] = False,
) -> None:
    """Turn a CSV of past attempts (or of anything that a contract describes) into events, and publish them.

    Every row leaves by one door: published, skipped for a reason that the mapping gives, or rejected with its line and the
    reason. Events are judged as by HTTP. Their ids follow from the columns under `id:`, so that running the same file
    twice changes nothing. Afterwards `lakehouse land`, `refine` and `model` take them to the marts.

    A mapping for a file with the columns sitting, student, exam, taken, points:

        name: spring-mocks
        zone_id: univprep
        org_id: 17
        time_zone: Asia/Seoul
        outputs:
          - contract: exam.events
            event_type: attempt_finished
            id: [sitting]
            skip:
              - {column: points, is: absent, reason: did not come}
            fields:
              user_id: {copy: student}
              attempt_id: {template: "mock-{sitting}"}
              exam_id: {copy: exam}
              occurred_at: {timestamp: taken, format: "%d.%m.%Y %H:%M"}
              started_at: {timestamp: taken, format: "%d.%m.%Y %H:%M"}
              score: {number: points, times: 0.5}
              time_spent_ms: {constant: 0}

    Fields are made by copy, constant, number (times, plus), template, hash, date (days, at), timestamp (format) or choose
    (from, otherwise). `join:` adds the columns of another CSV, `missing:` lists the texts that mean no value, `delimiter:`
    and `encoding:` say how the file is written. Try it with --dry-run first.

    Example: `lakehouse backfill studentAssessment.csv --mapping collectors/backfill/mappings/oulad.yaml --dry-run`
    """
    from collectors.backfill import mapping as mappings
    from collectors.backfill import report
    from lakehouse.contracts import registry
    from lakehouse.settings import settings

    chosen = mappings.read(mapping, file, registry())
    report.run(chosen, settings(), is_dry=dry_run, is_strict=strict, rejects=rejects, as_json=as_json)
