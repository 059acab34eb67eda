"""People in the feature store, for their erasure: the exported history, and what is online.

close  whose features the history says there are ─▶ their keys online, deleted one by one
purge  the history exported anew from the warehouse ─▶ online: every key that names them, deleted
"""

from collections.abc import Iterator, Sequence

import duckdb

from feature_repo.online import Online
from feature_repo.serving import export
from lakehouse.contracts import Contract, registry
from lakehouse.places import Home, feature_file
from lakehouse.privacy.erasure.clean import counted
from lakehouse.privacy.erasure.copies import Left, Place, Purged, Tell
from lakehouse.privacy.naming import naming
from lakehouse.privacy.requests import Whom
from lakehouse.privacy.rights.held import Held, theirs
from lakehouse.storage.open import open_files


class Features(Place):
    """Where nothing was ever served there is nothing."""

    name = "features"
    stage = 40

    def close(self, people: Sequence[Whom]) -> None:
        if self._served():
            Online(self.settings).delete([one.pid for one in people if one.pid])

    def purge(self, people: Sequence[Whom], tell: Tell) -> list[Purged]:
        before = {one.place: sum(one.rows.values()) for one in self.left(people)}
        if not before:
            return []
        if Home(self.settings.home).warehouse.exists():
            for contract, *_ in export(self.settings):
                tell(contract.id)
        Online(self.settings).delete([one.pid for one in people if one.pid])
        return [
            Purged(place, "written anew without them" if place.endswith(".parquet") else "deleted", rows)
            for place, rows in before.items()
            if rows
        ]

    def left(self, people: Sequence[Whom]) -> list[Left]:
        served, pids = self._served(), [one.pid for one in people if one.pid]
        if not served:
            return []
        found, files = [], open_files(self.settings)
        with duckdb.connect() as database:
            database.execute("create table people as select unnest(?::varchar[]) as pid", [pids])
            for contract in served:
                table = f"read_parquet('{files.uri(feature_file(contract.table))}')"
                columns = list(naming(contract.names, registry().vocabulary))
                found.append(Left(feature_file(contract.table), *counted(database, table, columns, "people")))
        rows, of_rows = Online(self.settings).named(pids)
        return [*found, Left("features online", rows, of_rows)]

    def held(self, one: Whom) -> Iterator[Held]:
        files, of_person = open_files(self.settings), []
        for contract in self._served() if one.pid else ():
            columns = naming(contract.names, registry().vocabulary)
            with duckdb.connect() as database:
                database.execute("set TimeZone = 'UTC'")
                named = " or ".join(f'"{name}" = $pid' for name in columns)
                sql = f"select * from read_parquet($file) where {named} order by all"
                found = database.execute(sql, {"file": files.uri(feature_file(contract.table)), "pid": one.pid}).to_arrow_table()
            of_person.append(contract)
            rows = [theirs(row, columns, one.pid) for row in found.to_pylist()]
            yield Held(feature_file(contract.table), feature_file(contract.table).rpartition("/")[0], rows, contract, contract.fields)
        if of_person and Online(self.settings).named([one.pid])[0]:
            yield from self._online(of_person, one.pid)

    def _online(self, contracts: Sequence[Contract], pid: str) -> Iterator[Held]:
        """As whoever asks for features gets them."""
        from feature_repo import serving  # and with it Feast, which takes seconds to load
        from feature_repo.store import open_store

        store = open_store(self.settings)
        for contract in contracts:
            columns = naming(contract.names, registry().vocabulary)
            (key,) = (name for name in contract.keys if name in columns)
            rows = serving.online(store, contract, serving.entities_of(self.settings, contract, [pid], key))
            told = [theirs(row, columns, pid) for row in rows if row[contract.event_time] is not None]
            yield Held("features online", f"features online/{contract.table}", told, contract, contract.fields)

    def restrict(self, people: Sequence[Whom]) -> None:
        """Online they are deleted; `lakehouse serve` leaves them out while it lasts, and brings them back after."""
        self.close(people)

    def follow(self, people: Sequence[Whom]) -> None:
        """The exported history; what is online comes with the next `lakehouse serve`."""
        if self._served() and Home(self.settings.home).warehouse.exists():
            for _ in export(self.settings):
                """One table after the other."""

    def _served(self) -> list[Contract]:
        files = open_files(self.settings)
        return [c for c in registry().layer("features") if files.list(feature_file(c.table))]
