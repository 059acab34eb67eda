"""Who looks at live figures, for the audit log; and whom nobody is shown any more.

    subscribe, GET ─▶ Looks.record ─▶ audit: live.read, allowed │ denied      one record a caller, view and tenant in ten minutes
    hidden.parquet ─▶ Looks.follow, every second ─▶ hidden ─▶ rows left out; whoever had seen one comes back for a snapshot

A push is part of the look that its subscription began. A look that cannot be recorded is refused.
"""

import asyncio
import time
from collections.abc import Callable

from lakehouse.access.caller import Caller
from lakehouse.errors import LakehouseError
from lakehouse.log import get_log
from lakehouse.privacy.audit import Audit
from lakehouse.privacy.chain import Outcome
from lakehouse.privacy.hidden import hidden_people
from lakehouse.privacy.reading import kind_of
from lakehouse.storage.protocols import Files

_AGAIN_S = 600.0
_MOST_REMEMBERED = 50_000
_LOOKED_AT_EVERY_S = 1.0
log = get_log(__name__)


class Looks:
    """Of one server."""

    def __init__(self, audit: Audit, files: Files) -> None:
        self.hidden: frozenset[str] = frozenset()
        self._audit = audit
        self._files = files
        self._recorded: dict[tuple, float] = {}

    async def record(self, caller: Caller, view: str, tenant: tuple, outcome: Outcome) -> None:
        """Raises UnavailableError where it cannot be recorded."""
        what, now = (caller.key_id, view, tenant, outcome), time.monotonic()
        if now < self._recorded.get(what, float("-inf")) + _AGAIN_S:
            return
        await asyncio.to_thread(
            self._audit.append,
            "live.read",
            actor=caller.key_id,
            actor_kind=kind_of(caller),
            dataset=view,
            purpose="own_data" if caller.user_id is not None else None,
            outcome=outcome,
            details={"tenant": list(tenant)},
        )
        if len(self._recorded) >= _MOST_REMEMBERED:
            self._recorded.clear()
        self._recorded[what] = now

    async def look(self) -> bool:
        """Whether somebody is hidden who was not."""
        before, self.hidden = self.hidden, await asyncio.to_thread(hidden_people, self._files)
        return bool(self.hidden - before)

    async def follow(self, on_more: Callable[[], None]) -> None:
        """For ever: `on_more` whenever somebody is hidden anew."""
        while True:
            await asyncio.sleep(_LOOKED_AT_EVERY_S)
            try:
                if await self.look():
                    on_more()
            except (OSError, LakehouseError) as error:
                log.warning("hidden_not_read", error=error)  # who was hidden before still is; a second later we look again

    def close(self) -> None:
        self._audit.close()
