"""Looking at the source database: who it is, how far its log has come, how its slot stands, which tables it publishes.

Every look has a connection of its own, so that it sees the server that answers now, and not the one that answered once.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

import psycopg

from lakehouse.contracts.model import Contract
from lakehouse.contracts.registry import Registry
from lakehouse.errors import BadInputError, CommandFailedError
from lakehouse.settings import Settings
from lakehouse.source import REPLICATION, source_url

_CONNECT_S = 5
_TIMELINE_DIGITS = 8  # a WAL file's name begins with its timeline, in hexadecimal
_SIGHTING = """
select (select system_identifier from pg_control_system())::text, pg_walfile_name(pg_current_wal_lsn()),
       (pg_current_wal_lsn() - '0/0')::bigint
"""
_SLOT = """
select active, (restart_lsn - '0/0')::bigint, (confirmed_flush_lsn - '0/0')::bigint, coalesce(wal_status, 'lost'),
       coalesce(invalidation_reason, ''), coalesce((pg_current_wal_lsn() - restart_lsn)::bigint, 0)
from pg_replication_slots where slot_name = %s and slot_type = 'logical'
"""
# A partitioned table's rows are in its leaves, and so are their replica identities; another table is a leaf of its own.
_TABLES = """
with published as (
  select t.schemaname, t.tablename, t.attnames::text[] as columns, r.oid
  from pg_publication_tables t
  join pg_namespace n on n.nspname = t.schemaname join pg_class r on r.relnamespace = n.oid and r.relname = t.tablename
  where t.pubname = %s
), leaf as (
  select p.oid as root, c.oid, c.relreplident
  from published p join pg_class c on c.relkind = 'r' and (c.oid = p.oid or c.oid in (select relid from pg_partition_tree(p.oid)))
)
select schemaname, tablename, columns,
       array(select distinct relreplident::text from leaf where root = p.oid),
       array(select distinct a.attname::text
             from leaf join pg_index i on i.indrelid = leaf.oid and case relreplident when 'i' then i.indisreplident else i.indisprimary end
             join pg_attribute a on a.attrelid = leaf.oid and a.attnum = any(i.indkey)
             where root = p.oid)
from published p order by 1, 2
"""


@dataclass(frozen=True)
class Slot:
    """The replication slot. LSNs are byte positions in the log; `retained_bytes`: the log that the server keeps for it."""

    is_active: bool
    restart_lsn: int | None
    confirmed_lsn: int | None
    wal_status: str
    invalidation_reason: str
    retained_bytes: int


@dataclass(frozen=True)
class Sighting:
    """The source at one instant."""

    system_identifier: str
    timeline: int
    wal_lsn: int
    slot: Slot | None

    @property
    def lag_bytes(self) -> int:
        """Log that is written and not yet confirmed to be on the bus."""
        return self.wal_lsn - self.slot.confirmed_lsn if self.slot and self.slot.confirmed_lsn is not None else 0


@dataclass(frozen=True)
class Table:
    """A published table that a contract describes. `identities`: what a deleted row tells of itself (d, i key, f all, n nothing);
    of a partitioned table there may be several. `key`: the columns of that key."""

    schema: str
    name: str
    columns: tuple[str, ...]
    identities: frozenset[str]
    key: frozenset[str]
    contract: Contract

    @property
    def qualified(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def told_of_deleted(self) -> frozenset[str]:
        """The columns of a deleted row that are true. Debezium fills the others with defaults of their types."""
        return frozenset(self.columns) if self.identities == {"f"} else self.key


def source_of(settings: Settings) -> "Source":
    """The one of LAKEHOUSE_SOURCE_URL, or the one served on this machine. Raises BadInputError where there is neither."""
    return Source(source_url(settings, REPLICATION), settings.cdc_slot, settings.cdc_publication)


class Source:
    """The source database behind one URL."""

    def __init__(self, url: str, slot: str, publication: str) -> None:
        self._url = url
        self.slot = slot
        self.publication = publication

    def address(self) -> dict[str, str]:
        """Debezium's words for the URL."""
        parts = urlsplit(self._url)
        return {
            "database.hostname": parts.hostname or "127.0.0.1",
            "database.port": str(parts.port or 5432),
            "database.user": unquote(parts.username or ""),
            "database.password": unquote(parts.password or ""),
            "database.dbname": unquote(parts.path.lstrip("/")),
        }

    @contextmanager
    def connect(self, **options: object) -> Iterator[psycopg.Connection]:
        """Raises CommandFailedError where the server does not answer, or gives up while it is asked."""
        try:
            with psycopg.connect(
                self._url, autocommit=True, connect_timeout=_CONNECT_S, application_name="lakehouse-cdc", **options
            ) as connection:
                yield connection
        except psycopg.Error as error:  # its message may name what was asked for; its state is PostgreSQL's own code
            raise CommandFailedError(
                f"the source database does not answer, or refuses (SQLSTATE {error.sqlstate or 'none: no connection'})",
                hint="see whether it runs, whether LAKEHOUSE_SOURCE_URL is right, and whether its role has REPLICATION and BYPASSRLS",
            ) from error

    def sighting(self) -> Sighting:
        with self.connect() as connection:
            identifier, wal_file, lsn = connection.execute(_SIGHTING).fetchone()
            slot = connection.execute(_SLOT, [self.slot]).fetchone()
        return Sighting(identifier, int(wal_file[:_TIMELINE_DIGITS], 16), lsn, Slot(*slot) if slot else None)

    def tables(self, contracts: Registry) -> tuple[list[Table], list[str]]:
        """The published tables that contracts describe, and the names of the others. Raises BadInputError where there is none, or
        where a deleted row would not tell its tenant, without whom it has no home but in the primary region."""
        with self.connect() as connection:
            published = connection.execute(_TABLES, [self.publication]).fetchall()
        known = {c.table: c for c in contracts.layer("table") if c.id == f"source.{c.table}"}
        tables = [
            Table(s, name, tuple(columns), frozenset(ids), frozenset(key), known[name])
            for s, name, columns, ids, key in published
            if name in known
        ]
        if not tables:
            raise BadInputError(
                f"the publication {self.publication} holds no table that a contract describes",
                hint="run the migrations of the source database, or set LAKEHOUSE_CDC_PUBLICATION",
            )
        mute = [t.qualified for t in tables if "org_id" in t.columns and "org_id" not in t.told_of_deleted]
        if mute and not contracts.here.is_primary:
            raise BadInputError(
                f"{', '.join(mute)}: a deleted row does not tell its tenant, and so not whether it was {contracts.here.region_id}'s",
                hint="alter table … replica identity full, as our migrations have it",
            )
        return tables, [f"{s}.{name}" for s, name, *_ in published if name not in known]

    def mark(self) -> int:
        """Write a mark into the log that Debezium will meet; returns a position before it, and behind all that is committed."""
        with self.connect() as connection:
            (before,) = connection.execute("select (pg_current_wal_insert_lsn() - '0/0')::bigint").fetchone()
            connection.execute("select pg_logical_emit_message(false, 'lakehouse.mark', '')")
        return before

    def drop_slot(self) -> None:
        """Absent is fine. Raises CommandFailedError where somebody reads from it."""
        with self.connect() as connection:
            connection.execute("select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = %s", [self.slot])
