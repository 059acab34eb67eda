"""People in what is sealed: raw, dead letters, media objects. Nothing is deleted there: what opened it is destroyed.

key_id ─ destroyed in the vault ─▶ no record under it opens, in no copy, until it expires by the contract's days
"""

import json
import mimetypes
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

import duckdb

from lakehouse.contracts import registry
from lakehouse.contracts.model import Contract, Field
from lakehouse.media.checking import all_records
from lakehouse.media.record import MediaRecord
from lakehouse.places import media_records_dir
from lakehouse.privacy.erasure.copies import Left, Place
from lakehouse.privacy.requests import Whom
from lakehouse.privacy.rights.held import Attachment, Held, Row, as_sent
from lakehouse.privacy.seal import unseal
from lakehouse.privacy.seal_stream import opened
from lakehouse.privacy.sealed_files import sealed_files
from lakehouse.storage.open import open_files, open_vault
from lakehouse.storage.protocols import Files


class Sealed(Place):
    """Every sealed record. What is left are those that still open: none, once the key is destroyed."""

    name = "sealed"
    stage = 90

    def left(self, people: Sequence[Whom]) -> list[Left]:
        opens = open_vault(self.settings).keys([one.key_id for one in people if one.key_id])
        owner = {one.key_id: one.pid for one in people if one.key_id in opens}
        return [Left(place, {owner[key]: rows for key, rows in under.items()}, of_rows) for place, under, of_rows in self._counted(owner)]

    def under(self, people: Sequence[Whom]) -> dict[str, int]:
        """Key → records that lie under it until they expire, whether it is destroyed or not."""
        sums: Counter[str] = Counter()
        for _, under, _ in self._counted({one.key_id for one in people if one.key_id}):
            sums.update(under)
        return dict(sums)

    def held(self, one: Whom) -> Iterator[Held]:
        """Opened, as it was sent."""
        if (key := self._key(one)) is not None:
            for contract in registry().ingested:
                yield from self._records(one, key, contract)
            for domain in registry().media_domains:
                yield _media(open_files(self.settings), domain, one.key_id, key)

    def of_contract(self, one: Whom, contract: Contract) -> Iterator[Held]:
        """The same of one contract's records."""
        if (key := self._key(one)) is not None:
            yield from self._records(one, key, contract)

    def _key(self, one: Whom) -> bytes | None:
        found = open_vault(self.settings).keys([one.key_id]).get(one.key_id) if one.key_id else None
        return found and found.key

    def _records(self, one: Whom, key: bytes, contract: Contract) -> Iterator[Held]:
        for folder, parquet in sealed_files(open_files(self.settings), contract):
            rows = [_opened(row, key, one.subject, registry().vocabulary) for row in _sealed(parquet, one.key_id)]
            yield Held(folder, folder, rows, contract, contract.fields)

    def _counted(self, key_ids: Collection[str]) -> Iterator[tuple[str, dict[str, int], int]]:
        """Place, key → records under it, records in all: of which a file's footer and a listing tell without a record being read."""
        files = open_files(self.settings)
        for contract in registry().ingested:
            for folder, parquet in sealed_files(files, contract):
                yield folder, *_count(parquet, key_ids)
        for domain in registry().media_domains:
            owners = Counter(record.subject for record in all_records(files, domain)) if key_ids else {}
            under = {key: owners[key] for key in key_ids if owners[key]}
            yield media_records_dir(domain), under, len(files.list(media_records_dir(domain) + "/"))


def _count(files: Sequence[str], key_ids: Collection[str]) -> tuple[dict[str, int], int]:
    if not files:
        return {}, 0
    with duckdb.connect() as database:
        rows = "from read_parquet(?, union_by_name = true, hive_partitioning = false)"
        under = []
        if key_ids:
            database.execute("create table keys as select unnest(?::varchar[]) as key_id", [sorted(key_ids)])
            sql = f"select subject, count(*) {rows} where subject in (select key_id from keys) group by 1"
            under = database.execute(sql, [list(files)]).fetchall()
        return dict(under), database.execute(f"select count(*) {rows}", [list(files)]).fetchone()[0]


def _sealed(files: Sequence[str], key_id: str) -> list[Row]:
    if not files:
        return []
    with duckdb.connect() as database:
        database.execute("set TimeZone = 'UTC'")
        sql = "select * from read_parquet($files, union_by_name = true, hive_partitioning = false) where subject = $key order by all"
        return database.execute(sql, {"files": list(files), "key": key_id}).to_arrow_table().to_pylist()


def _opened(row: Row, key: bytes, account: str, words: Mapping[str, Field]) -> Row:
    sent = unseal(key, row["payload"], (row["event_id"] or "").encode())
    try:
        payload = as_sent(json.loads(sent), account, words)
    except ValueError:  # a dead letter may be anything
        payload = sent.decode(errors="backslashreplace")
    return {name: value for name, value in row.items() if name != "subject"} | {"payload": payload}


def _media(files: Files, domain: str, key_id: str, key: bytes) -> Held:
    folder = media_records_dir(domain)
    found = [one for one in all_records(files, domain) if one.subject == key_id]
    rows = [
        {name: getattr(one, name) for name in ("media_pid", "contract", "kind", "content_type", "zone_id", "org_id", "received_at")}
        | {"plain_bytes": one.plain_bytes, "file": _name(one)}
        for one in found
    ]
    attachments = tuple(Attachment(_name(one), lambda one=one: _pieces(files, one, key)) for one in found)
    return Held(folder, folder, rows, attachments=attachments)


def _pieces(files: Files, one: MediaRecord, key: bytes) -> Iterator[bytes]:
    with files.reader(one.path) as sealed:
        yield from opened(key, sealed, one.media_pid.encode())


def _name(one: MediaRecord) -> str:
    return f"{one.kind}-{one.media_pid}{mimetypes.guess_extension(one.content_type.split(';')[0]) or '.bin'}"
