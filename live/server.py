"""Running the live server under uvicorn: one process, one event loop, and a goodbye before the end."""

import os
import signal
import socket
from collections.abc import Callable

import uvicorn

from lakehouse.access.open import needs_encryption
from lakehouse.errors import SettingsError
from lakehouse.settings import Settings
from live.app import Live, create_app
from live.session import MAX_MESSAGE_BYTES

_GRACE_S = 10


BACKLOG = 512


def require_encryption(settings: Settings) -> None:
    """Raises SettingsError where tokens and figures would leave this machine in clear."""
    if (settings.live_tls_cert is None) != (settings.live_tls_key is None):
        raise SettingsError("a certificate goes with its key", hint="set LAKEHOUSE_LIVE_TLS_CERT and LAKEHOUSE_LIVE_TLS_KEY, or neither")
    if needs_encryption(settings) and settings.live_tls_cert is None and not settings.live_behind_tls:
        raise SettingsError(
            "the live server would speak in clear",
            hint="set LAKEHOUSE_LIVE_TLS_CERT and _KEY, or LAKEHOUSE_LIVE_BEHIND_TLS=true behind a proxy",
        )


def serve(live: Live, listening: socket.socket, on_ready: Callable[[dict], None]) -> None:
    """Until SIGTERM or SIGINT."""
    # uvicorn hands the signal on once it has shut down; we have nothing left to do then, and want to end with 0.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    server(live, listening, on_ready).run(sockets=[listening])


def server(live: Live, listening: socket.socket, on_ready: Callable[[dict], None]) -> uvicorn.Server:
    """Ready to run; `should_exit` ends it."""
    host, port = listening.getsockname()[:2]
    chosen = live.settings
    told = {"address": f"{'https' if chosen.live_tls_cert else 'http'}://{f'[{host}]' if ':' in host else host}:{port}", "pid": os.getpid()}
    config = uvicorn.Config(
        create_app(live),
        loop="uvloop",
        ws="websockets-sansio",
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_ping_interval=20,
        ws_ping_timeout=20,
        log_config=None,
        access_log=False,  # it would hold addresses of people
        server_header=False,
        ssl_certfile=chosen.live_tls_cert,
        ssl_keyfile=chosen.live_tls_key,
        timeout_graceful_shutdown=_GRACE_S,
    )
    return _Server(config, live, lambda: on_ready(told))


class _Server(uvicorn.Server):
    """Says when it is ready, and goodbye."""

    def __init__(self, config: uvicorn.Config, live: Live, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._live = live
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._live.say_goodbye()
        await super().shutdown(sockets)
