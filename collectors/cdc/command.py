"""`lakehouse cdc`: capture the changes of the source database, and see that nothing is missing."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Capture the changes of the source database, and prove that none is missing.", no_args_is_help=True)


@app.command()
def run(
    ready_file: Annotated[
        Path | None, typer.Option(help="Write a line of JSON here once changes are captured; removed at the end.")
    ] = None,
    metrics_port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Serve Prometheus metrics on 127.0.0.1; 0 takes a free port.")
    ] = None,
    repair: Annotated[bool, typer.Option("--repair/--no-repair", help="Answer a gap with a new snapshot; otherwise end with 22.")] = True,
) -> None:
    """Publish every change of the source database, until SIGTERM or Ctrl-C.

    The first start takes a snapshot of all tables that the publication LAKEHOUSE_CDC_PUBLICATION holds and contracts describe;
    then changes follow within milliseconds, each as an envelope of `source.<table>`. A change counts as captured only once it
    is durable on the bus: whatever is killed, nothing is lost, and what comes twice has the same event_id.

    A lost slot, another cluster behind the address, an older backup: each is noticed, entered in the ledger and answered by a
    new epoch with a new snapshot, after which both sides agree again. Example:

        LAKEHOUSE_SOURCE_URL=postgresql://debezium:secret@localhost:5432/megacity lakehouse cdc run --metrics-port 9187
    """
    from collectors.cdc.supervisor import Supervisor
    from lakehouse.errors import require
    from lakehouse.settings import settings

    require("psycopg", "cdc")
    Supervisor(settings(), ready_file, metrics_port, repair).run()


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
    acknowledge: Annotated[
        bool, typer.Option("--acknowledge", help="Say that the open alerts are seen to; they are not shown again.")
    ] = False,
) -> None:
    """Show slot, lag, epoch, snapshot, what each table published, columns in no contract, and open alerts."""
    import json

    from rich.console import Console

    from collectors.cdc import report
    from collectors.cdc.ledger import Ledger
    from lakehouse.errors import require
    from lakehouse.places import Home
    from lakehouse.settings import settings

    require("psycopg", "cdc")
    told = report.facts(settings())
    if as_json:
        print(json.dumps(told))
    else:
        report.print_status(told, Console(soft_wrap=True))
    if acknowledge:
        Ledger(Home(settings().home).cdc).acknowledge()


@app.command()
def check() -> None:
    """End with 22 where changes are, or may be, missing from the bus; with 0 where capturing goes on, or may go on, without a gap.

    Compares the source's identity and timeline, the slot and Debezium's offsets with the ledger, and follows the ledger's
    chain of batches. Runs beside `lakehouse cdc run`, or without it. `lakehouse cdc reconcile` compares the rows themselves.
    """
    from collectors.cdc import report
    from lakehouse.errors import IntegrityGapError, require
    from lakehouse.settings import settings

    require("psycopg", "cdc")
    if found := report.gaps(report.facts(settings())):
        raise IntegrityGapError("; ".join(found), hint="`lakehouse cdc run` repairs it with a new snapshot; docs/on_call/cdc.md")


@app.command("catch-up")
def catch_up(
    limit_s: Annotated[float, typer.Option(min=0, help="Give up after so many seconds, with exit code 12.")] = 600.0,
) -> None:
    """Wait until everything that is committed in the source by now is on the bus, the snapshot included.

    For scripts: what `lakehouse ingest` or `land` takes from the bus afterwards holds it all. Needs a running `lakehouse cdc run`.
    """
    import time

    from rich.console import Console

    from collectors.cdc.ledger import Ledger
    from collectors.cdc.source import source_of
    from lakehouse.errors import BusyError, require
    from lakehouse.places import Home
    from lakehouse.settings import settings

    require("psycopg", "cdc")
    wanted, ledger = source_of(settings()).mark(), Ledger(Home(settings().home).cdc)
    until = time.monotonic() + limit_s
    with Console(stderr=True).status("catching up with the source") as shown:
        while not ((now := ledger.standing()) and now.is_complete and now.seen_lsn >= wanted):
            if time.monotonic() > until:
                raise BusyError(f"not caught up after {limit_s:.0f} s", hint="is `lakehouse cdc run` running? `lakehouse cdc status` tells")
            if now and now.is_complete:
                shown.update(f"catching up with the source: {max(0, wanted - now.seen_lsn):,} bytes of its log to go")
            time.sleep(0.1)


@app.command()
def resnapshot(reason: Annotated[str, typer.Option(help="Why; kept in the ledger.")] = "asked for") -> None:
    """Ask for a new snapshot of all tables: a running `lakehouse cdc run` begins it within seconds, another one when it starts.

    Rows that are downstream and not in the source any more vanish at its end. Needed after a table was repaired by hand, or where
    `lakehouse cdc reconcile` finds what it cannot repair by itself.
    """
    from collectors.cdc.ledger import Ledger
    from lakehouse.places import Home
    from lakehouse.settings import settings

    Ledger(Home(settings().home).cdc).wish(reason)


@app.command()
def reconcile(
    every_tenant: Annotated[
        bool, typer.Option("--every-tenant", help="Compare the rows of all tenants, and not only where counts differ.")
    ] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Publish what is missing or stale again, and deletions for what is too much.")
    ] = False,
    settle_s: Annotated[float, typer.Option(min=0, help="Seconds between two looks; only what differs in both counts.")] = 15.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False,
) -> None:
    """Compare the source with the lake's current tables: rows per table, zone and organization, then row by row where they differ.

    Ends with 22, and an alert in the ledger, where the two differ in two looks and --repair was not given. What is repaired is placed
    in the log so that a change that happens meanwhile wins. Examples:

        lakehouse cdc reconcile
        lakehouse cdc reconcile --every-tenant --repair
    """
    import json

    from rich.console import Console

    from lakehouse.errors import IntegrityGapError, require
    from lakehouse.settings import settings

    require("psycopg", "cdc")
    from collectors.cdc.copies import CurrentTables
    from collectors.cdc.ledger import Ledger
    from collectors.cdc.reconcile import Reconciler, summary
    from collectors.cdc.source import source_of
    from lakehouse.contracts import registry
    from lakehouse.places import Home
    from lakehouse.storage.open import open_bus, open_tables, open_vault

    chosen, progress = settings(), Console(stderr=True)
    source, ledger = source_of(chosen), Ledger(Home(chosen.home).cdc)
    tables, _ = source.tables(registry())
    reconciler = Reconciler(
        source, tables, CurrentTables(open_tables(chosen), open_vault(chosen)), lambda name: progress.print(f"{name} …")
    )
    look = reconciler.twice(settle_s, every_tenant)
    told = {"rows": look.rows, "tenants_differing": len(look.tenants), "tables": summary(look), "published": 0}
    if look.keys:
        for table, counts in summary(look).items():
            ledger.alert("differs", f"{table}: {', '.join(f'{n} {kind}' for kind, n in counts.items())}")
        if repair:
            told["published"] = reconciler.repair(look, ledger, open_bus(chosen))
    print(json.dumps(told) if as_json else "\n".join(f"{name:18} {value}" for name, value in told.items()))
    if look.keys and not repair:
        raise IntegrityGapError("the lake is not what the source is", hint="run it again with --repair; docs/on_call/cdc.md")
