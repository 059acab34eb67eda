"""People in the marts that were published into PostgreSQL, for their erasure: published anew from the warehouse.

close  on the list of those whom no policy shows
purge  the same tables, made beside the old ones and put in their place, which are dropped with their files ─▶ off the list
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg
from psycopg import sql

from dashboards import asking
from dashboards.publishing import fence
from dashboards.publishing.publish import SCHEMA, publish
from lakehouse.contracts import registry
from lakehouse.places import Home
from lakehouse.privacy.erasure.copies import Left, Place, Purged, Tell
from lakehouse.privacy.hidden import hidden_people
from lakehouse.privacy.naming import naming
from lakehouse.privacy.requests import Whom
from lakehouse.storage.open import open_files


class PublishedMarts(Place):
    """Only where marts are published at all: LAKEHOUSE_BI_URL."""

    name = "published marts"
    stage = 60

    def close(self, people: Sequence[Whom]) -> None:
        if self.settings.bi_url:
            with self._connected() as connection:
                fence.hide(connection, hidden_people(open_files(self.settings)))

    def purge(self, people: Sequence[Whom], tell: Tell) -> list[Purged]:
        if not self.settings.bi_url:
            return []
        before = {one.place: sum(one.rows.values()) for one in self.left(people)}
        with asking.opened(Home(self.settings.home).warehouse) as warehouse, self._connected() as connection:
            hidden = hidden_people(open_files(self.settings))
            publish(warehouse, connection, registry(), lambda one: tell(one.table), hidden)
            fence.hide(connection, hidden - {one.pid for one in people})
            connection.execute("vacuum full access.hidden")
        return [Purged(place, "published anew", rows) for place, rows in before.items() if rows]

    def left(self, people: Sequence[Whom]) -> list[Left]:
        if not self.settings.bi_url:
            return []
        pids, found = [one.pid for one in people if one.pid], []
        with self._connected() as connection:
            if connection.execute("select to_regclass('access.hidden')").fetchone()[0]:
                listed = connection.execute("select pid from access.hidden").fetchall()
                found.append(Left("published access.hidden", {pid: 1 for (pid,) in listed if pid in pids}, len(listed)))
            there = {name for (name,) in connection.execute("select tablename from pg_tables where schemaname = %s", (SCHEMA,)).fetchall()}
            for contract in registry().layer("curated"):
                columns = naming(contract.names, registry().vocabulary)
                if columns and contract.table in there:
                    found.append(_left(connection, contract.table, list(columns), pids))
        return found

    def restrict(self, people: Sequence[Whom]) -> None:
        self.close(people)

    def release(self, people: Sequence[Whom]) -> None:
        self.close(people)

    def follow(self, people: Sequence[Whom]) -> None:
        if self.settings.bi_url:
            with asking.opened(Home(self.settings.home).warehouse) as warehouse, self._connected() as connection:
                publish(warehouse, connection, registry(), lambda _: None, hidden_people(open_files(self.settings)))

    @contextmanager
    def _connected(self) -> Iterator[psycopg.Connection]:
        with psycopg.connect(self.settings.bi_url.get_secret_value(), autocommit=True) as connection:
            yield connection


def _left(connection: psycopg.Connection, table: str, columns: Sequence[str], pids: Sequence[str]) -> Left:
    """With every row in view: these tables are fenced against their own owner, too."""
    name, rows = sql.Identifier(SCHEMA, table), {}
    with connection.transaction(force_rollback=True):
        connection.execute(sql.SQL("alter table {} no force row level security").format(name))  # undone with the transaction
        for column in map(sql.Identifier, columns):
            named = sql.SQL("select {0}, count(*) from {1} where {0} = any(%s) group by 1").format(column, name)
            rows |= dict(connection.execute(named, (list(pids),)).fetchall())
        return Left(f"published {table}", rows, connection.execute(sql.SQL("select count(*) from {}").format(name)).fetchone()[0])
