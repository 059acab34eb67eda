"""The migrated database and the contracts say the same: every captured table, every column, every type."""

import pytest

from lakehouse.contracts import registry
from lakehouse.contracts.project import CLEAN_PREFIX
from lakehouse.source import PUBLICATION, REPLICATION

# What change data capture itself adds to a row.
OF_CAPTURE = {"op", "source_lsn", "source_epoch", "unchanged_fields"}
OF_ENVELOPE = {"zone_id", "org_id"}
FLOORS = "source.table_floors"
FITTING = {
    "text": {"text"},
    "integer": {"integer", "bigint"},
    "float": {"double precision"},
    "decimal": {"numeric(18,6)"},
    "boolean": {"boolean"},
    "timestamp": {"timestamp with time zone"},
    "date": {"date"},
}
CONTRACTS = [c for c in registry().layer("table") if c.id != FLOORS]


def columns(connection, table: str) -> dict[str, tuple[str, bool]]:
    """Name → type, and whether it may be null."""
    rows = connection.execute(
        "select attname, format_type(atttypid, atttypmod), not attnotnull from pg_attribute "
        "where attrelid = %s::regclass and attnum > 0 and not attisdropped",
        (f"public.{table}",),
    )
    return {name: (kind, nullable) for name, kind, nullable in rows}


def published(connection) -> set[str]:
    return {name for (name,) in connection.execute("select tablename from pg_publication_tables where pubname = %s", (PUBLICATION,))}


def test_every_captured_table_has_a_contract_and_every_contract_its_table(schema):
    with schema.connect() as connection:
        assert published(connection) == {c.table for c in CONTRACTS}


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda c: c.id)
def test_a_contract_and_its_table_have_the_same_columns(schema, contract):
    with schema.connect() as connection:
        found = columns(connection, contract.table)
    expected = {f.name: f for f in contract.fields if f.name not in OF_CAPTURE}
    assert found.keys() == expected.keys() | OF_ENVELOPE
    for name, field in expected.items():
        kind, may_be_null = found[name]
        assert kind in FITTING[field.type], f"{contract.table}.{name} is {kind}"
        assert not (field.required and may_be_null), f"{contract.table}.{name} may be null, and the contract requires it"
    assert found["zone_id"] == ("text", False)
    assert found["org_id"][0] == "integer"


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda c: c.id)
def test_the_row_key_leads_the_primary_key(schema, contract):
    """So that equal row keys are equal rows. A partitioned table's key holds the partition's column, too."""
    with schema.connect() as connection:
        key = connection.execute("select pg_get_constraintdef(oid) from pg_constraint where contype = 'p' and conrelid = %s::regclass", (contract.table,)).fetchone()[0]  # fmt: skip
    assert key.removeprefix("PRIMARY KEY (").rstrip(")").split(", ")[0] == contract.row_key


def test_a_delete_and_an_untouched_text_arrive_whole(schema):
    """Every captured table and each of its partitions, in which changes are really logged, has its whole row as identity."""
    with schema.connect() as connection:
        identities = connection.execute(
            "select c.relname, c.relreplident from pg_publication_rel p join pg_class c "
            "on c.oid = p.prrelid or c.oid in (select relid from pg_partition_tree(p.prrelid)) "
            "where p.prpubid = (select oid from pg_publication where pubname = %s)",
            (PUBLICATION,),
        ).fetchall()
        assert len(identities) > len(CONTRACTS)
        assert {name for name, identity in identities if identity != "f"} == set()
        assert connection.execute("select pubviaroot from pg_publication where pubname = %s", (PUBLICATION,)).fetchone()[0]


def test_the_reader_of_the_publication_may_read_it_and_nothing_else(schema):
    with schema.connect(REPLICATION) as connection, schema.connect() as owner:
        readable = connection.execute(
            "select c.relname from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition "
            "and has_table_privilege(c.oid, 'select')"
        ).fetchall()
        assert {name for (name,) in readable} == published(owner)
        writable = connection.execute(
            "select count(*) from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') "
            "and has_table_privilege(c.oid, 'insert, update, delete, truncate')"
        )
        assert writable.fetchone()[0] == 0
        assert connection.execute(
            "select rolreplication and rolbypassrls and not rolsuper from pg_roles where rolname = current_user"
        ).fetchone()[0]


def test_the_floors_speak_of_no_table_of_the_source(schema):
    floors = registry().get(FLOORS)
    assert floors.subject is None
    assert set(floors.names) == OF_CAPTURE - {"unchanged_fields"} | {"changed_at", "table_name", "floor_reason"}
    assert set(CLEAN_PREFIX) >= OF_ENVELOPE


def test_the_sites_are_those_of_the_contracts(schema):
    with schema.connect() as connection:
        sites = connection.execute("select zone_id, zone_name, site_host, zone_code from zones").fetchall()
    assert set(sites) == {(z.zone_id, z.zone_name, z.site_host, z.zone_code) for z in registry().zones}
