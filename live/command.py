"""`lakehouse live`: the commands of the live path.

redis ─▶ a Redis for the laptop     count ─▶ bus to Redis     serve ─▶ Redis to WebSocket     watch ─▶ a table in the terminal
forget ─▶ a person out of Redis
"""

import json
import os
import signal
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from lakehouse.errors import BadInputError, require
from lakehouse.settings import settings
from lakehouse.storage.durable import write_file

app = typer.Typer(help="Live figures: counted within seconds of acceptance, pushed to those who may see them.", no_args_is_help=True)
ReadyFile = Annotated[Path | None, typer.Option(help="Write a line of JSON here once it is ready; removed at the end.")]


@app.command()
def redis(ready_file: ReadyFile = None) -> None:
    """Run a Redis for the live path on this machine, below LAKEHOUSE_HOME.

    `lakehouse live count` and `live serve` find it by themselves unless LAKEHOUSE_LIVE_REDIS_URL names another one. What
    it holds survives a crash. SIGTERM or Ctrl-C ends it.
    """
    from live.redis_server import Server, run

    def ready(server: Server) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: os.kill(server.pid, signal.SIGTERM))
        _tell({"pid": server.pid}, ready_file)

    with _removed_at_the_end(ready_file):
        sys.exit(max(0, run(settings(), ready)))


@app.command()
def count(
    metrics_port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Serve Prometheus figures on this port of 127.0.0.1; 0 takes a free one.")
    ] = None,
    ready_file: ReadyFile = None,
) -> None:
    """Count what arrives on the bus in Redis, each event once.

    Reads with a subscription of its own, so it neither waits for land nor is waited for. Only valid events of the last
    LAKEHOUSE_LIVE_WINDOW_MINUTES count; the others are counted as too_old or invalid, and are in the lake all the same.
    While Redis is away it keeps what it has and waits; where Redis comes back without figures, it rebuilds them from
    the bus and from raw. Killed at any moment, nothing is lost and nothing counts twice.

    Example: `lakehouse live redis &`, `lakehouse live count &`. SIGTERM ends it after the batch in hand.
    """
    require("redis", "live")
    from lakehouse.contracts import registry
    from lakehouse.storage.open import open_bus, open_files, open_vault
    from live.counter import Counter
    from live.metrics import CounterMetrics
    from live.redis_server import redis_url
    from live.store import LiveStore, connect

    chosen, metrics, stopping = settings(), CounterMetrics(), []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.append(True))
    told = {"pid": os.getpid()}
    if metrics_port is not None:
        from prometheus_client import start_http_server

        server, _ = start_http_server(metrics_port, "127.0.0.1", registry=metrics.registry)
        told["metrics"] = f"http://127.0.0.1:{server.server_port}/metrics"
    store, bus = LiveStore(connect(redis_url(chosen)), chosen.live_window_minutes), open_bus(chosen)
    try:
        with _removed_at_the_end(ready_file):
            counter = Counter(bus, open_files(chosen), open_vault(chosen), registry(), store, chosen.live_window_minutes, metrics)
            counter.run(lambda: bool(stopping), lambda: _tell(told, ready_file))
    finally:
        bus.close()


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; LAKEHOUSE_LIVE_HOST unless given.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port; 0 takes a free one. LAKEHOUSE_LIVE_PORT unless given.")] = None,
    ready_file: ReadyFile = None,
) -> None:
    """Push live figures to those who may see them, by WebSocket, and answer with snapshots by GET.

    `/v1/live` is the WebSocket (docs/how_to/watch_live.md has its messages), `/v1/live/{view}` a snapshot; `/healthz`,
    `/readyz` and `/metrics` are for operators. Every caller is known by an API key or token, and sees the figures of its
    own zones and organizations, or of one person, and no others.

    Prints one line of JSON with the address, then serves until SIGTERM or Ctrl-C; then it tells every subscriber to come
    back (close code 1012) and ends with 0. Example: `lakehouse live serve --port 8090`.
    """
    require("uvicorn", "live")
    require("starlette", "live")
    from lakehouse.access.open import open_gate
    from lakehouse.contracts import registry
    from lakehouse.listening import listen
    from lakehouse.storage.open import open_audit, open_files, open_vault
    from live.app import Live
    from live.looks import Looks
    from live.redis_server import redis_url
    from live.server import BACKLOG, require_encryption
    from live.server import serve as run

    chosen = settings()
    host, port = host or chosen.live_host, chosen.live_port if port is None else port
    require_encryption(chosen)
    looks = Looks(open_audit(chosen), open_files(chosen))
    live = Live(chosen, registry(), open_gate(chosen), open_vault(chosen), looks, redis_url(chosen))
    listening = listen(host, port, BACKLOG)
    with listening, _removed_at_the_end(ready_file):
        run(live, listening, lambda told: _tell(told, ready_file))


