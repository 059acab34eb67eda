"""Single people in Feast's online store, which has no call for one of them: every key that names them, found and deleted.

    SQLite  a table a view, a row a key and feature      Redis  a hash a key, for all views together
    key = the entity's names and values, as Feast serialises them: a pseudonym stands in it as it is

Without Feast, which takes seconds to start, and an erasure must be closed within seconds. To look through the keys costs what is
online, a few keys a person, and nothing of what is stored elsewhere.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from feature_repo.store import configured
from lakehouse.errors import require
from lakehouse.settings import Settings

_KEYS_AT_ONCE = 10_000


class Online:
    """The online store that settings name. Raises NotInstalledError."""

    def __init__(self, settings: Settings) -> None:
        config = configured(settings)
        self._project = config["project"]
        self._path = Path(config["online_store"].get("path", ""))
        self._redis = None
        if settings.redis_url is not None:
            self._redis = require("redis", "features").Redis.from_url(settings.redis_url.get_secret_value())

    def delete(self, pids: Sequence[str]) -> None:
        """Everything online under a key that names one of them."""
        if self._redis is not None:
            for pid in pids:
                for key in self._redis_keys(pid):
                    self._redis.delete(key)
            return
        with self._sqlite() as database:
            for table in self._tables(database):
                for pid in pids:
                    database.execute(f'delete from "{table}" where instr(entity_key, ?) > 0', (pid.encode(),))

    def named(self, pids: Sequence[str]) -> tuple[dict[str, int], int]:
        """Pseudonym → rows online, of those who have any; and how many rows there are."""
        if self._redis is not None:
            found = {pid: len(list(self._redis_keys(pid))) for pid in pids}
            return {pid: keys for pid, keys in found.items() if keys}, self._redis.dbsize()
        rows, of_rows = dict.fromkeys(pids, 0), 0
        with self._sqlite() as database:
            for table in self._tables(database):
                of_rows += database.execute(f'select count(*) from "{table}"').fetchone()[0]
                for pid in pids:
                    sql = f'select count(*) from "{table}" where instr(entity_key, ?) > 0'
                    rows[pid] += database.execute(sql, (pid.encode(),)).fetchone()[0]
        return {pid: here for pid, here in rows.items() if here}, of_rows

    def _redis_keys(self, pid: str) -> Iterator[bytes]:
        return self._redis.scan_iter(match=f"*{pid}*{self._project}", count=_KEYS_AT_ONCE)

    @contextmanager
    def _sqlite(self) -> Iterator[sqlite3.Connection]:
        """What is deleted is overwritten, and not only unlinked."""
        database = sqlite3.connect(self._path, timeout=60)
        try:
            database.execute("pragma secure_delete = on")
            with database:
                yield database
        finally:
            database.close()

    def _tables(self, database: sqlite3.Connection) -> list[str]:
        """Feast puts the project's name in front of the view's."""
        names = database.execute("select name from sqlite_master where type = 'table' and name like ? escape '~'", (f"{self._project}~_%",))
        return [name for (name,) in names]
