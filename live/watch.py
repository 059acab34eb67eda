"""`lakehouse live watch`: a view in the terminal, by the same WebSocket that everybody uses.

connect ─▶ subscribe ─▶ snapshot, deltas ─▶ a table that changes     lost ─▶ again, until Ctrl-C
"""

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from lakehouse.contracts.model import Contract
from lakehouse.errors import BadInputError, DeniedError
from live.session import NOT_ALLOWED, NOT_KNOWN, TOO_MANY

_AGAIN_S = 1.0
_MOST_ROWS = 40


class Watcher:
    """What was told, as a table."""

    def __init__(self, contract: Contract, address: str) -> None:
        self._contract = contract
        self._address = address
        self._rows: dict[tuple, dict[str, Any]] = {}
        self._note = "connecting"

    def take(self, message: dict[str, Any]) -> None:
        """Raises BadInputError, DeniedError where the server refuses what we ask for."""
        if message["type"] == "error":
            kind = DeniedError if message["code"] == "denied" else BadInputError
            own = {"is_known": True} if kind is DeniedError else {}
            raise kind(message["message"], hint=message.get("hint", ""), **own)
        if message["type"] == "snapshot":
            self._rows = {}
        for row in message.get("rows", ()):
            self._rows[self._grain(row)] = row
        for row in message.get("gone", ()):
            self._rows.pop(self._grain(row), None)
        self._note = f"{message.get('state', 'live')}, {datetime.now(UTC):%H:%M:%S} UTC"

    @property
    def row_count(self) -> int:
        return len(self._rows)

    def lost(self, why: str) -> None:
        self._note = f"{why}; trying again"

    def shown(self) -> Group:
        names = [n for n in self._contract.names if n not in self._contract.live.partition]
        table = Table(*names, title=f"{self._contract.title}: {len(self._rows):,} rows")
        newest_first = sorted(self._rows.items(), key=lambda item: [str(v) for v in item[0]], reverse=True)
        for _, row in newest_first[:_MOST_ROWS]:
            table.add_row(*(_cell(row[n]) for n in names))
        return Group(table, Text(f"{self._address}  {self._note}", style="dim"))

    def _grain(self, row: dict[str, Any]) -> tuple:
        return tuple(row[n] for n in self._contract.primary_key)


def watch(contract: Contract, keys: dict[str, Any], address: str, token: str | None, until_rows: int | None = None) -> None:
    """Until Ctrl-C; with `until_rows`, until there are as many. Raises DeniedError, BadInputError."""
    watcher, console = Watcher(contract, address), Console()
    with suppress(KeyboardInterrupt), Live(watcher.shown(), console=console, auto_refresh=False) as screen:
        asyncio.run(_follow(watcher, contract.id, keys, address, token, until_rows, lambda: screen.update(watcher.shown(), refresh=True)))


async def _follow(watcher: Watcher, view: str, keys: dict, address: str, token: str | None, until_rows: int | None, show) -> None:
    headers = {"Authorization": f"Bearer {token}"} if token else None
    while True:
        try:
            async with connect(address, additional_headers=headers, max_size=None) as socket:
                await socket.send(json.dumps({"subscribe": view, "keys": keys, "id": "watch"}))
                async for text in socket:
                    watcher.take(json.loads(text))
                    show()
                    if until_rows is not None and watcher.row_count >= until_rows:
                        return
        except ConnectionClosed as closed:
            _refuse_final(closed.rcvd.code if closed.rcvd else None)
        except (OSError, InvalidStatus, TimeoutError):
            pass
        watcher.lost("the server is away")
        show()
        await asyncio.sleep(_AGAIN_S)


def _refuse_final(code: int | None) -> None:
    if code == NOT_KNOWN:
        raise DeniedError(
            "the server does not know this token", hint="set LAKEHOUSE_LIVE_TOKEN to a key or token that is good", is_known=False
        )
    if code == NOT_ALLOWED:
        raise DeniedError("this token may not read live figures", hint="ask for one with live:read", is_known=True)
    if code == TOO_MANY:
        raise BadInputError("this token holds as many connections as it may", hint="close another one")


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return " ".join(map(str, value))
    return "" if value is None else str(value)