@app.command()
def watch(
    view: Annotated[str, typer.Argument(help="Such as exam_minutes; contracts/live/ has them all.")],
    key: Annotated[list[str] | None, typer.Option(help="A key of the view, as name=value; repeat it.")] = None,
    address: Annotated[str | None, typer.Option(help="Of the live server; the one of LAKEHOUSE_LIVE_HOST and _PORT unless given.")] = None,
    rows: Annotated[int | None, typer.Option(min=0, help="End once there are as many rows, instead of at Ctrl-C.")] = None,
) -> None:
    """Watch a view in the terminal: a table that changes as events are accepted.

    The token is read from LAKEHOUSE_LIVE_TOKEN, never from the command line. Examples:

        lakehouse live watch exam_minutes --key zone_id=univprep --key org_id=1
        lakehouse live watch exam_overview --key zone_id=univprep --key org_id=1 --key exam_id=exam-7
    """
    require("websockets", "live")
    from lakehouse.contracts import registry
    from live.asking import PREFIX
    from live.watch import watch as follow

    chosen = settings()
    contract = registry().find(view if view.startswith(PREFIX) else PREFIX + view)
    if contract is None or contract.live is None:
        known = ", ".join(c.table for c in registry().layer("live"))
        raise BadInputError(f"there is no view {view}", hint=f"watch one of {known}")
    base = (address or f"http://{chosen.live_host}:{chosen.live_port}").rstrip("/")
    token = chosen.live_token.get_secret_value() if chosen.live_token else None
    follow(contract, dict(_pair(contract, pair) for pair in key or ()), base.replace("http", "ws", 1) + "/v1/live", token, rows)


def _pair(contract, pair: str) -> tuple[str, str | int]:
    """Raises BadInputError."""
    name, equals, value = pair.partition("=")
    if not equals or name not in contract.live.partition:
        raise BadInputError(f"--key takes name=value, and the names are {', '.join(contract.live.partition) or 'none'}")
    return name, int(value) if contract.field(name).type == "integer" and value.isdecimal() else value


@app.command()
def forget(user_pid: Annotated[str, typer.Argument(help="The pseudonym, as clean has it; never an account.")]) -> None:
    """Take everything about a person out of Redis, and let nothing that is under way bring it back.

    The person's key in the vault must be destroyed first; then no later event about them can be counted either. Running
    it again does no harm.
    """
    require("redis", "live")
    from live.redis_server import redis_url
    from live.store import LiveStore, connect

    chosen = settings()
    places = LiveStore(connect(redis_url(chosen)), chosen.live_window_minutes).forget(user_pid)
    typer.echo(json.dumps({"forgotten_places": places}))


def _tell(told: dict, ready_file: Path | None) -> None:
    line = json.dumps(told)
    if ready_file:
        write_file(ready_file, line.encode())
    print(line, flush=True)


@contextmanager
def _removed_at_the_end(ready_file: Path | None):
    try:
        yield
    finally:
        if ready_file:
            ready_file.unlink(missing_ok=True)
