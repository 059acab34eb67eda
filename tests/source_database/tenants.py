"""Tenants' rows in every table there is, made from the catalog: a table added tomorrow is seeded and attacked, too.

    catalog ─▶ Table (columns, keys, foreign keys) ─▶ seed(): a row of every zone and org in every table

Three zones, and six orgs, two at home in each; every table has a row of each of the 18 pairs (organizations of the six that
exist), so that zone and org are told apart one without the other. Shared tables also have rows of a zone without org.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import product

import psycopg
from psycopg import sql

from lakehouse.contracts import registry

ZONES = ("univprep", "skillprep", "kzone")
ORGS = (1, 2, 3, 4, 5, 6)
OF_NOBODY = ("alembic_version",)  # no tenant's, and nobody but the owner has a privilege on it
LOOKED_UP = ("zones", "audit_log")  # written by the platform; tenants read their part
_BASE = datetime(2025, 11, 3, tzinfo=UTC)


@dataclass(frozen=True)
class Tenant:
    zone_id: str
    org_id: int | None

    def __str__(self) -> str:
        return f"{self.zone_id}.{self.org_id or 'zone'}"


PAIRS = tuple(Tenant(zone, org) for zone, org in product(ZONES, ORGS))


@dataclass
class Table:
    """A table of public as the catalog has it. `refers`: own column → the table whose key it holds."""

    name: str
    columns: dict[str, str]
    key: str
    is_shared: bool
    refers: dict[str, str] = field(default_factory=dict)
    partitions: list[str] = field(default_factory=list)

    def rows(self) -> list[Tenant]:
        if self.name == "organizations":
            return [Tenant(ZONES[(org - 1) // 2], org) for org in ORGS]
        return [*PAIRS, *(Tenant(zone, None) for zone in ZONES)] if self.is_shared else list(PAIRS)

    def readable_by(self, tenant: Tenant) -> set[str]:
        mine = {tenant, Tenant(tenant.zone_id, None)} if self.is_shared else {tenant}
        return {key_of(self, row) for row in self.rows() if row in mine}

    def written_by(self, tenant: Tenant) -> set[str]:
        return {key_of(self, row) for row in self.rows() if row == tenant}

    def row(self, tenant: Tenant, **instead: object) -> dict[str, object]:
        """A row that every constraint allows."""
        made: dict[str, object] = {"zone_id": tenant.zone_id, "org_id": tenant.org_id}
        for place, (name, kind) in enumerate(self.columns.items()):
            if name in made:
                continue
            if name in self.refers:
                target = self.refers[name]
                # An exam that is the tenant's own where it has any; users and classes are.
                made[name] = f"{target}-{tenant}"
            elif name == self.key:
                made[name] = key_of(self, tenant)
            else:
                made[name] = _value(name, kind, place)
        return made | instead

    def insert(self, row: dict[str, object]) -> tuple[sql.Composed, list[object]]:
        names = sql.SQL(", ").join(map(sql.Identifier, row))
        places = sql.SQL(", ").join(sql.Placeholder() * len(row))
        return sql.SQL("insert into {} ({}) values ({})").format(sql.Identifier(self.name), names, places), list(row.values())


def key_of(table: Table, row: Tenant) -> str:
    if table.name == "organizations":
        return str(row.org_id)
    return f"{table.refers.get(table.key, table.name)}-{row}"


def _value(name: str, kind: str, place: int) -> object:
    word = registry().vocabulary.get(name)
    if word is not None and word.values:
        return word.values[0]
    if name == "price_currency":
        return "KRW"
    return {
        "text": f"{name} of a row",
        "integer": 1,
        "bigint": 1,
        "double precision": 0.5,
        "numeric(18,6)": Decimal("1.5"),
        "boolean": True,
        "date": date(2025, 11, 3),
        "timestamp with time zone": _BASE + timedelta(minutes=place),
    }[kind]


def tables(connection: psycopg.Connection) -> dict[str, Table]:
    """Every table of public that is no partition, in an order in which foreign keys allow to fill them."""
    found: dict[str, Table] = {}
    names = [
        name
        for (name,) in connection.execute(
            "select relname from pg_class where relkind in ('r', 'p') and not relispartition and relnamespace = 'public'::regnamespace order by 1"
        )
    ]
    for name in names:
        if name in OF_NOBODY or name in LOOKED_UP:
            continue
        columns = connection.execute(
            "select attname, format_type(atttypid, atttypmod), attnotnull from pg_attribute "
            "where attrelid = %s::regclass and attnum > 0 and not attisdropped order by attnum",
            (name,),
        ).fetchall()
        keys = connection.execute(
            "select a.attname from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0] "
            "where i.indrelid = %s::regclass and i.indisprimary",
            (name,),
        ).fetchone()
        refers = connection.execute(
            "select a.attname, c.confrelid::regclass::text from pg_constraint c "
            "join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[array_upper(c.conkey, 1)] "
            "where c.contype = 'f' and c.conrelid = %s::regclass and c.conparentid = 0",
            (name,),
        ).fetchall()
        parts = connection.execute(
            "select relid::regclass::text from pg_partition_tree(%s) where isleaf and relid <> %s::regclass", (name, name)
        )
        found[name] = Table(
            name,
            {column: kind for column, kind, _ in columns},
            keys[0] if keys else columns[0][0],
            is_shared=any(column == "org_id" and not required for column, _, required in columns),
            refers={column: table for column, table in refers if column not in ("zone_id", "org_id")},
            partitions=[part for (part,) in parts],
        )
    return _in_order(found)


def _in_order(found: dict[str, Table]) -> dict[str, Table]:
    """Organizations first; then a table after those that it refers to."""
    ordered = {"organizations": found["organizations"]} if "organizations" in found else {}
    while len(ordered) < len(found):
        ready = [t for n, t in found.items() if n not in ordered and set(t.refers.values()) <= ordered.keys() | {n}]
        assert ready, f"foreign keys in a circle: {found.keys() - ordered.keys()}"
        ordered |= {t.name: t for t in ready}
    return ordered


def seed(connection: psycopg.Connection) -> None:
    """`connection` may write for every tenant."""
    for table in tables(connection).values():
        for tenant in table.rows():
            connection.execute(*table.insert(table.row(tenant)))
