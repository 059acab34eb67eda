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
