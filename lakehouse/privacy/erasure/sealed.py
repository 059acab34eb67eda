"""People in what is sealed: raw, dead letters, media objects. Nothing is deleted there: what opened it is destroyed.

key_id ─ destroyed in the vault ─▶ no record under it opens, in no copy, until it expires by the contract's days
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence

import duckdb

from lakehouse.contracts import registry
from lakehouse.places import dead_letter_dir, media_records_dir, raw_dir
from lakehouse.privacy.erasure.copies import Left, Place
from lakehouse.privacy.requests import Whom
from lakehouse.storage.open import open_files, open_vault
from lakehouse.storage.protocols import Files


class Sealed(Place):
    """Every sealed record. What is left are those that still open: none, once the key is destroyed."""

    name = "sealed"
    stage = 90

    def left(self, people: Sequence[Whom]) -> list[Left]:
        opens = set(open_vault(self.settings).keys([one.key_id for one in people if one.key_id]))
        owner = {one.key_id: one.pid for one in people if one.key_id in opens}
        return [
            Left(place, {owner[key]: rows for key, rows in under.items() if key in owner}, of_rows)
            for place, under, of_rows in self._counted(people)
        ]

    def under(self, people: Sequence[Whom]) -> dict[str, int]:
        """Key → records that lie under it until they expire, whether it is destroyed or not."""
        sums: Counter[str] = Counter()
        for _, under, _ in self._counted(people):
            sums.update(under)
        return dict(sums)

    def _counted(self, people: Sequence[Whom]) -> Iterator[tuple[str, dict[str, int], int]]:
        files, key_ids = open_files(self.settings), sorted({one.key_id for one in people if one.key_id})
        for contract in registry().ingested:
            for folder in (raw_dir(contract.domain, contract.table), dead_letter_dir(contract.domain, contract.table)):
                parquet = [files.uri(path) for path in files.list(folder + "/") if path.endswith(".parquet")]
                yield folder, *_count(parquet, key_ids)
        for domain in sorted({c.domain for c in registry() if c.media_kinds}):
            owners = Counter(_owners(files, domain))
            yield media_records_dir(domain), {key: owners[key] for key in key_ids if owners[key]}, owners.total()


def _owners(files: Files, domain: str) -> Iterator[str]:
    for path in files.list(media_records_dir(domain) + "/"):
        yield json.loads(files.get(path))["subject"]


def _count(files: Sequence[str], key_ids: Sequence[str]) -> tuple[dict[str, int], int]:
    if not files:
        return {}, 0
    with duckdb.connect() as database:
        database.execute("create table keys as select unnest(?::varchar[]) as key_id", [list(key_ids)])
        rows = "from read_parquet(?, union_by_name = true, hive_partitioning = false)"
        under = database.execute(
            f"select subject, count(*) {rows} where subject in (select key_id from keys) group by 1", [list(files)]
        ).fetchall()
        return dict(under), database.execute(f"select count(*) {rows}", [list(files)]).fetchone()[0]
