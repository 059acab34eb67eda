"""People in the live figures, for their erasure: in Redis, and in the file that it appends every command to.

close  LiveStore.forget: their rows, and nothing that is under way counts
purge  off the list of the forgotten, once nothing is under way any more ─▶ the file written anew

restrict  LiveStore.leave_alone: the same, until release; a Redis that lost its data gets the list from the lake (counter.py)
"""

import time
from collections.abc import Iterator, Sequence

from lakehouse.places import Home
from lakehouse.privacy.erasure.copies import Left, Place, Purged, Tell
from lakehouse.privacy.hidden import hidden_people
from lakehouse.privacy.requests import Whom
from lakehouse.privacy.rights.held import Held
from lakehouse.storage.open import open_files

_UNDER_WAY_S = 30
"""A batch of the counter that was read before a key was destroyed is counted long before this."""
_REWRITE_LIMIT_S = 120


class LiveFigures(Place):
    """Where no Redis was ever set up for the live path there is nothing."""

    name = "live"
    stage = 50

    def close(self, people: Sequence[Whom]) -> None:
        if self._is_used():
            store = self._store()
            for one in people:
                if one.pid:
                    store.forget(one.pid)

    def purge(self, people: Sequence[Whom], tell: Tell) -> list[Purged]:
        if not self._is_used():
            return []
        store, pids = self._store(), [one.pid for one in people if one.pid]
        tell("live figures")
        for pid in pids:
            store.forget(pid)
        if (newest := store.forgotten_since(pids)) is not None:
            time.sleep(max(0.0, newest + _UNDER_WAY_S - time.time()))
        places = store.let_go(pids, _REWRITE_LIMIT_S)
        return [Purged("live figures", "deleted, and Redis's file written anew", places)]

    def left(self, people: Sequence[Whom]) -> list[Left]:
        if not self._is_used():
            return []
        return [Left("live figures", *self._store().named([one.pid for one in people if one.pid]))]

    def held(self, one: Whom) -> Iterator[Held]:
        if self._is_used() and one.pid:
            yield Held("live figures", "live figures", self._store().about(one.pid))

    def restrict(self, people: Sequence[Whom]) -> None:
        """Their rows go, and are counted no more; figures reach back an hour, and so nothing is lost that comes back."""
        if self._is_used():
            store = self._store()
            for one in people:
                if one.pid:
                    store.leave_alone(one.pid)

    def release(self, people: Sequence[Whom]) -> None:
        """Whoever is being erased meanwhile stays out."""
        if self._is_used():
            hidden = hidden_people(open_files(self.settings))
            self._store().let_go([one.pid for one in people if one.pid and one.pid not in hidden], _REWRITE_LIMIT_S)

    def _is_used(self) -> bool:
        return bool(self.settings.live_redis_url or (Home(self.settings.home).redis / "address").exists())

    def _store(self):
        from live.redis_server import redis_url
        from live.store import LiveStore, connect

        return LiveStore(connect(redis_url(self.settings)), self.settings.live_window_minutes)
