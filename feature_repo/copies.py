"""People in the feature store, for their erasure: the exported history, and what is online.

close  whose features the history says there are ─▶ their keys online, deleted one by one
purge  the history exported anew from the warehouse ─▶ online: every key that names them, deleted
"""

from collections.abc import Sequence

import duckdb

from feature_repo.online import Online
from feature_repo.serving import export
from lakehouse.contracts import Contract, registry
from lakehouse.places import Home, feature_file
from lakehouse.privacy.erasure.clean import counted
from lakehouse.privacy.erasure.copies import Left, Place, Purged, Tell
from lakehouse.privacy.naming import naming
from lakehouse.privacy.requests import Whom
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

    def _served(self) -> list[Contract]:
        files = open_files(self.settings)
        return [c for c in registry().layer("features") if files.list(feature_file(c.table))]
