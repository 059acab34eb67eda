"""Running the application under uvicorn: one process, one event loop, an end without loss."""

import asyncio
import gc
import json
import logging
import os
import signal
import socket
import sys
from pathlib import Path

import uvicorn

from collectors.events.app import create_app
from collectors.events.protocol import limited
from collectors.events.tls import tls_context
from lakehouse.settings import Settings
from lakehouse.storage.durable import write_file

_GRACE_S = 30
BACKLOG = 2048
_TICKS_A_SWEEP = 10


def options(app: object, settings: Settings, **own: object) -> uvicorn.Config:
    """How every server of this repository's benches runs, too. No access log: it would hold addresses of people."""
    return uvicorn.Config(
        app,
        loop="uvloop",
        http=limited(settings.collector_connections, settings.collector_request_seconds),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=_GRACE_S,
        **{"proxy_headers": False} | own,
    )


def serve(settings: Settings, listening: socket.socket, ready_file: Path | None) -> None:
    """Serve until SIGTERM or SIGINT."""
    host, port = listening.getsockname()[:2]
    tls, proxies = tls_context(settings), settings.collector_trusted_proxies
    own = {"ssl_context_factory": lambda *_: tls} if tls else {}
    if proxies:
        own |= {"proxy_headers": True, "forwarded_allow_ips": proxies}
    told = json.dumps({"address": f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}", "pid": os.getpid()})
    # One line a malformed request would let strangers fill the disk; what they get tells them enough.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    # uvicorn hands the signal on once it has shut down; we have nothing left to do then, and want to end with 0.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    try:
        _Server(options(create_app(settings), settings, **own), told, ready_file).run(sockets=[listening])
    finally:
        if ready_file:
            ready_file.unlink(missing_ok=True)


class _Server(uvicorn.Server):
    """Says when it is ready, and ends what takes too long."""

    def __init__(self, config: uvicorn.Config, told: str, ready_file: Path | None) -> None:
        super().__init__(config)
        self._told = told
        self._ready_file = ready_file

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.should_exit:
            return
        gc.freeze()  # contracts and code are for ever: the collector need not look at them again
        if self._ready_file:
            write_file(self._ready_file, self._told.encode())
        print(self._told, flush=True, file=sys.stdout)

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second."""
        if counter % _TICKS_A_SWEEP == 0:
            now = asyncio.get_running_loop().time()
            for connection in list(self.server_state.connections):
                connection.end_if_overdue(now)
        return await super().on_tick(counter)
